extension TenantGenerator {
    mutating func makeAudits() {
        for number in 0..<size.audits {
            let seconds = Timestamp.epoch - 2_000_000 + number * (2_000_000 / max(1, size.audits))
            world.writeAudit(
                activity: "Update user", category: "UserManagement", target: users[random.below(users.count)],
                actor: users[0], seconds: seconds, random: &random)
        }
    }

    /// The recycle bin as it is when the tenant is made.
    mutating func makeDeleted() {
        func some(_ refs: [World.Ref], _ count: Int) -> [World.Ref] {
            guard refs.count > 30 || count < refs.count else { return [] }
            return Array(refs.suffix(min(count, refs.count / 3)))
        }
        for ref in some(users, size.deletedUsers) { world.softDelete(ref) }
        for ref in some(groups, size.deletedUsers / 5) { world.softDelete(ref) }
        for ref in some(applications, size.deletedUsers / 20) { world.softDelete(ref) }
        for ref in some(servicePrincipals, size.deletedUsers / 20) { world.softDelete(ref) }
        for ref in some(administrativeUnits, size.deletedUsers / 40) { world.softDelete(ref) }
    }
}

extension World {
    /// Adds one entry to the directory's audit log.
    mutating func writeAudit(
        activity: String, category: String, target: Ref, actor: Ref?, application: String = "", seconds: Int,
        random: inout SeededRandom
    ) {
        let correlation = random.guid()
        let name = value(target, "displayName") ?? .null
        var builder = ObjectBuilder()
        builder.string("id", "Directory_\(correlation)_\(random.digits(8))")
        builder.string("activityDateTime", Timestamp.text(seconds, fraction: random.below(10_000_000)))
        builder.string("activityDisplayName", activity)
        builder.raw("additionalDetails", #"[{"key":"UserType","value":"Member"}]"#)
        builder.string("category", category)
        builder.string("correlationId", correlation)
        builder.raw("initiatedBy", initiator(actor, application))
        builder.string("loggedByService", "Core Directory")
        builder.string("operationType", "Update")
        builder.string("result", "success")
        builder.string("resultReason", "")
        let targetName = String(decoding: name.encoded, as: UTF8.self)
        builder.raw(
            "targetResources",
            #"""
            [{"id":"\#(id(target))","displayName":\#(targetName),\#
            "type":"\#(type(target).auditName)","userPrincipalName":null,"groupType":null,\#
            "modifiedProperties":[]}]
            """#
        )
        builder.null("userAgent")
        _ = insert(builder.finish(.directoryAudit, in: &shapes))
    }

    private func initiator(_ actor: Ref?, _ application: String) -> String {
        guard let actor else {
            return #"{"user":null,"app":{"appId":"\#(application)","displayName":null,"servicePrincipalId":null}}"#
        }
        let name = String(decoding: (value(actor, "displayName") ?? .null).encoded, as: UTF8.self)
        let principal = String(decoding: (value(actor, "userPrincipalName") ?? .null).encoded, as: UTF8.self)
        return
            #"""
            {"app":null,"user":{"id":"\#(id(actor))","displayName":\#(name),\#
            "userPrincipalName":\#(principal),"ipAddress":""}}
            """#
    }
}

extension SimulatedType {
    /// How the audit log calls the type.
    var auditName: String {
        switch self {
        case .user: "User"
        case .group: "Group"
        case .application: "Application"
        case .servicePrincipal: "ServicePrincipal"
        case .device: "Device"
        default: "Other"
        }
    }
}
