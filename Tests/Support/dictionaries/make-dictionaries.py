#!/usr/bin/env python3
"""Trains the compression dictionaries of the target Sealing and writes them as Swift files.

    make-dictionaries.py OUTPUT-FOLDER [--samples FOLDER]

The samples are simulated objects in canonical form (keys sorted, no white space). Names come from
attributes.json, which lists attributes by type as in the Graph v1.0 metadata document; values are made up.
The run is seeded: the same script, list and zstd give the same bytes.

A dictionary id is for ever, because payloads that name it stay in databases and in dumps. To improve a
dictionary add a line to DICTIONARIES with a new id and a new file, and leave the old file alone.
Needs zstd on the path (made with 1.5.4).
"""
import base64
import hashlib
import json
import pathlib
import random
import subprocess
import sys
import tempfile

# id in the payload header, Swift name, group of types, size in bytes
DICTIONARIES = [
    (2, "directoryDictionary2", "directory", 16384),
    (3, "policyDictionary3", "policy", 16384),
]
SEED = 20240229
SCHEMA = json.loads((pathlib.Path(__file__).parent / "attributes.json").read_text())
WEIGHTS = {
    "user": 30, "group": 15, "device": 12, "servicePrincipal": 12, "application": 8, "appRoleAssignment": 8,
    "oAuth2PermissionGrant": 5, "orgContact": 4, "administrativeUnit": 2,
    "conditionalAccessPolicy": 25, "settingsCatalog": 40, "assignment": 15, "unifiedRoleDefinition": 4,
    "unifiedRoleManagementPolicy": 3, "windows10CustomConfiguration": 6, "windows10CompliancePolicy": 5,
}
PLANS = ["exchange", "SharePoint", "MicrosoftOffice", "TeamspaceAPI", "WindowsDefenderATP", "SCO",
         "MicrosoftCommunicationsOnline", "PowerAppsService", "ProcessSimple", "AADPremiumService", "To-Do",
         "YammerEnterprise", "Sway", "Deskless", "Whiteboard", "MicrosoftKaizala", "RMSOnline", "Adallom"]
AREAS = ["accounts", "admx", "applicationmanagement", "authentication", "bitlocker", "browser", "connectivity",
         "defender", "deviceguard", "devicelock", "experience", "firewall", "localpoliciessecurityoptions",
         "microsoft_edge", "power", "privacy", "search", "security", "smartscreen", "storage", "system",
         "update", "windowslogon", "wifi"]
ACTIONS = ["applications", "auditLogs", "devices", "groups", "groups/members", "groups/owners", "policies",
           "servicePrincipals", "users", "users/licenses", "roleAssignments", "namedLocations"]


class Simulator:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.domain = ""
        self.new_tenant()

    def new_tenant(self):
        """Values that all objects of one tenant share; many tenants, so that none of them is learnt."""
        self.domain = self.word(6, 12) + self.pick([".com", ".org", ".net", ".onmicrosoft.com"])
        self.cities = [self.name() for _ in range(3)]
        self.departments = [self.name() for _ in range(6)]
        self.plan_ids = {plan: self.guid() for plan in PLANS}
        self.skus = [self.guid() for _ in range(4)]
        self.null_rates = {}

    def pick(self, values):
        return self.random.choice(values)

    def chance(self, probability):
        return self.random.random() < probability

    def word(self, low=3, high=9):
        parts = ["an", "be", "cor", "da", "el", "fi", "ga", "hu", "in", "jo", "ka", "lo", "mi", "na", "os", "pe",
                 "qui", "ra", "sa", "to", "ul", "va", "wi", "xe", "yo", "za", "str", "ber", "ing", "ton"]
        out = ""
        while len(out) < low:
            out += self.pick(parts)
        return out[:high]

    def name(self):
        return self.word().capitalize()

    def sentence(self):
        return " ".join(self.word() for _ in range(self.random.randint(3, 12))).capitalize()

    def guid(self):
        h = "%032x" % self.random.getrandbits(128)
        return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-a{h[17:20]}-{h[20:]}"

    def time(self):
        r = self.random.randint
        text = f"20{r(15, 29)}-{r(1, 12):02}-{r(1, 28):02}T{r(0, 23):02}:{r(0, 59):02}:{r(0, 59):02}"
        return text + (f".{r(0, 9999999):07}Z" if self.chance(0.3) else "Z")

    def digits(self, count):
        return "".join(self.pick("0123456789") for _ in range(count))

    def value(self, type_name, name, depth):
        if type_name.endswith("*"):
            if name in ("assignedPlans", "provisionedPlans"):
                return [self.value(type_name[:-1], name, depth) for _ in range(self.random.randint(4, 14))]
            count = 0 if self.chance(0.5) else self.random.randint(1, 3)
            return sorted((self.value(type_name[:-1], name, depth) for _ in range(count)), key=canonical)
        if type_name.startswith("="):
            members = SCHEMA["enums"][type_name[1:]]
            return members[min(int(self.random.expovariate(0.9)), len(members) - 1)]
        if type_name.startswith("@"):
            return self.structure(type_name[1:], depth + 1)
        if type_name == "string":
            return self.string(name)
        return {
            "bool": lambda: self.chance(0.35), "int": lambda: self.pick([0, 0, 1, 5, 30, 90, 365]),
            "time": self.time, "guid": self.guid, "date": lambda: self.time()[:10], "double": lambda: 0,
            "duration": lambda: self.pick(["PT8H", "PT1H", "P90D", "P365D"]), "timeOfDay": lambda: "08:00:00.0000000",
            "binary": lambda: base64.b64encode(self.random.randbytes(24)).decode(),
        }[type_name]()

    def structure(self, name, depth):
        complex_type = SCHEMA["complex"].get(name)
        if complex_type is None or depth > 5:
            return None
        if "derived" in complex_type and (complex_type.get("abstract") or self.chance(0.5)):
            derived = self.pick(complex_type["derived"])
            result = self.structure(derived, depth)
            if result is not None:
                result["@odata.type"] = "#microsoft.graph." + derived
            return result
        if name in ("assignedPlan", "provisionedPlan"):
            plan = self.pick(PLANS)
            full = {"assignedDateTime": self.time(), "capabilityStatus": self.pick(["Enabled", "Enabled", "Deleted"]),
                    "service": plan, "servicePlanId": self.plan_ids[plan], "provisioningStatus": "Success"}
            return {key: full[key] for key in complex_type["properties"] if key in full}
        return self.attributes(complex_type["properties"], False, depth)

    def null_rate(self, name):
        """An organization fills an attribute in most of its objects, in some, or in none."""
        if name in ("id", "displayName", "userPrincipalName", "appId", "deviceId", "principalId", "resourceId"):
            return 0
        if name not in self.null_rates:
            self.null_rates[name] = self.random.choices([0.02, 0.5, 0.98], [35, 15, 50])[0]
        return self.null_rates[name]

    def attributes(self, properties, sparse, depth=0):
        result = {}
        for name, type_name in properties.items():
            if not (type_name == "bool" and depth) and self.chance(self.null_rate(name)):
                if sparse:
                    continue
                result[name] = [] if type_name.endswith("*") else None
            else:
                result[name] = self.value(type_name, name, depth)
        return result

    def string(self, name):
        lower = name.lower()
        if lower.endswith("id") and not lower.startswith(("userprincipal", "employee")) or lower.endswith("ids"):
            return self.guid()
        if lower in ("mail", "userprincipalname", "othermails", "imaddresses", "onpremisesuserprincipalname"):
            return f"{self.word()}.{self.word()}@{self.domain}"
        if lower == "proxyaddresses":
            return f"{self.pick(['SMTP', 'smtp'])}:{self.word()}.{self.word()}@{self.domain}"
        if lower in ("displayname", "description", "name", "notes", "appdisplayname", "resourcedisplayname"):
            return self.sentence() if lower == "description" else f"{self.name()} {self.name()}"
        if "phone" in lower or lower == "faxnumber":
            return f"+{self.digits(2)} {self.digits(3)} {self.digits(7)}"
        if lower.endswith(("url", "urls", "uris")) or lower in ("homepage", "mysite"):
            return f"https://{self.word()}.{self.domain}/{self.word()}"
        if lower in FIXED:
            return self.pick(FIXED[lower])
        if lower == "city":
            return self.pick(self.cities)
        if lower == "department":
            return self.pick(self.departments)
        if lower == "onpremisesdistinguishedname":
            return f"CN={self.name()} {self.name()},OU=Users,OU={self.name()},DC={self.word()},DC=local"
        if lower.endswith("securityidentifier"):
            return f"S-1-5-21-{self.digits(10)}-{self.digits(9)}-{self.digits(10)}-{self.digits(5)}"
        if lower == "allowedresourceactions":
            return f"microsoft.directory/{self.pick(ACTIONS)}/{self.pick(['create', 'delete', 'allProperties/read'])}"
        if lower == "physicalids":
            return f"[{self.pick(['USER-GID', 'GID', 'USER-HWID', 'HWID', 'ZTDID'])}]:{self.pick(['', 'h:', 'g:'])}" \
                + self.guid()
        return self.name()

    def sample(self, group, type_name):
        if type_name == "settingsCatalog":
            return self.settings_catalog()
        if type_name == "assignment":
            return self.assignment()
        properties = SCHEMA[group][type_name]
        result = self.attributes(properties, sparse=self.chance(0.4))
        if type_name.endswith(("Configuration", "CompliancePolicy", "NamedLocation")):
            result["@odata.type"] = "#microsoft.graph." + type_name
        return result

    def assignment(self):
        kind = self.pick(["groupAssignmentTarget", "allDevicesAssignmentTarget", "allLicensedUsersAssignmentTarget",
                          "exclusionGroupAssignmentTarget"])
        target = {"@odata.type": "#microsoft.graph." + kind,
                  "deviceAndAppManagementAssignmentFilterId": None,
                  "deviceAndAppManagementAssignmentFilterType": "none"}
        if "roup" in kind:
            target["groupId"] = self.guid()
        return {"id": f"{self.guid()}_{self.guid()}", "source": "direct", "sourceId": self.guid(), "target": target}

    def settings_catalog(self):
        if self.chance(0.3):
            return {"creationSource": None, "description": self.sentence(), "id": self.guid(),
                    "isAssigned": self.chance(0.7), "name": f"{self.name()} - {self.name()}",
                    "platforms": self.pick(["windows10", "macOS", "iOS", "linux"]), "priorityMetaData": None,
                    "roleScopeTagIds": ["0"], "settingCount": self.random.randint(1, 60),
                    "technologies": self.pick(["mdm", "mdm,microsoftSense", "mdm,appleRemoteManagement"]),
                    "templateReference": {"templateDisplayName": None, "templateDisplayVersion": None,
                                          "templateFamily": self.pick(["none", "baseline", "endpointSecurityFirewall"]),
                                          "templateId": ""}}
        return {"id": str(self.random.randint(0, 60)), "settingInstance": self.setting(0)}

    def setting(self, depth):
        prefix = self.pick(["device_vendor_msft_policy_config_", "user_vendor_msft_policy_config_",
                            "device_vendor_msft_", "com.apple."])
        definition = f"{prefix}{self.pick(AREAS)}_{self.word(5, 20)}"
        base = "#microsoft.graph.deviceManagementConfiguration"
        out = {"settingDefinitionId": definition, "settingInstanceTemplateReference": None}
        kind = "choice" if self.chance(0.7) else self.pick(["simple", "simpleCollection", "group"])
        if kind == "choice":
            children = [self.setting(depth + 1) for _ in range(self.pick([0, 0, 1, 2]))] if depth < 2 else []
            out["@odata.type"] = base + "ChoiceSettingInstance"
            out["choiceSettingValue"] = {"children": children, "settingValueTemplateReference": None,
                                         "value": f"{definition}_{self.pick([0, 1, 2])}"}
        elif kind == "group":
            out["@odata.type"] = base + "GroupSettingCollectionInstance"
            out["groupSettingCollectionValue"] = [
                {"children": [self.setting(depth + 1)] if depth < 2 else [], "settingValueTemplateReference": None}]
        else:
            text = self.chance(0.5)
            value = {"@odata.type": base + ("StringSettingValue" if text else "IntegerSettingValue"),
                     "settingValueTemplateReference": None, "value": self.word() if text else self.pick([1, 8, 15])}
            collection = kind == "simpleCollection"
            out["@odata.type"] = base + ("SimpleSettingCollectionInstance" if collection else "SimpleSettingInstance")
            out["simpleSettingCollectionValue" if collection else "simpleSettingValue"] = \
                [value] if collection else value
        return out


FIXED = {
    "usertype": ["Member", "Guest"], "usagelocation": ["DE", "US", "GB", "FR", "NL", "CH"],
    "preferredlanguage": ["en-US", "de-DE", "fr-FR"], "country": ["Germany", "United States", "France"],
    "passwordpolicies": ["DisablePasswordExpiration", "None"], "visibility": ["Private", "Public"],
    "grouptypes": ["Unified", "DynamicMembership"], "operatingsystem": ["Windows", "iOS", "AndroidForWork", "MacMDM"],
    "operatingsystemversion": ["10.0.22631.3155", "10.0.19045.4046", "17.3.1"],
    "deviceownership": ["Company", "Personal"],
    "trusttype": ["AzureAd", "ServerAd", "Workplace"], "managementtype": ["MDM"], "profiletype": ["RegisteredDevice"],
    "enrollmenttype": ["AzureDomainJoined", "OnPremiseCoManaged"],
    "manufacturer": ["Dell Inc.", "LENOVO", "HP", "Apple"],
    "principaltype": ["User", "Group", "ServicePrincipal"], "serviceprincipaltype": ["Application", "ManagedIdentity"],
    "signinaudience": ["AzureADMyOrg", "AzureADMultipleOrgs"], "consenttype": ["AllPrincipals", "Principal"],
    "scope": ["User.Read", "openid profile offline_access User.Read", "Directory.Read.All"],
    "capabilitystatus": ["Enabled"], "state": ["Active", "enabled", "disabled"], "externaluserstate": ["Accepted"],
    "signintype": ["userPrincipalName", "federated", "emailAddress"], "membershipruleprocessingstate": ["On"],
    "theme": ["Blue"], "tags": ["WindowsAzureActiveDirectoryIntegratedApp", "HideApp"], "rolescopetagids": ["0"],
    "includeapplications": ["All", "Office365", "None"], "includeusers": ["All", "None", "GuestsOrExternalUsers"],
    "includelocations": ["All", "AllTrusted"], "excludelocations": ["AllTrusted"], "directoryscopeid": ["/"],
    "resourcescopes": ["/"], "type": ["User", "Admin", "Scope", "Role", "AsymmetricX509Cert"],
    "usage": ["Verify", "Sign"], "allowedmembertypes": ["User", "Application"], "version": ["1", "2"],
    "osminimumversion": ["10.0.19045.0", "10.0.22621.0", "16.0"], "omauri": ["./Device/Vendor/MSFT/Policy/Config/"],
}


def canonical(value):
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def write_samples(folder, group):
    simulator = Simulator(f"{SEED} {group}")
    names = list(SCHEMA[group]) + (["settingsCatalog", "assignment"] if group == "policy" else [])
    weights = [WEIGHTS.get(name, 1) for name in names]
    for number in range(8000):
        if number % 20 == 0:
            simulator.new_tenant()
        type_name = simulator.random.choices(names, weights)[0]
        (folder / f"{number:05}-{type_name}.json").write_text(canonical(simulator.sample(group, type_name)))


def swift_source(identifier, name, group, data):
    text = base64.b64encode(data).decode()
    lines = "\n".join("    " + text[start:start + 112] for start in range(0, len(text), 112))
    return f'''// Written by Tests/Support/dictionaries/make-dictionaries.py. Payloads need these bytes for ever.

/// Dictionary {identifier}: trained on simulated objects of the group "{group}", {len(data)} bytes in base64.
/// SHA-256 {hashlib.sha256(data).hexdigest()}.
let {name} = """
{lines}
    """
'''


def main():
    output = pathlib.Path(sys.argv[1])
    keep = pathlib.Path(sys.argv[3]) if sys.argv[2:3] == ["--samples"] else None
    for identifier, name, group, size in DICTIONARIES:
        with tempfile.TemporaryDirectory() as scratch:
            folder = keep / group if keep else pathlib.Path(scratch) / "samples"
            folder.mkdir(parents=True, exist_ok=True)
            write_samples(folder, group)
            trained = pathlib.Path(scratch) / "dictionary"
            subprocess.run(["zstd", "--train", "-r", str(folder), "-q", f"--maxdict={size}", f"--dictID={identifier}",
                            "-o", str(trained)], check=True)
            data = trained.read_bytes()
            file = output / (name[0].upper() + name[1:] + ".swift")
            file.write_text(swift_source(identifier, name, group, data))
            print(f"{file}: {len(data)} bytes, SHA-256 {hashlib.sha256(data).hexdigest()}")


if __name__ == "__main__":
    main()
