extension TenantGenerator {
    mutating func makePolicies() {
        makeGroupPolicies()
        makeClaimPolicies()
        makePermissionPolicies()
        makeAuthenticationPolicies()
        makeAuthorization()
        makePartners()
    }

    private mutating func makeGroupPolicies() {
        store(
            .groupSetting,
            """
            {"id":"\(random.guid())","displayName":"Group.Unified","templateId":"62375ab9-6b52-47ed-826b-58e47e0e304b",
            "values":[{"name":"EnableMIPLabels","value":"true"},{"name":"ClassificationList",
            "value":"Öffentlich,Intern"},
            {"name":"PrefixSuffixNamingRequirement","value":"GRP_[GroupName]"},{"name":"AllowGuestsToAccessGroups",
            "value":"True"}]}
            """)
        store(
            .groupLifecyclePolicy,
            """
            {"id":"\(random.guid())","groupLifetimeInDays":180,"managedGroupTypes":"All",
            "alternateNotificationEmails":"it@\(domain);admin@\(domain)"}
            """)
    }

    private mutating func makeClaimPolicies() {
        let kinds: [(SimulatedType, String, LinkName)] = [
            (
                .claimsMappingPolicy, #"{\"ClaimsMappingPolicy\":{\"Version\":1,\"IncludeBasicClaimSet\":\"true\"}}"#,
                .claimsMappingPolicies
            ),
            (
                .homeRealmDiscoveryPolicy, #"{\"HomeRealmDiscoveryPolicy\":{\"AccelerateToFederatedDomain\":true}}"#,
                .homeRealmDiscoveryPolicies
            ),
            (
                .tokenIssuancePolicy, #"{\"TokenIssuancePolicy\":{\"Version\":1,\"SigningAlgorithm\":\"rsa-sha256\"}}"#,
                .tokenIssuancePolicies
            ),
            (
                .tokenLifetimePolicy, #"{\"TokenLifetimePolicy\":{\"Version\":1,\"AccessTokenLifetime\":\"8:00:00\"}}"#,
                .tokenLifetimePolicies
            ),
        ]
        for (type, definition, link) in kinds {
            for number in 0..<2 {
                let ref = store(
                    type,
                    """
                    {"id":"\(random.guid())","definition":["\(definition)"],"description":null,
                    "displayName":"\(type.rawValue) \(number)","isOrganizationDefault":false}
                    """)
                guard let ref else { continue }
                for _ in 0..<2 {
                    let isApplication = type == .tokenLifetimePolicy && random.chance(0.5)
                    let source = isApplication ? random.pick(applications) : random.pick(servicePrincipals)
                    _ = world.link(link, source, ref)
                }
            }
        }
    }

    private mutating func makePermissionPolicies() {
        func condition(_ id: String, _ classification: String) -> String {
            #"""
            {"id":"\#(id)","permissionClassification":"\#(classification)",\#
            "permissionType":"delegated","resourceApplication":"any","permissions":["all"],\#
            "clientApplicationIds":["all"],"clientApplicationTenantIds":["all"],\#
            "clientApplicationPublisherIds":["all"],\#
            "clientApplicationsFromVerifiedPublisherOnly":false}
            """#
        }
        for (id, name) in [
            ("microsoft-user-default-low", "Default User Low Risk Policy"), ("tier-1", "Tier 1 Help Desk"),
        ] {
            store(
                .permissionGrantPolicy, #"{"id":"\#(id)","displayName":"\#(name)","description":"\#(name)."}"#,
                children: [
                    "includes": [condition(random.guid(), "low"), condition(random.guid(), "all")],
                    "excludes": id == "tier-1" ? [condition(random.guid(), "all")] : [],
                ])
        }
    }

    private mutating func makeAuthenticationPolicies() {
        let everyone = #"[{"targetType":"group","id":"all_users","isRegistrationRequired":false}]"#
        let some =
            size.isNew
            ? everyone : #"[{"targetType":"group","id":"\#(id(groups[0]))","isRegistrationRequired":false}]"#
        store(
            .authenticationMethodsPolicy,
            """
            {"id":"authenticationMethodsPolicy","displayName":"Authentication Methods Policy",
            "description":"The tenant-wide policy that controls which authentication methods are allowed",
            "lastModifiedDateTime":"\(preciseTime(days: 90))","policyVersion":"1.5",
            "policyMigrationState":"migrationComplete",
            "reconfirmationInDays":null,"registrationEnforcement":{"authenticationMethodsRegistrationCampaign":
            {"snoozeDurationInDays":1,"enforceRegistrationAfterAllowedSnoozes":true,"state":"default",
            "excludeTargets":[],
            "includeTargets":[{"id":"all_users","targetType":"group",
            "targetedAuthenticationMethod":"microsoftAuthenticator"}]}}}
            """,
            children: [
                "authenticationMethodConfigurations": [
                    ##"""
                    {"@odata.type":"#microsoft.graph.fido2AuthenticationMethodConfiguration",\##
                    "id":"Fido2","state":"enabled","isSelfServiceRegistrationAllowed":true,\##
                    "isAttestationEnforced":true,"keyRestrictions":{"isEnforced":false,\##
                    "enforcementType":"block","aaGuids":[]},"excludeTargets":[],\##
                    "includeTargets":\##(everyone)}
                    """##,
                    ##"""
                    {"@odata.type":"#microsoft.graph.microsoftAuthenticatorAuthenticationMethodConfiguration",\##
                    "id":"MicrosoftAuthenticator","state":"enabled",\##
                    "featureSettings":{"displayAppInformationRequiredState":{"state":"default",\##
                    "includeTarget":{"targetType":"group","id":"all_users"}}},\##
                    "excludeTargets":[],"includeTargets":\##(some)}
                    """##,
                    ##"""
                    {"@odata.type":"#microsoft.graph.temporaryAccessPassAuthenticationMethodConfiguration",\##
                    "id":"TemporaryAccessPass","state":"disabled",\##
                    "defaultLifetimeInMinutes":60,"defaultLength":8,\##
                    "minimumLifetimeInMinutes":60,"maximumLifetimeInMinutes":480,\##
                    "isUsableOnce":false,"includeTargets":\##(everyone)}
                    """##,
                    ##"""
                    {"@odata.type":"#microsoft.graph.smsAuthenticationMethodConfiguration",\##
                    "id":"Sms","state":"disabled","includeTargets":[]}
                    """##,
                ]
            ])
        let strengths: [(String, String, String)] = [
            ("00000000-0000-0000-0000-000000000002", "Multifactor authentication", "builtIn"),
            ("00000000-0000-0000-0000-000000000003", "Passwordless MFA", "builtIn"),
            ("00000000-0000-0000-0000-000000000004", "Phishing resistant MFA", "builtIn"),
            (random.guid(), "Clés de sécurité", "custom"),
        ]
        for (id, name, kind) in strengths {
            let keys =
                ##"""
                {"@odata.type":"#microsoft.graph.fido2CombinationConfiguration",\##
                "id":"\##(random.guid())","appliesToCombinations":["fido2"],\##
                "allowedAAGUIDs":["486be136-0ffd-4ae9-8b30-a32f7d6fe3c3"]}
                """##
            store(
                .authenticationStrengthPolicy,
                """
                {"id":"\(id)","createdDateTime":"2021-12-01T00:00:00Z","modifiedDateTime":"2021-12-01T00:00:00Z",
                "displayName":"\(name)","description":"\(name)","policyType":"\(kind)","requirementsSatisfied":"mfa",
                "allowedCombinations":["windowsHelloForBusiness","fido2","x509CertificateMultiFactor"]}
                """,
                children: ["combinationConfigurations": kind == "custom" ? [keys] : []])
        }
        for number in 1...2 {
            store(
                .authenticationContextClassReference,
                #"""
                {"id":"c\#(number)","displayName":"Context \#(number)",\#
                "description":"Vertraulich \#(number)","isAvailable":true}
                """#
            )
        }
    }

    private mutating func makeAuthorization() {
        store(
            .authorizationPolicy,
            """
            {"id":"authorizationPolicy","allowInvitesFrom":"adminsAndGuestInviters","allowUserConsentForRiskyApps":null,
            "allowedToSignUpEmailBasedSubscriptions":true,"allowedToUseSSPR":true,"blockMsolPowerShell":false,
            "allowEmailVerifiedUsersToJoinOrganization":false,
            "description":"Used to manage authorization related settings",
            "displayName":"Authorization Policy","guestUserRoleId":"10dae51f-b6af-4016-8d66-8c2a99b929b3",
            "defaultUserRolePermissions":{"allowedToCreateApps":true,"allowedToCreateSecurityGroups":true,
            "allowedToCreateTenants":true,"allowedToReadBitlockerKeysForOwnedDevice":true,
            "allowedToReadOtherUsers":true,
            "permissionGrantPoliciesAssigned":["ManagePermissionGrantsForSelf.microsoft-user-default-low"]}}
            """)
        store(
            .identitySecurityDefaultsEnforcementPolicy,
            """
            {"id":"00000000-0000-0000-0000-000000000005","displayName":"Security Defaults",
            "description":"Security defaults is a set of basic identity security mechanisms","isEnabled":false}
            """)
        store(
            .adminConsentRequestPolicy,
            """
            {"id":"adminConsentRequestPolicy","isEnabled":true,"notifyReviewers":true,"remindersEnabled":false,
            "requestDurationInDays":30,"version":0,"reviewers":[{"query":"/users/\(id(users[0]))",
            "queryType":"MicrosoftGraph","queryRoot":null}]}
            """)
    }

    private mutating func makePartners() {
        let allowed =
            #"""
            {"usersAndGroups":{"accessType":"allowed","targets":[{"target":"AllUsers",\#
            "targetType":"user"}]},"applications":{"accessType":"allowed",\#
            "targets":[{"target":"AllApplications","targetType":"application"}]}}
            """#
        for number in 0..<min(6, 1 + size.users / 100) {
            let tenant = random.guid()
            let sync =
                #"""
                {"tenantId":"\#(tenant)","displayName":"Partner \#(number)",\#
                "userSyncInbound":{"isSyncAllowed":\#(random.chance(0.5))}}
                """#
            store(
                .crossTenantAccessPolicyPartner,
                """
                {"tenantId":"\(tenant)","isServiceProvider":null,"isInMultiTenantOrganization":false,
                "automaticUserConsentSettings":{"inboundAllowed":null,"outboundAllowed":null},
                "b2bCollaborationInbound":\(allowed),"b2bCollaborationOutbound":null,"b2bDirectConnectInbound":null,
                "b2bDirectConnectOutbound":\(allowed),
                "inboundTrust":{"isMfaAccepted":true,"isCompliantDeviceAccepted":false,
                "isHybridAzureADJoinedDeviceAccepted":false},
                "tenantRestrictions":null}
                """,
                children: ["identitySynchronization": number % 2 == 0 ? [sync] : []])
        }
    }
}
