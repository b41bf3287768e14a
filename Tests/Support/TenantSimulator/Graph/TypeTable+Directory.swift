// Types of the simulated service: paths, properties and permissions from the v1.0 metadata and the permission list.

extension TypeSpec {
    static let directoryTypes: [TypeSpec] = [
        TypeSpec(
            .organization, path: "/organization", odataType: "#microsoft.graph.organization",
            flags: [.directoryObject, .unpaged], throttle: .identity,
            permissions: """
                Organization.Read.All Directory.Read.All Directory.ReadWrite.All
                Organization.ReadWrite.All User.Read.All
                """,
            properties: """
                assignedPlans businessPhones city country countryLetterCode createdDateTime
                defaultUsageLocation deletedDateTime displayName id marketingNotificationEmails
                mobileDeviceManagementAuthority onPremisesLastSyncDateTime onPremisesSyncEnabled
                partnerTenantType postalCode preferredLanguage privacyProfile provisionedPlans
                securityComplianceNotificationMails securityComplianceNotificationPhones state street
                technicalNotificationMails tenantType verifiedDomains
                """,
            volatile: "onPremisesLastSyncDateTime",
            readOnly: """
                assignedPlans businessPhones city country countryLetterCode createdDateTime
                defaultUsageLocation deletedDateTime displayName id mobileDeviceManagementAuthority
                onPremisesLastSyncDateTime onPremisesSyncEnabled partnerTenantType postalCode
                preferredLanguage provisionedPlans state street tenantType verifiedDomains
                """,
            writePermission: "Organization.ReadWrite.All"),
        TypeSpec(
            .administrativeUnit, path: "/directory/administrativeUnits",
            odataType: "#microsoft.graph.administrativeUnit",
            flags: [.delta, .softDelete, .directoryObject], throttle: .identity,
            permissions: """
                AdministrativeUnit.Read.All AdministrativeUnit.ReadWrite.All Directory.Read.All
                Directory.ReadWrite.All
                """,
            properties: """
                deletedDateTime description displayName id isMemberManagementRestricted membershipRule
                membershipRuleProcessingState membershipType visibility
                """,
            required: "displayName",
            createOnly: "isMemberManagementRestricted",
            readOnly: "deletedDateTime id",
            writePermission: "AdministrativeUnit.ReadWrite.All"),
        TypeSpec(
            .directoryRole, path: "/directoryRoles", odataType: "#microsoft.graph.directoryRole",
            flags: [.delta, .directoryObject, .unpaged], throttle: .identity,
            permissions: """
                RoleManagement.Read.Directory Directory.Read.All Directory.ReadWrite.All
                RoleManagement.ReadWrite.Directory
                """,
            properties: "deletedDateTime description displayName id roleTemplateId",
            required: "roleTemplateId",
            createOnly: "roleTemplateId",
            readOnly: "deletedDateTime description displayName id",
            writePermission: "RoleManagement.ReadWrite.Directory"),
        TypeSpec(
            .user, path: "/users", odataType: "#microsoft.graph.user",
            flags: [.delta, .softDelete, .directoryObject], throttle: .identity,
            permissions: """
                User.Read.All Directory.Read.All Directory.ReadWrite.All User.ReadBasic.All
                User.ReadWrite.All User.ReadWrite.CrossCloud
                """,
            properties: """
                aboutMe accountEnabled ageGroup assignedLicenses assignedPlans authorizationInfo
                birthday businessPhones city companyName consentProvidedForMinor country
                createdDateTime creationType customSecurityAttributes deletedDateTime department
                deviceEnrollmentLimit displayName employeeHireDate employeeId employeeLeaveDateTime
                employeeOrgData employeeType externalUserState externalUserStateChangeDateTime
                faxNumber givenName hireDate id identities identityParentId imAddresses interests
                isManagementRestricted isResourceAccount jobTitle lastPasswordChangeDateTime
                legalAgeGroupClassification licenseAssignmentStates mail mailNickname mailboxSettings
                mobilePhone mySite officeLocation onPremisesDistinguishedName onPremisesDomainName
                onPremisesExtensionAttributes onPremisesImmutableId onPremisesLastSyncDateTime
                onPremisesProvisioningErrors onPremisesSamAccountName onPremisesSecurityIdentifier
                onPremisesSyncEnabled onPremisesUserPrincipalName otherMails passwordPolicies
                passwordProfile pastProjects postalCode preferredDataLocation preferredLanguage
                preferredName print provisionedPlans proxyAddresses responsibilities schools
                securityIdentifier serviceProvisioningErrors showInAddressList signInActivity
                signInSessionsValidFromDateTime skills state streetAddress surname usageLocation
                userPrincipalName userType
                """,
            onlySelected: """
                accountEnabled ageGroup assignedLicenses assignedPlans authorizationInfo city
                companyName consentProvidedForMinor country createdDateTime creationType
                customSecurityAttributes deletedDateTime department employeeHireDate employeeId
                employeeLeaveDateTime employeeOrgData employeeType externalUserState
                externalUserStateChangeDateTime faxNumber identities identityParentId imAddresses
                isManagementRestricted isResourceAccount lastPasswordChangeDateTime
                legalAgeGroupClassification licenseAssignmentStates mailNickname
                onPremisesDistinguishedName onPremisesDomainName onPremisesExtensionAttributes
                onPremisesImmutableId onPremisesLastSyncDateTime onPremisesProvisioningErrors
                onPremisesSamAccountName onPremisesSecurityIdentifier onPremisesSyncEnabled
                onPremisesUserPrincipalName otherMails passwordPolicies passwordProfile postalCode
                preferredDataLocation provisionedPlans proxyAddresses securityIdentifier
                serviceProvisioningErrors showInAddressList signInActivity
                signInSessionsValidFromDateTime state streetAddress usageLocation userType
                """,
            notInCollections: """
                aboutMe birthday deviceEnrollmentLimit hireDate interests mailboxSettings mySite
                pastProjects preferredName print responsibilities schools skills
                """,
            volatile: """
                signInActivity refreshTokensValidFromDateTime onPremisesLastSyncDateTime
                signInSessionsValidFromDateTime
                """,
            required: "accountEnabled displayName mailNickname passwordProfile userPrincipalName",
            readOnly: """
                assignedLicenses assignedPlans createdDateTime creationType deletedDateTime
                externalUserState externalUserStateChangeDateTime id imAddresses
                isLicenseReconciliationNeeded isManagementRestricted isResourceAccount
                lastPasswordChangeDateTime legalAgeGroupClassification licenseAssignmentStates
                onPremisesDistinguishedName onPremisesDomainName onPremisesLastSyncDateTime
                onPremisesProvisioningErrors onPremisesSamAccountName onPremisesSecurityIdentifier
                onPremisesSyncEnabled onPremisesUserPrincipalName provisionedPlans proxyAddresses
                refreshTokensValidFromDateTime securityIdentifier serviceProvisioningErrors
                signInActivity signInSessionsValidFromDateTime
                """,
            writePermission: "User.ReadWrite.All"),
        TypeSpec(
            .group, path: "/groups", odataType: "#microsoft.graph.group",
            flags: [.delta, .softDelete, .directoryObject], throttle: .identity,
            permissions: """
                Group.Read.All Directory.Read.All Directory.ReadWrite.All Group.ReadBasic.All
                Group.ReadWrite.All GroupMember.Read.All
                """,
            properties: """
                accessType allowExternalSenders assignedLabels assignedLicenses
                autoSubscribeNewMembers classification createdDateTime deletedDateTime description
                displayName expirationDateTime groupTypes hasMembersWithLicenseErrors
                hideFromAddressLists hideFromOutlookClients id infoCatalogs isArchived
                isAssignableToRole isFavorite isManagementRestricted isSubscribedByMail
                licenseProcessingState mail mailEnabled mailNickname membershipRule
                membershipRuleProcessingState onPremisesDomainName onPremisesExtensionAttributes
                onPremisesLastSyncDateTime onPremisesNetBiosName onPremisesProvisioningErrors
                onPremisesSamAccountName onPremisesSecurityIdentifier onPremisesSyncEnabled
                organizationId preferredDataLocation preferredLanguage proxyAddresses renewedDateTime
                resourceBehaviorOptions resourceProvisioningOptions securityEnabled securityIdentifier
                serviceProvisioningErrors theme uniqueName unseenConversationsCount unseenCount
                unseenMessagesCount visibility welcomeMessageEnabled
                """,
            onlySelected: "assignedLabels assignedLicenses isManagementRestricted licenseProcessingState",
            perObject: """
                allowExternalSenders autoSubscribeNewMembers hideFromAddressLists
                hideFromOutlookClients isSubscribedByMail unseenCount
                """,
            volatile: "onPremisesLastSyncDateTime hasMembersWithLicenseErrors licenseProcessingState unseenCount",
            required: "displayName mailEnabled mailNickname securityEnabled",
            createOnly: "isAssignableToRole mailEnabled resourceBehaviorOptions uniqueName",
            readOnly: """
                assignedLicenses createdDateTime deletedDateTime expirationDateTime
                hasMembersWithLicenseErrors id isArchived isManagementRestricted
                licenseProcessingState mail onPremisesDomainName onPremisesLastSyncDateTime
                onPremisesNetBiosName onPremisesProvisioningErrors onPremisesSamAccountName
                onPremisesSecurityIdentifier onPremisesSyncEnabled proxyAddresses renewedDateTime
                resourceProvisioningOptions securityIdentifier serviceProvisioningErrors
                """,
            writePermission: "Group.ReadWrite.All"),
        TypeSpec(
            .application, path: "/applications", odataType: "#microsoft.graph.application",
            flags: [.delta, .softDelete, .directoryObject], throttle: .identity,
            permissions: """
                Application.Read.All Application.ReadWrite.All Application.ReadWrite.OwnedBy
                Directory.Read.All
                """,
            properties: """
                addIns api appId appRoles applicationTemplateId authenticationBehaviors certification
                createdByAppId createdDateTime defaultRedirectUri deletedDateTime description
                disabledByMicrosoftStatus displayName groupMembershipClaims id identifierUris info
                isDeviceOnlyAuthSupported isDisabled isFallbackPublicClient keyCredentials logo
                managerApplications nativeAuthenticationApisEnabled notes oauth2RequirePostResponse
                optionalClaims parentalControlSettings passwordCredentials publicClient
                publisherDomain requestSignatureVerification requiredResourceAccess samlMetadataUrl
                serviceManagementReference servicePrincipalLockConfiguration signInAudience spa tags
                tokenEncryptionKeyId uniqueName verifiedPublisher web
                """,
            required: "displayName",
            createOnly: "uniqueName",
            readOnly: """
                appId applicationTemplateId certification createdByAppId createdDateTime
                deletedDateTime disabledByMicrosoftStatus id publisherDomain verifiedPublisher
                """,
            writePermission: "Application.ReadWrite.All"),
        TypeSpec(
            .servicePrincipal, path: "/servicePrincipals", odataType: "#microsoft.graph.servicePrincipal",
            flags: [.delta, .softDelete, .directoryObject], throttle: .identity,
            permissions: """
                Application.Read.All Application.ReadWrite.All Application.ReadWrite.OwnedBy
                Directory.Read.All
                """,
            properties: """
                accountEnabled addIns alternativeNames appDescription appDisplayName appId
                appOwnerOrganizationId appRoleAssignmentRequired appRoles applicationTemplateId
                createdByAppId customSecurityAttributes deletedDateTime description
                disabledByMicrosoftStatus displayName homepage id info isDisabled keyCredentials
                loginUrl logoutUrl notes notificationEmailAddresses oauth2PermissionScopes
                passwordCredentials preferredSingleSignOnMode preferredTokenSigningKeyThumbprint
                replyUrls resourceSpecificApplicationPermissions samlSingleSignOnSettings
                servicePrincipalNames servicePrincipalType signInAudience tags tokenEncryptionKeyId
                verifiedPublisher createdDateTime
                """,
            onlySelected: "customSecurityAttributes",
            required: "appId",
            createOnly: "appId",
            readOnly: """
                appDescription appDisplayName appOwnerOrganizationId applicationTemplateId
                createdByAppId createdDateTime deletedDateTime disabledByMicrosoftStatus id info
                oauth2PermissionScopes resourceSpecificApplicationPermissions servicePrincipalType
                signInAudience verifiedPublisher
                """,
            writePermission: "Application.ReadWrite.All"),
        TypeSpec(
            .device, path: "/devices", odataType: "#microsoft.graph.device",
            flags: [.delta, .directoryObject], throttle: .identity,
            permissions: "Device.Read.All Device.ReadWrite.All Directory.Read.All Directory.ReadWrite.All",
            properties: """
                accountEnabled alternativeSecurityIds approximateLastSignInDateTime
                complianceExpirationDateTime deletedDateTime deviceCategory deviceId deviceMetadata
                deviceOwnership deviceVersion displayName enrollmentProfileName enrollmentType id
                isCompliant isManaged isManagementRestricted isRooted managementType manufacturer
                mdmAppId model onPremisesLastSyncDateTime onPremisesSecurityIdentifier
                onPremisesSyncEnabled operatingSystem operatingSystemVersion physicalIds profileType
                registrationDateTime systemLabels trustType extensionAttributes createdDateTime
                """,
            onlySelected: "isManagementRestricted onPremisesSecurityIdentifier",
            volatile: "approximateLastSignInDateTime complianceExpirationDateTime onPremisesLastSyncDateTime",
            required:
                "accountEnabled alternativeSecurityIds deviceId displayName operatingSystem operatingSystemVersion",
            createOnly: "alternativeSecurityIds deviceId",
            readOnly: """
                approximateLastSignInDateTime complianceExpirationDateTime deletedDateTime
                deviceMetadata deviceOwnership deviceVersion enrollmentProfileName enrollmentType id
                isCompliant isManaged isManagementRestricted isRooted managementType manufacturer
                mdmAppId model onPremisesLastSyncDateTime onPremisesSecurityIdentifier
                onPremisesSyncEnabled physicalIds registrationDateTime trustType
                """,
            writePermission: "Device.ReadWrite.All"),
        TypeSpec(
            .orgContact, path: "/contacts", odataType: "#microsoft.graph.orgContact",
            flags: [.delta, .directoryObject], throttle: .identity,
            permissions: "OrgContact.Read.All Directory.Read.All Directory.ReadWrite.All",
            properties: """
                addresses companyName deletedDateTime department displayName givenName id jobTitle
                mail mailNickname onPremisesLastSyncDateTime onPremisesProvisioningErrors
                onPremisesSyncEnabled phones proxyAddresses serviceProvisioningErrors surname
                """,
            volatile: "onPremisesLastSyncDateTime",
            readOnly: """
                addresses companyName deletedDateTime department displayName givenName id jobTitle
                mail mailNickname onPremisesLastSyncDateTime onPremisesProvisioningErrors
                onPremisesSyncEnabled phones proxyAddresses serviceProvisioningErrors surname
                """),
    ]
}
