/// The plans and products that tenants of the simulator subscribe to.
struct LicenceProduct: Sendable {
    let skuID: String
    let name: String
    /// Service plan id, name, service.
    let plans: [(String, String, String)]

    static let all = [
        LicenceProduct(
            skuID: "05e9a617-0261-4cee-bb44-138d3ef5d965", name: "SPE_E3",
            plans: [
                ("efb87545-963c-4e0d-99df-69c6916d9eb0", "EXCHANGE_S_ENTERPRISE", "exchange"),
                ("57ff2da0-773e-42df-b2af-ffb7a2317929", "TEAMS1", "TeamspaceAPI"),
                ("41781fb2-bc02-4b7c-bd55-b576c07bb09d", "AAD_PREMIUM", "AADPremiumService"),
                ("c1ec4a95-1f05-45b3-a911-aa3fa01094f5", "INTUNE_A", "SCO"),
            ]),
        LicenceProduct(
            skuID: "06ebc4ee-1bb5-47dd-8120-11324bc54e06", name: "SPE_E5",
            plans: [
                ("efb87545-963c-4e0d-99df-69c6916d9eb0", "EXCHANGE_S_ENTERPRISE", "exchange"),
                ("eec0eb4f-6444-4f95-aba0-50c24d67f998", "AAD_PREMIUM_P2", "AADPremiumService"),
            ]),
        LicenceProduct(
            skuID: "84a661c4-e949-4bd2-a560-ed7766fcaf2b", name: "AAD_PREMIUM_P2",
            plans: [("eec0eb4f-6444-4f95-aba0-50c24d67f998", "AAD_PREMIUM_P2", "AADPremiumService")]),
        LicenceProduct(
            skuID: "a403ebcc-fae0-4ca2-8c8c-7a907fd6c235", name: "POWER_BI_STANDARD",
            plans: [("2049e525-b859-401b-b2a0-e0a31c4b1fe4", "BI_AZURE_P0", "PowerBI")]),
    ]
}

extension TenantGenerator {
    /// What one user is made of before it becomes JSON.
    struct UserDraft {
        enum Kind { case cloud, synced, guest, resource }

        let kind: Kind
        let given: String
        let family: String
        let nickname: String
        let principalName: String
        let mail: String?
        let place: (String, String?, String, String, String, String)
        let department: String
        let products: [Int]
    }

    mutating func makeUsers() {
        var builder = ObjectBuilder()
        users.reserveCapacity(size.users)
        for number in 0..<size.users {
            let draft = draftUser(number)
            writeUser(draft, number: number, to: &builder)
            users.append(world.insert(builder.finish(.user, in: &world.shapes)))
        }
        linkUsers()
    }

    mutating func draftUser(_ number: Int) -> UserDraft {
        let roll = number == 0 ? 0 : random.below(100)
        let kind: UserDraft.Kind = roll < 68 ? .cloud : roll < 88 ? .synced : roll < 97 ? .guest : .resource
        let given = random.below(Vocabulary.givenNames.count)
        let family = random.below(Vocabulary.familyNames.count)
        let nickname = "\(Vocabulary.plainGivenNames[given]).\(Vocabulary.plainFamilyNames[family])\(number)"
        let principalName =
            kind == .guest
            ? "\(nickname)_partner.example#EXT#@\(initialDomain)" : "\(nickname)@\(domain)"
        let mail = kind == .guest ? "\(nickname)@partner.example" : random.chance(0.95) ? principalName : nil
        return UserDraft(
            kind: kind, given: Vocabulary.givenNames[given], family: Vocabulary.familyNames[family],
            nickname: nickname, principalName: principalName, mail: mail, place: random.pick(Vocabulary.places),
            department: random.pick(Vocabulary.departments),
            products: kind == .guest || kind == .resource || random.chance(0.1)
                ? [] : [random.below(2), 3].dropLast(random.below(2)).map { $0 })
    }

    mutating func writeUser(_ draft: UserDraft, number: Int, to builder: inout ObjectBuilder) {
        let isPerson = draft.kind != .resource
        builder.string("id", random.guid())
        builder.bool("accountEnabled", random.chance(0.95))
        builder.null("ageGroup")
        writeLicences(draft, to: &builder)
        builder.raw("authorizationInfo", #"{"certificateUserIds":[]}"#)
        builder.strings("businessPhones", random.chance(0.6) ? ["+49 30 \(random.digits(7))"] : [])
        builder.string("city", isPerson ? draft.place.0 : nil)
        builder.string("companyName", random.chance(0.3) ? company : nil)
        builder.null("consentProvidedForMinor")
        builder.string("country", isPerson ? draft.place.2 : nil)
        builder.string("createdDateTime", pastTime())
        builder.string("creationType", draft.kind == .guest ? "Invitation" : nil)
        writeSecurityAttributes(draft.department, to: &builder)
        builder.null("deletedDateTime")
        builder.string("department", isPerson ? draft.department : nil)
        builder.string(
            "displayName",
            isPerson ? "\(draft.given) \(draft.family)" : "Room \(number) \"\(draft.place.0)\"")
        builder.string("employeeHireDate", random.chance(0.5) ? pastTime() : nil)
        builder.string("employeeId", draft.kind == .guest ? nil : "E\(100_000 + number)")
        builder.string("employeeLeaveDateTime", random.chance(0.02) ? Timestamp.text(Timestamp.epoch + 8_640_000) : nil)
        builder.raw(
            "employeeOrgData",
            random.chance(0.4)
                ? #"{"division":"\#(draft.department)","costCenter":"\#(random.range(1000...1999))"}"# : nil)
        builder.string("employeeType", random.chance(0.5) ? random.pick(["Employee", "Contractor", "Intern"]) : nil)
        builder.string("externalUserState", draft.kind == .guest ? "Accepted" : nil)
        builder.string("externalUserStateChangeDateTime", draft.kind == .guest ? pastTime() : nil)
        builder.null("faxNumber")
        builder.string("givenName", isPerson ? draft.given : nil)
        builder.raw("identities", identities(draft))
        builder.null("identityParentId")
        builder.strings("imAddresses", draft.mail.map { random.chance(0.7) ? [$0] : [] } ?? [])
        builder.null("isManagementRestricted")
        builder.null("isResourceAccount")
        builder.string("jobTitle", isPerson && random.chance(0.8) ? random.pick(Vocabulary.jobTitles) : nil)
        builder.string("lastPasswordChangeDateTime", pastTime(days: 400))
        builder.null("legalAgeGroupClassification")
        builder.string("mail", draft.mail)
        builder.string("mailNickname", draft.nickname)
        builder.string("mobilePhone", random.chance(0.5) ? "+1 425 555 \(random.digits(4))" : nil)
        builder.string(
            "officeLocation", random.chance(0.5) ? "\(random.range(1...40))/\(random.range(1000...4999))" : nil)
        writeOnPremises(draft, to: &builder)
        builder.strings("otherMails", draft.kind == .guest ? ["\(draft.nickname)@partner.example"] : [])
        builder.string("passwordPolicies", random.chance(0.1) ? "DisablePasswordExpiration" : nil)
        builder.null("passwordProfile")
        builder.string("postalCode", isPerson ? draft.place.4 : nil)
        builder.null("preferredDataLocation")
        builder.string("preferredLanguage", random.chance(0.6) ? draft.place.5 : nil)
        builder.strings(
            "proxyAddresses", draft.mail.map { ["SMTP:\($0)", "smtp:\(draft.nickname)@\(initialDomain)"] } ?? [])
        builder.string(
            "securityIdentifier",
            "S-1-12-1-\(random.digits(9))-\(random.digits(9))-\(random.digits(9))-\(random.digits(9))")
        builder.raw("serviceProvisioningErrors", "[]")
        builder.null("showInAddressList")
        builder.raw(
            "signInActivity",
            #"""
            {"lastSignInDateTime":"\#(pastTime(days: 30))",\#
            "lastSignInRequestId":"\#(random.guid())","lastNonInteractiveSignInDateTime":null,\#
            "lastNonInteractiveSignInRequestId":null}
            """#
        )
        builder.string("signInSessionsValidFromDateTime", pastTime(days: 300))
        builder.string("state", isPerson ? draft.place.1 : nil)
        builder.string(
            "streetAddress", random.chance(0.4) ? "Main St. \(random.range(1...200))\\\(random.range(1...9))" : nil)
        builder.string("surname", isPerson ? draft.family : nil)
        builder.string("usageLocation", draft.products.isEmpty ? nil : draft.place.3)
        builder.string("userPrincipalName", draft.principalName)
        builder.string("userType", draft.kind == .guest ? "Guest" : "Member")
        for name in extensionNames where random.chance(0.15) {
            builder.dynamic(name, JSONText.quoted("value \(number)"))
        }
    }

    private mutating func writeLicences(_ draft: UserDraft, to builder: inout ObjectBuilder) {
        let products = draft.products.map { LicenceProduct.all[$0] }
        let assigned = products.map { #"{"disabledPlans":[],"skuId":"\#($0.skuID)"}"# }
        builder.raw("assignedLicenses", "[\(assigned.joined(separator: ","))]")
        let time = "2025-03-01T09:00:00Z"
        let plans = products.flatMap(\.plans)
        let assignedPlans = plans.map {
            #"""
            {"assignedDateTime":"\#(time)","capabilityStatus":"Enabled","service":"\#($0.2)",\#
            "servicePlanId":"\#($0.0)"}
            """#
        }
        builder.raw("assignedPlans", "[\(assignedPlans.joined(separator: ","))]")
        let states = products.map {
            #"""
            {"skuId":"\#($0.skuID)","disabledPlans":[],"assignedByGroup":null,"state":"Active",\#
            "error":"None","lastUpdatedDateTime":"\#(time)"}
            """#
        }
        builder.raw("licenseAssignmentStates", "[\(states.joined(separator: ","))]")
        let provisioned = plans.prefix(2).map {
            #"{"capabilityStatus":"Enabled","provisioningStatus":"Success","service":"\#($0.2)"}"#
        }
        builder.raw("provisionedPlans", "[\(provisioned.joined(separator: ","))]")
    }

    private mutating func writeSecurityAttributes(_ department: String, to builder: inout ObjectBuilder) {
        guard random.chance(0.1) else { return builder.null("customSecurityAttributes") }
        let centre = random.range(1_001...1_009)
        builder.raw(
            "customSecurityAttributes",
            """
            {"Engineering":{"@odata.type":"#Microsoft.DirectoryServices.CustomSecurityAttributeValue",\
            "Project@odata.type":"#Collection(String)","Project":["Baker","Cascade"],\
            "CostCenter@odata.type":"#Collection(Int32)","CostCenter":[\(centre),\(centre + 2)],\
            "NumVendors@odata.type":"#Int32","NumVendors":\(random.below(9)),"Certification":\(random.chance(0.5))}}
            """)
    }

    private func identities(_ draft: UserDraft) -> String {
        let own =
            #"""
            {"signInType":"userPrincipalName","issuer":"\#(initialDomain)",\#
            "issuerAssignedId":"\#(draft.principalName)"}
            """#
        guard draft.kind == .guest else { return "[\(own)]" }
        return #"[{"signInType":"federated","issuer":"ExternalAzureAD","issuerAssignedId":null},\#(own)]"#
    }

    private mutating func writeOnPremises(_ draft: UserDraft, to builder: inout ObjectBuilder) {
        let isSynced = draft.kind == .synced
        builder.string(
            "onPremisesDistinguishedName",
            isSynced ? "CN=\(draft.given) \(draft.family),OU=Users,DC=corp,DC=\(company),DC=example" : nil)
        builder.string("onPremisesDomainName", isSynced ? "corp.\(domain)" : nil)
        let first = random.chance(0.2) ? "\"A\(random.below(50))\"" : "null"
        builder.raw("onPremisesExtensionAttributes", #"{"extensionAttribute1":\#(first),\#(Self.emptyExtensions)}"#)
        builder.string("onPremisesImmutableId", isSynced ? random.base64(bytes: 16) : nil)
        builder.string("onPremisesLastSyncDateTime", isSynced ? pastTime(days: 1) : nil)
        builder.raw("onPremisesProvisioningErrors", "[]")
        builder.string("onPremisesSamAccountName", isSynced ? draft.nickname : nil)
        builder.string(
            "onPremisesSecurityIdentifier",
            isSynced ? "S-1-5-21-\(random.digits(10))-\(random.digits(10))-\(random.digits(5))" : nil)
        builder.bool("onPremisesSyncEnabled", isSynced ? true : nil)
        builder.string("onPremisesUserPrincipalName", isSynced ? draft.principalName : nil)
    }

    /// Extension attributes 2 to 15, all null.
    static let emptyExtensions = (2...15).map { #""extensionAttribute\#($0)":null"# }.joined(separator: ",")

    private mutating func linkUsers() {
        for number in users.indices.dropFirst() {
            let isGuest = world.isGuest(users[number])
            if isGuest {
                _ = world.link(.sponsors, users[number], users[random.below(max(1, number))])
            } else if random.chance(0.95) {
                _ = world.link(.manager, users[number], users[(number - 1) / 8])
            }
        }
        // One object whose expanded relationship is longer than an expansion shows.
        if users.count >= 60 {
            for number in 1...25 { _ = world.link(.sponsors, users[40], users[number]) }
        }
    }
}

extension World {
    func isGuest(_ ref: Ref) -> Bool {
        json(ref, "userType")?.elementsEqual("\"Guest\"".utf8) ?? false
    }
}
