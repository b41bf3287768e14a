/// Words that occur nowhere else, so that tests can look for them where no attribute may be.
extension World {
    /// Gives every text of some objects a word of its own: attributes at any depth and owned sub-objects. Keys,
    /// references, times and what the service itself goes by stay as they are. Two new objects have a word as their id.
    /// - Returns: how many objects were changed, and the words.
    mutating func plantCanaries(seed: UInt64, count: Int) -> (objects: Int, words: [String]) {
        var planter = CanaryPlanter(random: SeededRandom(seed: seed, purpose: "canaries"))
        var left = count
        for type in [SimulatedType.attributeSet, .domain] where left > 0 {
            let id = planter.plainWord() + (type == .domain ? ".example" : "")
            let values: [(String, SimulatedJSON)] = [("id", .string(id)), ("description", .string(planter.word()))]
            create(TenantGenerator.object(type, type == .domain ? [values[0]] : values, in: &shapes))
            left -= 1
        }
        // One object of each type, then the next one of each, so that small types have their share.
        var pools: [[Ref]] = []
        for type in SimulatedType.allCases { pools.append(presentRefs(type)) }
        for turn in 0..<(pools.map(\.count).max() ?? 0) {
            for pool in pools where turn < pool.count && left > 0 {
                plant(pool[turn], &planter)
                left -= 1
            }
        }
        return (count - left, planter.words)
    }

    private mutating func plant(_ ref: Ref, _ planter: inout CanaryPlanter) {
        planter.beginObject()
        var values: [(String, [UInt8]?)] = []
        for name in attributeNames(ref).dropFirst() {
            guard let old = value(ref, name) else { continue }
            let new = planter.replaced(old, name)
            if new != old { values.append((name, new.encoded)) }
        }
        update(ref, values)
        for navigation in Navigation.all(of: type(ref)) {
            let list = children(ref, navigation.segment)
            guard !list.isEmpty else { continue }
            let new = list.map { child in
                guard let old = try? SimulatedJSON.parse(child.json) else { return child }
                return Child(id: child.id, json: planter.replaced(old, navigation.segment).encoded)
            }
            if zip(new, list).contains(where: { $0.json != $1.json }) { setChildren(ref, navigation.segment, new) }
        }
    }
}

/// Draws words and puts them in place of texts.
private struct CanaryPlanter {
    private(set) var words: [String] = []
    private var random: SeededRandom
    private var leftInObject = 0

    /// Policies with hundreds of settings would have most of the words.
    private static let mostPerObject = 40
    /// What the service or a reader of it goes by.
    private static let fixed: Set<String> = [
        "id", "scopeId", "scopeType", "directoryScopeId", "appScopeId", "attributeSet", "groupTypes",
    ]

    init(random: SeededRandom) { self.random = random }

    mutating func beginObject() { leftInObject = Self.mostPerObject }

    mutating func plainWord() -> String { add("cnry" + letters(12)) }

    /// Every other word has a letter that JSON may write as an escape.
    mutating func word() -> String {
        random.chance(0.5) ? plainWord() : add("cnry" + letters(6) + "ü" + letters(6))
    }

    private mutating func letters(_ count: Int) -> String {
        String((0..<count).map { _ in random.pick(Array("abcdefghijklmnopqrstuvwxyz")) })
    }

    private mutating func add(_ word: String) -> String {
        words.append(word)
        return word
    }

    mutating func replaced(_ value: SimulatedJSON, _ name: String) -> SimulatedJSON {
        switch value {
        case .string(let text):
            guard leftInObject > 0, Self.isFree(name, text) else { return value }
            leftInObject -= 1
            return .string(text.contains("@") ? "\(plainWord())@\(plainWord()).example" : word())
        case .array(let items): return .array(items.map { replaced($0, name) })
        case .object(let members): return .object(members.map { ($0.0, replaced($0.1, $0.0)) })
        default: return value
        }
    }

    private static func isFree(_ name: String, _ text: String) -> Bool {
        if text.isEmpty || name.contains("@") || fixed.contains(name) || text.hasPrefix("extension_") { return false }
        let dashes = text.utf8.enumerated().filter { $0.element == UInt8(ascii: "-") }.map(\.offset)
        let isGUID = text.utf8.count == 36 && dashes == [8, 13, 18, 23]
        let isTime = text.utf8.count >= 10 && dashes.starts(with: [4, 7]) && text.first?.isNumber == true
        return !isGUID && !isTime
    }
}
