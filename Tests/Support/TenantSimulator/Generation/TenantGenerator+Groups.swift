extension TenantGenerator {
    enum GroupKind: CaseIterable {
        case security, microsoft365, dynamicSecurity, dynamicMicrosoft365, mailSecurity, distribution, roleAssignable
    }

    mutating func makeGroups() {
        var builder = ObjectBuilder()
        var kinds: [GroupKind] = []
        for number in 0..<size.groups {
            let roll = random.below(100)
            let kind: GroupKind =
                number == 0
                ? .security
                : roll < 42
                    ? .security
                    : roll < 75
                        ? .microsoft365
                        : roll < 83
                            ? .dynamicSecurity
                            : roll < 88
                                ? .dynamicMicrosoft365
                                : roll < 92 ? .mailSecurity : roll < 98 ? .distribution : .roleAssignable
            kinds.append(kind)
            writeGroup(number, kind, to: &builder)
            groups.append(world.insert(builder.finish(.group, in: &world.shapes)))
        }
        addMembers(kinds)
        addOwners(kinds)
        addSettings(kinds)
    }

    private mutating func writeGroup(_ number: Int, _ kind: GroupKind, to builder: inout ObjectBuilder) {
        let isUnified = kind == .microsoft365 || kind == .dynamicMicrosoft365
        let isDynamic = kind == .dynamicSecurity || kind == .dynamicMicrosoft365
        let isMail = isUnified || kind == .mailSecurity || kind == .distribution
        let department = random.pick(Vocabulary.departments)
        let nickname = "group\(number)"
        let mail = "\(nickname)@\(domain)"
        let isSynced = kind == .mailSecurity || (kind == .security && number > 0 && random.chance(0.15))
        builder.string("id", random.guid())
        builder.null("accessType")
        builder.raw("assignedLabels", "[]")
        builder.raw(
            "assignedLicenses",
            isUnified || random.chance(0.95)
                ? "[]" : #"[{"disabledPlans":[],"skuId":"\#(LicenceProduct.all[0].skuID)"}]"#)
        builder.string("classification", random.chance(0.05) ? "Internal" : nil)
        builder.string("createdDateTime", pastTime())
        builder.null("deletedDateTime")
        builder.string(
            "description",
            random.chance(0.6) ? "\(department) – “\(random.pick(Vocabulary.groupNouns))”\nNr. \(number)" : nil)
        builder.string(
            "displayName",
            number == 0 ? "All employees" : "\(department) \(random.pick(Vocabulary.groupNouns)) \(number)")
        builder.string(
            "expirationDateTime", isUnified && random.chance(0.3) ? Timestamp.text(Timestamp.epoch + 10_000_000) : nil)
        builder.strings("groupTypes", (isUnified ? ["Unified"] : []) + (isDynamic ? ["DynamicMembership"] : []))
        builder.null("hasMembersWithLicenseErrors")
        builder.strings("infoCatalogs", [])
        builder.null("isArchived")
        builder.bool("isAssignableToRole", kind == .roleAssignable ? true : nil)
        builder.null("isFavorite")
        builder.null("isManagementRestricted")
        builder.null("licenseProcessingState")
        builder.string("mail", isMail ? mail : nil)
        builder.bool("mailEnabled", isMail)
        builder.string("mailNickname", nickname)
        builder.string(
            "membershipRule",
            isDynamic ? "(user.department -eq \"\(department)\") and (user.accountEnabled -eq true)" : nil)
        builder.string("membershipRuleProcessingState", isDynamic ? "On" : nil)
        builder.string("onPremisesDomainName", isSynced ? "corp.\(domain)" : nil)
        builder.null("onPremisesExtensionAttributes")
        builder.string("onPremisesLastSyncDateTime", isSynced ? pastTime(days: 1) : nil)
        builder.string("onPremisesNetBiosName", isSynced ? "CORP" : nil)
        builder.raw("onPremisesProvisioningErrors", "[]")
        builder.string("onPremisesSamAccountName", isSynced ? nickname : nil)
        builder.string(
            "onPremisesSecurityIdentifier", isSynced ? "S-1-5-21-\(random.digits(10))-\(random.digits(5))" : nil)
        builder.bool("onPremisesSyncEnabled", isSynced ? true : nil)
        builder.null("organizationId")
        builder.null("preferredDataLocation")
        builder.null("preferredLanguage")
        builder.strings("proxyAddresses", isMail ? ["SMTP:\(mail)"] : [])
        builder.string("renewedDateTime", pastTime())
        builder.strings("resourceBehaviorOptions", [])
        builder.strings("resourceProvisioningOptions", kind == .microsoft365 && random.chance(0.5) ? ["Team"] : [])
        builder.bool("securityEnabled", !isUnified && kind != .distribution)
        builder.string("securityIdentifier", "S-1-12-1-\(random.digits(9))-\(random.digits(9))-\(random.digits(9))")
        builder.raw("serviceProvisioningErrors", "[]")
        builder.null("theme")
        builder.null("uniqueName")
        builder.null("unseenConversationsCount")
        builder.null("unseenMessagesCount")
        builder.string(
            "visibility", isUnified ? random.pick(["Public", "Private"]) : kind == .roleAssignable ? "Private" : nil)
        builder.null("welcomeMessageEnabled")
    }

    /// Few groups are huge, most are small, some are empty.
    private mutating func addMembers(_ kinds: [GroupKind]) {
        var lists = Array(repeating: [World.Ref](), count: groups.count)
        for _ in 0..<size.memberships {
            let share = Double(random.below(1 << 20)) / Double(1 << 20)
            let group = min(groups.count - 1, Int(Double(groups.count) * share * share * share))
            lists[group].append(users[random.below(users.count)])
        }
        for (number, kind) in kinds.enumerated() where kind != .microsoft365 && kind != .dynamicMicrosoft365 {
            guard number > 0, random.chance(0.2) else { continue }
            if number + 1 < groups.count, kind == .security {
                lists[number].append(groups[random.range(number + 1...groups.count - 1)])
            }
            if !devices.isEmpty { lists[number].append(devices[random.below(devices.count)]) }
            if random.chance(0.2) { lists[number].append(servicePrincipals[random.below(servicePrincipals.count)]) }
            if !contacts.isEmpty, random.chance(0.2) { lists[number].append(contacts[random.below(contacts.count)]) }
        }
        for (number, list) in lists.enumerated() {
            var previous: World.Ref?
            for member in list.sorted() where member != previous {
                _ = world.link(.members, groups[number], member)
                previous = member
            }
        }
    }

    private mutating func addOwners(_ kinds: [GroupKind]) {
        for (number, kind) in kinds.enumerated() where kind != .distribution && kind != .mailSecurity {
            for _ in 0..<random.below(3) { _ = world.link(.owners, groups[number], users[random.below(users.count)]) }
            if random.chance(0.02) {
                _ = world.link(.owners, groups[number], servicePrincipals[random.below(servicePrincipals.count)])
            }
        }
        if users.count >= 60 {
            for user in users[10..<40] { _ = world.link(.owners, groups[0], user) }
            for user in users[5..<30] { _ = world.link(.owners, applications[clients.count], user) }
        }
        for application in applications where random.chance(0.6) {
            _ = world.link(.owners, application, users[random.below(users.count)])
        }
        for principal in servicePrincipals where random.chance(0.3) {
            _ = world.link(.owners, principal, users[random.below(users.count)])
        }
    }

    private mutating func addSettings(_ kinds: [GroupKind]) {
        let template = "08d542b9-071f-4e16-94b0-74abb372e3d9"
        for (number, kind) in kinds.enumerated() where kind == .microsoft365 && random.chance(0.1) {
            let setting = """
                {"id":"\(random.guid())","displayName":"Group.Unified.Guest","templateId":"\(template)",\
                "values":[{"name":"AllowToAddGuests","value":"\(random.chance(0.5))"}]}
                """
            guard let child = Self.child(setting) else { continue }
            world.children[World.ChildKey(owner: groups[number], segment: "settings")] = [child]
        }
    }

    mutating func makeAdministrativeUnits() {
        for number in 0..<size.administrativeUnits {
            let isDynamic = number % 4 == 3
            let isHidden = number % 5 == 1
            let ref = store(
                .administrativeUnit,
                """
                {"id":"\(random.guid())",
                "displayName":\(quoted("Région \(random.pick(Vocabulary.places).0) \(number)")),
                "description":\(random.chance(0.5) ? "\"Scope \(number)\"" : "null"),
                "isMemberManagementRestricted":\(number % 7 == 6 ? "true" : "null"),
                "membershipRule":\(isDynamic ? #""(user.country -eq \"Germany\")""# : "null"),
                "membershipRuleProcessingState":\(isDynamic ? "\"On\"" : "null"),
                "membershipType":\(isDynamic ? "\"Dynamic\"" : "null"),
                "visibility":\(isHidden ? "\"HiddenMembership\"" : "null")}
                """)
            guard let ref else { continue }
            administrativeUnits.append(ref)
            for _ in 0..<random.below(min(60, users.count)) {
                _ = world.link(.members, ref, users[random.below(users.count)])
            }
            if !devices.isEmpty { _ = world.link(.members, ref, devices[random.below(devices.count)]) }
            _ = world.link(.members, ref, groups[random.below(groups.count)])
        }
    }
}
