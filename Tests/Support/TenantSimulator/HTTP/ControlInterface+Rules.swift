extension ControlInterface {
    /// Reads one fault rule or an array of them.
    static func rules(_ body: [UInt8]) throws -> [FaultRule] {
        let value = try SimulatedJSON.parse(body)
        return try (value.items ?? [value]).map(rule)
    }

    private static func rule(_ value: SimulatedJSON) throws -> FaultRule {
        var rule = FaultRule(try effect(value))
        rule.path = value["path"]?.text
        if let name = value["type"]?.text {
            guard let type = SimulatedType(rawValue: name) else {
                throw SimulatorError(message: "Unknown type \(name).")
            }
            rule.type = type
        }
        rule.method = value["method"]?.text
        rule.share = value["share"]?.double ?? 1
        rule.count = value["count"]?.integer
        rule.skip = value["skip"]?.integer ?? 0
        rule.seed = value["seed"]?.integer.map { UInt64(clamping: $0) } ?? 1
        return rule
    }

    private static func effect(_ value: SimulatedJSON) throws -> FaultRule.Effect {
        if let status = value["status"]?.integer { return .status(status, retryAfter: value["retryAfter"]?.integer) }
        switch value["effect"]?.text {
        case "lostAnswer": return .lostAnswer
        case "cutBody": return .cutBody
        case "malformedBody": return .malformedBody
        case "slowBody": return .slowBody(pause: value["pause"]?.integer ?? 100)
        case "reset": return .reset
        case "expiredToken": return .expiredToken
        case "foreignNextLink": return .foreignNextLink
        case "loopingNextLink": return .loopingNextLink
        case "emptyPage": return .emptyPage
        case "duplicateItems": return .duplicateItems
        case "gone": return .gone
        case "syncStateNotFound": return .syncStateNotFound
        case "forbidden": return .forbidden
        default: throw SimulatorError(message: "A rule needs status or effect.")
        }
    }
}

extension TenantSettings {
    /// Takes over the members of a JSON object that have a setting's name.
    mutating func apply(_ value: SimulatedJSON) {
        if let names = value["missing"]?.items {
            missing = Set(names.compactMap { $0.text.flatMap(Service.init(rawValue:)) })
        }
        if let flag = value["quotas"]?.boolean { quotas = flag }
        if let flag = value["recordsRequests"]?.boolean { recordsRequests = flag }
        if let scale = value["quotaScale"]?.double { quotaScale = scale }
        if let limit = value["accessPolicyLimit"]?.integer { accessPolicyLimit = limit }
        if let size = value["deltaPageSize"]?.integer { deltaPageSize = max(1, size) }
        if let size = value["deltaSliceSize"]?.integer { deltaSliceSize = max(1, size) }
        if let share = value["deltaDuplicates"]?.double { deltaDuplicates = share }
        if let share = value["deltaReplays"]?.double { deltaReplays = share }
        if let flag = value["deltaShowsRemoved"]?.boolean { deltaShowsRemoved = flag }
        if let size = value["pageSize"]?.integer { pageSize = max(1, size) }
        if let size = value["settingsPageSize"]?.integer { settingsPageSize = max(1, size) }
        if let number = value["replicationMisses"]?.integer { replicationMisses = number }
        if let number = value["objectsLeft"]?.integer { objectsLeft = number < 0 ? nil : number }
        if let seconds = value["tokenLife"]?.integer { tokenLife = seconds }
        if let status = value["expiredTokenStatus"]?.integer { expiredTokenStatus = status }
    }
}
