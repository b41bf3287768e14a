/// The part of OData's `$filter` that the service offers on the paths a backup uses.
indirect enum Filter {
    case and(Filter, Filter)
    case or(Filter, Filter)
    case not(Filter)
    case compare(String, Operator, SimulatedJSON)
    case startsWith(String, String)
    case any(String, String)
    case isOf(String)

    enum Operator: String {
        case eq, ne, ge, le, gt, lt
    }

    /// Whether the service answers only with `ConsistencyLevel: eventual` and `$count=true`.
    var isAdvanced: Bool {
        switch self {
        case .and(let left, let right), .or(let left, let right): left.isAdvanced || right.isAdvanced
        case .not: true
        case .compare(_, let comparison, _): comparison == .ne
        case .startsWith, .any, .isOf: false
        }
    }

    /// The ids of `id eq 'a' or id eq 'b'`, nil when the filter is of another kind.
    var ids: [String]? {
        switch self {
        case .compare("id", .eq, let value): value.text.map { [$0] }
        case .or(let left, let right): left.ids.flatMap { one in right.ids.map { one + $0 } }
        default: nil
        }
    }

    func matches(_ ref: World.Ref, in world: World) -> Bool {
        switch self {
        case .and(let left, let right): return left.matches(ref, in: world) && right.matches(ref, in: world)
        case .or(let left, let right): return left.matches(ref, in: world) || right.matches(ref, in: world)
        case .not(let inner): return !inner.matches(ref, in: world)
        case .compare(let name, .eq, .string(let text)) where Self.differs(world.json(ref, name), text): return false
        case .compare(let name, let comparison, let value):
            return Self.compare(Self.value(of: name, ref, world), comparison, value)
        case .startsWith(let name, let start):
            return Self.value(of: name, ref, world).text?.lowercased().hasPrefix(start.lowercased()) ?? false
        case .any(let name, let wanted):
            return Self.value(of: name, ref, world).items?.contains { $0.text?.lowercased() == wanted.lowercased() }
                ?? false
        case .isOf(let type): return TypeSpec.byODataName[type]?.type == world.type(ref)
        }
    }

    /// Whether an attribute is certainly not that text: told from its bytes, before it is parsed. Most objects that a
    /// filter looks at are others.
    private static func differs(_ json: ArraySlice<UInt8>?, _ text: String) -> Bool {
        guard let json else { return false }
        let isPlain = json.allSatisfy { $0 < 0x80 && $0 != 0x5C } && text.utf8.allSatisfy { $0 < 0x80 }
        guard isPlain else { return false }
        // Letters of either case are one but for this bit; so are some other characters, which are then compared well.
        return json.count != text.utf8.count + 2
            || zip(json.dropFirst(), text.utf8).contains { $0 | 0x20 != $1 | 0x20 }
    }

    private static func value(of path: String, _ ref: World.Ref, _ world: World) -> SimulatedJSON {
        let parts = path.split(separator: "/").map(String.init)
        var value = world.value(ref, parts[0]) ?? .null
        for part in parts.dropFirst() { value = value[part] ?? .null }
        return value
    }

    private static func compare(_ left: SimulatedJSON, _ comparison: Operator, _ right: SimulatedJSON) -> Bool {
        switch comparison {
        case .eq: return equal(left, right)
        case .ne: return !equal(left, right)
        case .ge, .le, .gt, .lt: break
        }
        let order: (Bool, Bool)
        if let one = left.double, let other = right.double {
            order = (one < other, one > other)
        } else if let one = left.text, let other = right.text {
            order = (one < other, one > other)
        } else {
            return false
        }
        return comparison == .lt ? order.0 : comparison == .gt ? order.1 : comparison == .le ? !order.1 : !order.0
    }

    private static func equal(_ left: SimulatedJSON, _ right: SimulatedJSON) -> Bool {
        if let one = left.text, let other = right.text { return one.lowercased() == other.lowercased() }
        return left == right
    }

    static func parse(_ text: String) throws(GraphFailure) -> Filter {
        var parser = FilterParser(tokens: try FilterParser.tokens(text))
        let filter = try parser.expression()
        guard parser.isAtEnd else { throw FilterParser.invalid }
        return filter
    }
}

/// Recursive descent over the filter's words.
private struct FilterParser {
    enum Token: Equatable {
        case word(String), text(String), open, close, comma, colon
    }

    private var tokens: [Token]
    private var position = 0

    static let invalid = GraphFailure.badRequest("Invalid filter clause", code: "Request_UnsupportedQuery")

    init(tokens: [Token]) { self.tokens = tokens }

    var isAtEnd: Bool { position == tokens.count }

    static func tokens(_ text: String) throws(GraphFailure) -> [Token] {
        var list: [Token] = []
        var rest = text[...]
        while let character = rest.first {
            switch character {
            case " ", "\t": rest.removeFirst()
            case "(":
                list.append(.open)
                rest.removeFirst()
            case ")":
                list.append(.close)
                rest.removeFirst()
            case ",":
                list.append(.comma)
                rest.removeFirst()
            case "'":
                rest.removeFirst()
                var value = ""
                while true {
                    guard let next = rest.popFirst() else { throw invalid }
                    if next != "'" {
                        value.append(next)
                        continue
                    }
                    guard rest.first == "'" else { break }
                    value.append("'")
                    rest.removeFirst()
                }
                list.append(.text(value))
            default:
                // A colon inside a date and time belongs to the word.
                let isTime = character.isNumber
                let word = rest.prefix { !" ,()'\t".contains($0) && ($0 != ":" || isTime) }
                guard !word.isEmpty else {
                    list.append(.colon)
                    rest.removeFirst()
                    continue
                }
                list.append(.word(String(word)))
                rest = rest.dropFirst(word.count)
            }
        }
        return list
    }

    private mutating func next() throws(GraphFailure) -> Token {
        guard position < tokens.count else { throw Self.invalid }
        position += 1
        return tokens[position - 1]
    }

    private mutating func takes(_ token: Token) -> Bool {
        guard position < tokens.count, tokens[position] == token else { return false }
        position += 1
        return true
    }

    mutating func expression() throws(GraphFailure) -> Filter {
        var left = try conjunction()
        while takes(.word("or")) { left = .or(left, try conjunction()) }
        return left
    }

    private mutating func conjunction() throws(GraphFailure) -> Filter {
        var left = try term()
        while takes(.word("and")) { left = .and(left, try term()) }
        return left
    }

    private mutating func term() throws(GraphFailure) -> Filter {
        if takes(.word("not")) { return .not(try term()) }
        if takes(.open) {
            let inner = try expression()
            guard takes(.close) else { throw Self.invalid }
            return inner
        }
        guard case .word(let name) = try next() else { throw Self.invalid }
        if takes(.open) { return try call(name) }
        guard case .word(let word) = try next(), let comparison = Filter.Operator(rawValue: word) else {
            throw Self.invalid
        }
        return .compare(name, comparison, try literal())
    }

    private mutating func literal() throws(GraphFailure) -> SimulatedJSON {
        switch try next() {
        case .text(let text): return .string(text)
        case .word("true"): return .bool(true)
        case .word("false"): return .bool(false)
        case .word("null"): return .null
        case .word(let word): return Double(word) == nil ? .string(word) : .number(word)
        default: throw Self.invalid
        }
    }

    private mutating func call(_ name: String) throws(GraphFailure) -> Filter {
        switch name.lowercased() {
        case "startswith":
            guard case .word(let property) = try next(), takes(.comma), case .text(let start) = try next(),
                takes(.close)
            else { throw Self.invalid }
            return .startsWith(property, start)
        case "isof":
            guard case .text(let type) = try next(), takes(.close) else { throw Self.invalid }
            return .isOf(String(type.split(separator: ".").last ?? "").lowercased())
        case let path where path.hasSuffix("/any"):
            guard case .word(let variable) = try next(), takes(.colon), case .word(let again) = try next(),
                again == variable, takes(.word("eq")), case .text(let wanted) = try next(), takes(.close)
            else { throw Self.invalid }
            return .any(String(name.dropLast(4)), wanted)
        case "endswith", "contains":
            throw GraphFailure.badRequest(
                """
                Operator '\(name)' is not supported because the required parameters might be \
                missing. Try adding $count=true query parameter and ConsistencyLevel:eventual \
                header. Refer to https://aka.ms/graph-docs/advanced-queries for more \
                information
                """,
                code: "Request_UnsupportedQuery")
        default: throw Self.invalid
        }
    }
}
