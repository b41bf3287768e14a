extension TenantGenerator {
    static let graphAppID = "00000003-0000-0000-c000-000000000000"
    static let microsoftTenant = "f8cdef31-a31e-4b4a-93e4-5f571e91255a"

    /// First-party services that every tenant has.
    private static let firstParty: [(String, String)] = [
        (graphAppID, "Microsoft Graph"), ("00000002-0000-0ff1-ce00-000000000000", "Office 365 Exchange Online"),
        ("00000003-0000-0ff1-ce00-000000000000", "Office 365 SharePoint Online"),
        ("00000002-0000-0000-c000-000000000000", "Windows Azure Active Directory"),
        ("797f4846-ba00-4fd7-ba43-dac1f8f63013", "Windows Azure Service Management API"),
        ("0000000a-0000-0000-c000-000000000000", "Microsoft Intune"),
        ("cc15fd57-2c6c-4117-a88c-83b1d56b4bbe", "Microsoft Teams Services"),
        ("00000007-0000-0000-c000-000000000000", "Dataverse"),
    ]

    mutating func makeApplications() {
        for (number, client) in clients.enumerated() {
            writeApplication(appID: client.clientID, name: client.name, number: number)
        }
        for number in 0..<size.applications {
            let name = "\(random.pick(Vocabulary.departments)) \(random.pick(Vocabulary.applicationNouns)) \(number)"
            writeApplication(appID: random.guid(), name: name, number: number + clients.count)
        }
    }

    private mutating func writeApplication(appID: String, name: String, number: Int) {
        let scope = random.guid()
        let role = random.guid()
        let permissions = (0..<random.below(6)).map { _ in #"{"id":"\#(random.guid())","type":"Scope"}"# }
        let json = """
            {"id":"\(random.guid())","appId":"\(appID)","displayName":\(quoted(name)),"createdDateTime":"\(pastTime())",
            "description":\(random.chance(0.3) ? quoted("Über \(name)") : "null"),
            "identifierUris":\(random.chance(0.4) ? "[\"api://\(appID)\"]" : "[]"),
            "publisherDomain":"\(initialDomain)",
            "signInAudience":"\(random.pick(["AzureADMyOrg", "AzureADMultipleOrgs"]))",
            "addIns":[],"tags":\(random.chance(0.2) ? "[\"HideApp\",\"Zeit\"]" : "[]"),"managerApplications":[],
            "oauth2RequirePostResponse":false,
            "api":{"acceptMappedClaims":null,"knownClientApplications":[],"requestedAccessTokenVersion":2,
             "oauth2PermissionScopes":[{"adminConsentDescription":"Access \(name)","adminConsentDisplayName":"Access",
              "id":"\(scope)","isEnabled":true,"type":"User","userConsentDescription":null,
              "userConsentDisplayName":null,"value":"access_as_user"}],"preAuthorizedApplications":[]},
            "appRoles":[{"allowedMemberTypes":["User","Application"],"description":"Readers","displayName":"Reader",
             "id":"\(role)","isEnabled":true,"origin":"Application","value":"Reader"}],
            "info":{"logoUrl":null,"marketingUrl":null,"privacyStatementUrl":null,"supportUrl":null,
            "termsOfServiceUrl":null},
            "keyCredentials":\(keyCredentials(number)),
            "optionalClaims":null,"parentalControlSettings":{"countriesBlockedForMinors":[],
            "legalAgeGroupRule":"Allow"},
            "passwordCredentials":\(passwordCredentials()),
            "publicClient":{"redirectUris":[]},"spa":{"redirectUris":[]},
            "requiredResourceAccess":[{"resourceAppId":"\(Self.graphAppID)",
            "resourceAccess":[\(permissions.joined(separator: ","))]}],
            "servicePrincipalLockConfiguration":{"isEnabled":true,"allProperties":true,
             "credentialsWithUsageVerify":true,"credentialsWithUsageSign":true,"tokenEncryptionKeyId":true,
             "identifierUris":false},
            "verifiedPublisher":{"displayName":null,"verifiedPublisherId":null,"addedDateTime":null},
            "web":{"homePageUrl":null,"logoutUrl":null,"redirectUris":["https://app\(number).\(domain)/signin"],
             "implicitGrantSettings":{"enableAccessTokenIssuance":false,"enableIdTokenIssuance":false},
             "redirectUriSettings":[{"uri":"https://app\(number).\(domain)/signin","index":null}]}}
            """
        guard let ref = store(.application, json, children: applicationChildren(appID: appID, number: number)) else {
            return
        }
        applications.append(ref)
    }

    func quoted(_ text: String) -> String { String(decoding: JSONText.quoted(text), as: UTF8.self) }

    private mutating func keyCredentials(_ number: Int) -> String {
        guard random.chance(0.2) else { return "[]" }
        return """
            [{"customKeyIdentifier":"\(random.base64(bytes: 20))","displayName":"CN=app\(number)",\
            "endDateTime":"2027-01-01T00:00:00Z","key":null,"keyId":"\(random.guid())",\
            "startDateTime":"2025-01-01T00:00:00Z","type":"AsymmetricX509Cert","usage":"Verify"}]
            """
    }

    private mutating func passwordCredentials() -> String {
        guard random.chance(0.5) else { return "[]" }
        return """
            [{"customKeyIdentifier":null,"displayName":"secret","endDateTime":"2026-12-31T00:00:00Z","hint":"aB3",\
            "keyId":"\(random.guid())","secretText":null,"startDateTime":"2025-12-31T00:00:00Z"}]
            """
    }

    private mutating func applicationChildren(appID: String, number: Int) -> [String: [String]] {
        var children: [String: [String]] = [:]
        // One application has as many as the service allows: more than an expansion shows.
        let credentials = number == clients.count ? 20 : random.chance(0.2) ? random.range(1...3) : 0
        children["federatedIdentityCredentials"] = (0..<credentials).map { index in
            """
            {"id":"\(random.guid())","name":"fic\(index)","issuer":"https://token.actions.example",\
            "subject":"repo:\(company)/app\(number):ref:refs/heads/main","description":null,\
            "audiences":["api://AzureADTokenExchange"]}
            """
        }
        if number == clients.count {
            extensionNames = ["jobGroup", "badgeNumber"].map { name in
                "extension_\(appID.filter { $0 != "-" })_\(name)"
            }
            children["extensionProperties"] = extensionNames.map { name in
                """
                {"id":"\(random.guid())","deletedDateTime":null,"appDisplayName":"","dataType":"String",\
                "isMultiValued":false,"isSyncedFromOnPremises":false,"name":"\(name)","targetObjects":["User"]}
                """
            }
        }
        return children
    }

    mutating func makeServicePrincipals() {
        for (appID, name) in Self.firstParty {
            writeServicePrincipal(
                appID: appID, name: name, owner: Self.microsoftTenant, type: "Application",
                roles: appID == Self.graphAppID ? GraphPermissions.all : [])
        }
        for application in applications {
            guard let appID = world.text(application, "appId"), let name = world.text(application, "displayName") else {
                continue
            }
            writeServicePrincipal(
                appID: appID, name: name, owner: organizationID, type: "Application", roles: ["Reader"])
        }
        for number in 0..<(2 + size.applications / 10) {
            writeServicePrincipal(
                appID: random.guid(), name: "vm-\(number)-identity", owner: organizationID, type: "ManagedIdentity",
                roles: [])
        }
    }

    private mutating func writeServicePrincipal(
        appID: String, name: String, owner: String, type: String, roles: [String]
    ) {
        let roleList = roles.map { role in
            """
            {"allowedMemberTypes":["Application"],"description":"\(role)","displayName":"\(role)",\
            "id":"\(GraphPermissions.roleID(role, appID: appID))","isEnabled":true,"origin":"Application",
            "value":"\(role)"}
            """
        }
        let attributes =
            random.chance(0.1)
            ? ##"""
            {"Engineering":{"@odata.type":"#Microsoft.DirectoryServices.CustomSecurityAttributeValue",\##
            "Certification":true}}
            """##
            : "null"
        let json = """
            {"id":"\(random.guid())","accountEnabled":true,"addIns":[],"alternativeNames":[],"appDescription":null,
            "appDisplayName":\(quoted(name)),"appId":"\(appID)","appOwnerOrganizationId":"\(owner)",
            "appRoleAssignmentRequired":\(random.chance(0.2)),"appRoles":[\(roleList.joined(separator: ","))],
            "createdDateTime":"\(pastTime())","customSecurityAttributes":\(attributes),
            "displayName":\(quoted(name)),"homepage":null,
            "info":{"logoUrl":null,"marketingUrl":null,"privacyStatementUrl":null,"supportUrl":null,
            "termsOfServiceUrl":null},
            "keyCredentials":[],"notificationEmailAddresses":[],"oauth2PermissionScopes":[],"passwordCredentials":[],
            "replyUrls":["https://\(quoted(name).utf8.count).\(domain)/signin"],
            "resourceSpecificApplicationPermissions":[],"samlSingleSignOnSettings":null,
            "servicePrincipalNames":["\(appID)"],"servicePrincipalType":"\(type)",
            "signInAudience":\(type == "ManagedIdentity" ? "null" : "\"AzureADMyOrg\""),
            "tags":["WindowsAzureActiveDirectoryIntegratedApp"],
            "verifiedPublisher":{"displayName":null,"verifiedPublisherId":null,"addedDateTime":null}}
            """
        let classifications =
            appID == Self.graphAppID
            ? [
                #"""
                {"id":"QUjntFaYtEaqtrUBCLvMjAE",\#
                "permissionId":"e1fe6dd8-ba31-4d61-89e7-88639da4683d",\#
                "permissionName":"User.Read","classification":"low"}
                """#
            ]
            : []
        guard
            let ref = store(
                .servicePrincipal, json, children: ["delegatedPermissionClassifications": classifications])
        else { return }
        if appID == Self.graphAppID { graphServicePrincipal = servicePrincipals.count }
        servicePrincipals.append(ref)
    }
}

/// Application permissions of the directory service that the simulator knows.
enum GraphPermissions {
    /// Every permission that some type or relationship asks for, and those that writing needs.
    static let all: [String] = {
        var names = Set(TypeSpec.all.flatMap(\.permissions))
        for type in SimulatedType.allCases { names.formUnion(Navigation.all(of: type).flatMap(\.permissions)) }
        names.formUnion([
            "CustomSecAttributeAssignment.Read.All", "CustomSecAttributeAssignment.ReadWrite.All",
            "AppRoleAssignment.ReadWrite.All", "User-LifeCycleInfo.Read.All", "Member.Read.Hidden",
            "LicenseAssignment.ReadWrite.All", "User.DeleteRestore.All", "User-PasswordProfile.ReadWrite.All",
            "DeviceLocalCredential.Read.All", "DeviceLocalCredential.ReadBasic.All", "BitlockerKey.Read.All",
            "Policy.ReadWrite.ConditionalAccess", "RoleManagementPolicy.ReadWrite.Directory",
            "RoleEligibilitySchedule.ReadWrite.Directory", "RoleAssignmentSchedule.ReadWrite.Directory",
            "Synchronization.Read.All", "Organization.ReadWrite.All", "GroupMember.ReadWrite.All",
        ])
        return names.sorted()
    }()

    /// What an application needs that reads everything.
    static var reading: [String] { all.filter { !$0.contains("Write") } }

    /// A stable id for a permission.
    static func roleID(_ name: String, appID: String) -> String {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for unit in (appID + name).utf8 { hash = (hash ^ UInt64(unit)) &* 0x100_0000_01B3 }
        return SeededRandom.guid(SeededRandom.mix(hash), SeededRandom.mix(hash &+ 1))
    }
}
