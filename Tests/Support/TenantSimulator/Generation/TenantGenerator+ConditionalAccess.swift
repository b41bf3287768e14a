extension TenantGenerator {
    mutating func makeConditionalAccess() {
        let locations = makeLocations()
        for number in 0..<size.conditionalAccessPolicies { makeAccessPolicy(number, locations: locations) }
    }

    private mutating func makeLocations() -> [String] {
        var ids: [String] = []
        for number in 0..<6 {
            let id = random.guid()
            ids.append(id)
            let time = preciseTime()
            let own =
                number % 2 == 0
                ? """
                "@odata.type":"#microsoft.graph.ipNamedLocation","isTrusted":\(number == 0),
                "ipRanges":[{"@odata.type":"#microsoft.graph.iPv4CidrRange","cidrAddress":"198.51.100.\(number)/32"},
                {"@odata.type":"#microsoft.graph.iPv6CidrRange","cidrAddress":"2001:db8:\(number)::/48"}]
                """
                : """
                "@odata.type":"#microsoft.graph.countryNamedLocation","countriesAndRegions":["US","CA","DE"],
                "includeUnknownCountriesAndRegions":false,"countryLookupMethod":"clientIpAddress"
                """
            store(
                .namedLocation,
                """
                {"id":"\(id)","displayName":\(quoted("Standort \(number) – \(random.pick(Vocabulary.places).0)")),
                "createdDateTime":"\(time)","modifiedDateTime":"\(time)",\(own)}
                """)
        }
        return ids
    }

    private mutating func makeAccessPolicy(_ number: Int, locations: [String]) {
        let id = random.guid()
        let isStrong = number % 3 == 0
        let strength = String(
            decoding: (world.strength("00000000-0000-0000-0000-000000000002") ?? .null).encoded, as: UTF8.self)
        let grant = """
            {"operator":"\(isStrong ? "AND" : "OR")",
            "builtInControls":[\(isStrong ? "" : "\"mfa\",\"compliantDevice\"")],
            "customAuthenticationFactors":[],"termsOfUse":[],
            "authenticationStrength@odata.context":"https://graph.microsoft.com/v1.0/$metadata#identity/conditionalAccess/policies('\(id)')/grantControls/authenticationStrength/$entity",
            "authenticationStrength":\(isStrong ? strength : "null")}
            """
        let session =
            number % 4 == 1
            ? """
            {"disableResilienceDefaults":null,"applicationEnforcedRestrictions":null,"cloudAppSecurity":null,
            "persistentBrowser":null,"signInFrequency":{"value":\(random.range(1...12)),"type":"hours",
            "authenticationType":"primaryAndSecondaryAuthentication","frequencyInterval":"timeBased","isEnabled":true}}
            """ : "null"
        let guests =
            number % 5 == 2
            ? """
            {"guestOrExternalUserTypes":"b2bCollaborationGuest","externalTenants":
            {"@odata.type":"#microsoft.graph.conditionalAccessAllExternalTenants","membershipKind":"all"}}
            """ : "null"
        let place =
            locations.isEmpty
            ? "null" : #"{"includeLocations":["All"],"excludeLocations":["\#(random.pick(locations))"]}"#
        store(
            .conditionalAccessPolicy,
            """
            {"id":"\(id)","templateId":null,
            "displayName":"CA\(100 + number): \(random.pick(Vocabulary.departments)) – règle",
            "createdDateTime":"\(preciseTime())",
            "modifiedDateTime":\(random.chance(0.5) ? "null" : "\"\(preciseTime(days: 200))\""),
            "state":"\(random.pick(["enabled", "disabled", "enabledForReportingButNotEnforced"]))",
            "conditions":{"userRiskLevels":[],"signInRiskLevels":\(number % 6 == 5 ? "[\"high\"]" : "[]"),
            "clientAppTypes":["all"],
            "servicePrincipalRiskLevels":[],"insiderRiskLevels":null,"platforms":null,
            "locations":\(number % 2 == 0 ? place : "null"),"devices":null,"clientApplications":null,
            "applications":{"includeApplications":["All"],
            "excludeApplications":["\(world.text(random.pick(applications), "appId") ?? "")"],
            "includeUserActions":[],"includeAuthenticationContextClassReferences":[],"applicationFilter":null},
            "users":{"includeUsers":\(number % 2 == 0 ? "[\"All\"]" : "[]"),"excludeUsers":["\(self.id(users[0]))"],
            "includeGroups":["\(self.id(random.pick(groups)))"],"excludeGroups":[],
            "includeRoles":["62e90394-69f5-4237-9190-012177145e10"],"excludeRoles":[],
            "includeGuestsOrExternalUsers":\(guests),"excludeGuestsOrExternalUsers":null}},
            "grantControls":\(grant),"sessionControls":\(session)}
            """)
    }
}
