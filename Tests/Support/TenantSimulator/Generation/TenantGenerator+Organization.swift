extension TenantGenerator {
    mutating func makeOrganization() {
        let plans = LicenceProduct.all.flatMap(\.plans)
        let assigned = plans.map {
            #"""
            {"assignedDateTime":"2024-02-01T08:00:00Z","capabilityStatus":"Enabled",\#
            "service":"\#($0.2)","servicePlanId":"\#($0.0)"}
            """#
        }
        let provisioned = plans.map {
            #"{"capabilityStatus":"Enabled","provisioningStatus":"Success","service":"\#($0.2)"}"#
        }
        store(
            .organization,
            """
            {"id":"\(organizationID)","assignedPlans":[\(assigned.joined(separator: ","))],
            "businessPhones":["+49 30 5550100"],
            "city":"Berlin","country":null,"countryLetterCode":"DE","createdDateTime":"2019-05-06T07:08:09Z",
            "defaultUsageLocation":"DE",
            "displayName":\(quoted(company.prefix(1).uppercased() + company.dropFirst() + " GmbH & Co. KG")),
            "marketingNotificationEmails":[],"mobileDeviceManagementAuthority":"intune",
            "onPremisesLastSyncDateTime":"\(pastTime(days: 1))","onPremisesSyncEnabled":true,"partnerTenantType":null,
            "postalCode":"10115","preferredLanguage":"de","privacyProfile":{"contactEmail":"privacy@\(domain)",
            "statementUrl":"https://\(domain)/privacy"},"provisionedPlans":[\(provisioned.joined(separator: ","))],
            "securityComplianceNotificationMails":[],"securityComplianceNotificationPhones":[],"state":null,
            "street":"Invalidenstraße 1","technicalNotificationMails":["it@\(domain)"],"tenantType":"AAD",
            "verifiedDomains":[{"capabilities":"Email, OfficeCommunicationsOnline","isDefault":true,"isInitial":false,
            "name":"\(domain)","type":"Managed"},{"capabilities":"Email","isDefault":false,"isInitial":true,
            "name":"\(initialDomain)","type":"Managed"}]}
            """,
            children: [
                "branding": [
                    ##"""
                    {"id":"0","backgroundColor":"#0A1B2C",\##
                    "signInPageText":"Willkommen – bitte anmelden",\##
                    "usernameHintText":"name@\##(domain)",\##
                    "cdnList":["secure.aadcdn.microsoftonline-p.com"],\##
                    "loginPageTextVisibilitySettings":{"hideForgotMyPassword":false,\##
                    "hideTermsOfUse":true}}
                    """##
                ],
                "branding/localizations": [
                    ##"""
                    {"id":"0","backgroundColor":"#0A1B2C",\##
                    "signInPageText":"Willkommen – bitte anmelden","usernameHintText":null}
                    """##,
                    #"""
                    {"id":"fr","backgroundColor":null,\#
                    "signInPageText":"Bienvenue à l'accueil","usernameHintText":null}
                    """#,
                ],
                "certificateBasedAuthConfiguration": [
                    #"""
                    {"id":"29728ade-6ae4-4ee9-9103-412912537da5",\#
                    "certificateAuthorities":[{"isRootAuthority":true,\#
                    "certificateRevocationListUrl":"http://crl.\#(domain)/root.crl",\#
                    "deltaCertificateRevocationListUrl":null,"certificate":"MIIB",\#
                    "issuer":"CN=root","issuerSki":"1BDB"}]}
                    """#
                ],
            ])
        makeDomain(domain, isInitial: false)
        makeDomain(initialDomain, isInitial: true)
        makeDomain("federated-\(domain)", isInitial: false, isFederated: true)
        makeProducts()
    }

    private mutating func makeDomain(_ name: String, isInitial: Bool, isFederated: Bool = false) {
        let federation =
            """
            {"@odata.type":"#microsoft.graph.internalDomainFederation","id":"\(random.guid())","displayName":"AD FS",\
            "issuerUri":"http://sts.\(name)/adfs/services/trust","passiveSignInUri":"https://sts.\(name)/adfs/ls/",\
            "preferredAuthenticationProtocol":"wsFed","federatedIdpMfaBehavior":"acceptIfMfaDoneByFederatedIdp",\
            "signingCertificate":"MIIC","promptLoginBehavior":null,"isSignedAuthenticationRequestRequired":false}
            """
        let record =
            #"""
            {"id":"\#(random.guid())","isOptional":false,"label":"\#(name)","recordType":"Txt",\#
            "supportedService":"Email","ttl":3600,"text":"v=spf1 -all"}
            """#
        store(
            .domain,
            """
            {"id":"\(name)","authenticationType":"\(isFederated ? "Federated" : "Managed")","availabilityStatus":null,
            "isAdminManaged":true,"isDefault":\(name == domain),"isInitial":\(isInitial),"isRoot":true,
            "isVerified":true,
            "manufacturer":null,"model":null,"passwordNotificationWindowInDays":14,
            "passwordValidityPeriodInDays":2147483647,"state":null,"supportedServices":["Email",
            "OfficeCommunicationsOnline"]}
            """,
            children: [
                "federationConfiguration": isFederated ? [federation] : [], "serviceConfigurationRecords": [record],
                "verificationDnsRecords": [record],
            ])
    }

    private mutating func makeProducts() {
        for product in LicenceProduct.all {
            let plans = product.plans.map {
                #"""
                {"servicePlanId":"\#($0.0)","servicePlanName":"\#($0.1)",\#
                "provisioningStatus":"Success","appliesTo":"User"}
                """#
            }
            store(
                .subscribedSku,
                """
                {"id":"\(organizationID)_\(product.skuID)","accountId":"\(organizationID)","accountName":"\(company)",
                "appliesTo":"User","capabilityStatus":"Enabled","consumedUnits":\(size.users / 3),
                "prepaidUnits":{"enabled":\(size.users + 10),"suspended":0,"warning":0,"lockedOut":0},
                "servicePlans":[\(plans.joined(separator: ","))],"skuId":"\(product.skuID)",
                "skuPartNumber":"\(product.name)","subscriptionIds":["\(random.guid())"]}
                """)
        }
    }

    mutating func makeSecurityAttributes() {
        for (name, description) in [
            ("Engineering", "Attributes for engineering"), ("Marketing", "Marketing – données"),
        ] {
            store(.attributeSet, #"{"id":"\#(name)","description":\#(quoted(description)),"maxAttributesPerSet":25}"#)
        }
        let definitions: [(String, String, String, Bool, [String])] = [
            ("Engineering", "Project", "String", true, ["Baker", "Cascade", "Älpine"]),
            ("Engineering", "CostCenter", "Integer", true, []), ("Engineering", "NumVendors", "Integer", false, []),
            ("Engineering", "Certification", "Boolean", false, []), ("Marketing", "Level", "String", false, ["Public"]),
        ]
        for (set, name, type, isCollection, values) in definitions {
            store(
                .customSecurityAttributeDefinition,
                """
                {"id":"\(set)_\(name)","attributeSet":"\(set)","description":"\(name) of an object",
                "isCollection":\(isCollection),"isSearchable":true,"name":"\(name)","status":"Available",
                "type":"\(type)","usePreDefinedValuesOnly":\(!values.isEmpty)}
                """,
                children: ["allowedValues": values.map { #"{"id":"\#($0)","isActive":true}"# }])
        }
    }

    /// Assignments of app roles and delegated consents.
    mutating func makeGrants() {
        let graph = servicePrincipals[graphServicePrincipal]
        for client in clients {
            guard let principal = servicePrincipals.first(where: { world.text($0, "appId") == client.clientID }) else {
                continue
            }
            for permission in client.permissions.sorted() {
                assign(principal, to: graph, role: GraphPermissions.roleID(permission, appID: Self.graphAppID))
            }
        }
        let targets = servicePrincipals.filter { $0 != graph }
        for _ in 0..<size.appRoleAssignments {
            let roll = random.below(10)
            let principal =
                roll < 7
                ? users[random.below(users.count)]
                : roll < 9
                    ? groups[random.below(groups.count)] : servicePrincipals[random.below(servicePrincipals.count)]
            // A few resources have most of the assignments.
            let target = random.chance(0.5) ? targets[random.below(min(3, targets.count))] : random.pick(targets)
            assign(principal, to: target, role: "00000000-0000-0000-0000-000000000000")
        }
        for client in servicePrincipals where random.chance(0.5) { consent(client, graph, user: nil) }
        for _ in 0..<(size.users / 20) {
            consent(
                servicePrincipals[random.below(servicePrincipals.count)], graph, user: users[random.below(users.count)])
        }
    }

    private mutating func assign(_ principal: World.Ref, to resource: World.Ref, role: String) {
        let object = world.appRoleAssignment(
            id: random.base64ID(bytes: 32), principal: principal, resource: resource, role: role, time: preciseTime())
        guard !world.isAssigned(role, principal, resource) else { return }
        _ = world.insertAssignment(object, principal: principal, resource: resource)
    }

    private mutating func consent(_ client: World.Ref, _ resource: World.Ref, user: World.Ref?) {
        let principal = user.map { "\"\(id($0))\"" } ?? "null"
        let ref = store(
            .oauth2PermissionGrant,
            """
            {"id":"\(random.base64ID(bytes: 33))","clientId":"\(id(client))",
            "consentType":"\(user == nil ? "AllPrincipals" : "Principal")","principalId":\(principal),
            "resourceId":"\(id(resource))","scope":"User.Read \(random.chance(0.5) ? "Mail.Read" : "offline_access")"}
            """)
        guard let ref else { return }
        _ = world.link(.oauth2PermissionGrants, client, ref)
        if let user { _ = world.link(.userGrants, user, ref) }
    }
}

extension SeededRandom {
    /// An id in the form of the service's assignments and grants.
    mutating func base64ID(bytes: Int) -> String {
        Base64.encodeURL((0..<bytes).map { _ in UInt8(truncatingIfNeeded: next()) })
    }
}

extension World {
    /// An assignment object for `insertAssignment`.
    mutating func appRoleAssignment(
        id: String, principal: Ref, resource: Ref, role: String, time: String
    ) -> StoredObject {
        let kinds: [SimulatedType: String] = [.user: "User", .group: "Group", .servicePrincipal: "ServicePrincipal"]
        let members: [(String, SimulatedJSON)] = [
            ("id", .string(id)), ("deletedDateTime", .null), ("appRoleId", .string(role)),
            ("createdDateTime", .string(time)),
            ("principalDisplayName", value(principal, "displayName") ?? .null),
            ("principalId", .string(self.id(principal))),
            ("principalType", .string(kinds[type(principal)] ?? "User")),
            ("resourceDisplayName", value(resource, "displayName") ?? .null),
            ("resourceId", .string(self.id(resource))),
        ]
        return TenantGenerator.object(.appRoleAssignment, members, in: &shapes)
    }

    /// Whether the principal has that role already: nobody has it twice.
    func isAssigned(_ role: String, _ principal: Ref, _ resource: Ref) -> Bool {
        targets(.appRoleAssignments, principal).contains {
            text($0, "appRoleId") == role && text($0, "resourceId") == id(resource)
        }
    }

    mutating func insertAssignment(_ object: StoredObject, principal: Ref, resource: Ref) -> Ref {
        let ref = create(object)
        link(.appRoleAssignments, principal, ref)
        link(.appRoleAssignedTo, resource, ref)
        return ref
    }
}
