"""What the numbers are compared with, measured in the same run."""
import http.client
import json
import os
import statistics
import urllib.parse
import urllib.request

from .stack import spent, timed


class Reader:
    """One task, one connection, one request at a time."""

    def __init__(self, stack):
        self.stack = stack
        client = stack.tenants[0]["clients"][0]
        body = urllib.parse.urlencode({
            "client_id": client["clientId"], "client_secret": client["secret"], "grant_type": "client_credentials",
            "scope": "https://graph.microsoft.com/.default"}).encode()
        answer = json.load(urllib.request.urlopen(f"{stack.url}/{stack.tenant}/oauth2/v2.0/token", body))
        self.connect(answer["access_token"])

    def connect(self, token):
        self.connection = http.client.HTTPConnection(urllib.parse.urlparse(self.stack.url).netloc)
        self.headers = {"Authorization": "Bearer " + token, "User-Agent": "plain-reader"}
        self.requests = 0

    def send(self, method, target, body=None):
        headers = dict(self.headers, **({"Content-Type": "application/json"} if body else {}))
        self.connection.request(method, target, body=body, headers=headers)
        self.requests += 1
        answer = self.connection.getresponse().read()
        return json.loads(answer) if answer else {}

    def get(self, target):
        items = []
        while target:
            page = self.send("GET", target)
            items += page.get("value", [])
            link = page.get("@odata.nextLink")
            target = link and link[link.index("/", 8):]
        return items


def users(get):
    get("/v1.0/users?$top=999")
    get("/v1.0/users?$select=id&$expand=manager&$top=999")


def plain_users(stack):
    """Users and their managers alone, read in the same way."""
    users(Reader(stack).get)


def plain_reader(stack):
    """The same collections as a script would read them: no $batch, parsed, nothing stored. Its requests."""
    reader = Reader(stack)
    get = reader.get
    users(get)
    for group in get("/v1.0/groups?$top=999"):
        get(f"/v1.0/groups/{group['id']}/members?$select=id&$top=999")
        get(f"/v1.0/groups/{group['id']}/owners?$select=id")
    for application in get("/v1.0/applications?$top=999"):
        for part in ("owners", "federatedIdentityCredentials", "extensionProperties"):
            get(f"/v1.0/applications/{application['id']}/{part}")
    for principal in get("/v1.0/servicePrincipals?$top=999"):
        for part in ("owners", "appRoleAssignedTo", "delegatedPermissionClassifications"):
            get(f"/v1.0/servicePrincipals/{principal['id']}/{part}")
    for device in get("/v1.0/devices?$top=999"):
        get(f"/v1.0/devices/{device['id']}/registeredOwners")
    for path in ("organization", "domains", "oauth2PermissionGrants", "roleManagement/directory/roleDefinitions",
                 "roleManagement/directory/roleAssignments", "identity/conditionalAccess/policies",
                 "identity/conditionalAccess/namedLocations", "directory/administrativeUnits", "subscribedSkus"):
        get("/v1.0/" + path)
    return reader.requests


def same_requests(stack, recorded):
    """The very requests that a backup sent, one at a time, parsed, nothing stored."""
    reader = Reader(stack)
    for request in recorded:
        reader.send(request["method"], request["target"], request["body"] or None)
    return reader.requests


def copy(stack):
    """Seconds, by the clock and of CPU, that binary COPY needs for the very rows that a first backup wrote (versions of
    objects and of links, contents) into tables with the same primary keys, as their owner: no other index, no row-level
    security. Each is the median of three."""
    keys = {"object_versions": "tenant_id, type, object_id, facet, from_snapshot",
            "link_versions": "tenant_id, type, object_id, relationship, target_id, from_snapshot",
            "contents": "tenant_id, digest"}
    owner = os.stat(stack.data + "/postgres")
    files = stack.home + "/copy"
    os.mkdir(files)
    os.chown(files, owner.st_uid, owner.st_gid)
    for table in keys:
        columns = "*" if table != "contents" else "tenant_id, digest, type, facet, object_id, payload, tokens"
        stack.sql(f"COPY (SELECT {columns} FROM backup.{table} ORDER BY random()) TO '{files}/{table}' (FORMAT binary)")
    runs = [copied(stack, keys, files) for _ in range(3)]
    return statistics.median(seconds for seconds, _ in runs), statistics.median(cpu for _, cpu in runs)


def copied(stack, keys, files):
    """Seconds by the clock and of PostgreSQL's CPU that one COPY of each of the tables takes."""
    total, cpu = 0, 0
    for table, key in keys.items():
        stack.sql(f"CREATE TABLE public.{table} (LIKE backup.{table})")
        stack.sql(f"ALTER TABLE public.{table} ADD PRIMARY KEY ({key})")
    stack.sql("CHECKPOINT")
    for table in keys:
        before = stack.cpu()
        total += timed(lambda: stack.sql(f"COPY public.{table} FROM '{files}/{table}' (FORMAT binary)"))[0]
        cpu += spent(before, stack.cpu(), ["postgres"])
    for table in keys:
        stack.sql(f"DROP TABLE public.{table}")
    return total, cpu


def quota_floor(units, users):
    """Seconds that the service's quota sets for so many resource units (token bucket of an app and tenant)."""
    rate = 350 if users < 50 else 500 if users <= 500 else 800
    return units / rate


def batch_items(recorded):
    """(requests that are no batch, items in batches) of recorded requests."""
    single = items = 0
    for request in recorded:
        if request["target"].endswith("/$batch") or "%24batch" in request["target"]:
            items += len(json.loads(request["body"])["requests"])
        else:
            single += 1
    return single, items
