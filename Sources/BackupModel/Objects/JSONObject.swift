/// A JSON object: names with values in the order of RFC 8785, each name once.
public struct JSONObject: Sendable {
    /// Name and value.
    public typealias Member = (name: String, value: JSONValue)

    private var members: [Member]

    /// Without members.
    public init() {
        members = []
    }

    /// From members in any order; of names that repeat the last counts.
    public init(_ members: some Sequence<(String, JSONValue)>) {
        self.init()
        for (name, value) in members { self[name] = value }
    }

    /// From members in any order; nil when a name repeats. Faster than the other for large objects.
    init?(unique members: [Member]) {
        let isSorted = zip(members, members.dropFirst()).allSatisfy { $0.name.precedesInUnits($1.name) }
        self.members = isSorted ? members : members.sorted { $0.name.precedesInUnits($1.name) }
        let repeats =
            !isSorted && zip(self.members, self.members.dropFirst()).contains { $0.name.hasSameUnits(as: $1.name) }
        if repeats { return nil }
    }

    /// The value of a name, nil when there is none; setting nil takes the member away, setting `.null` does not.
    public subscript(_ name: String) -> JSONValue? {
        get {
            let place = place(of: name)
            return holds(name, at: place) ? members[place].value : nil
        }
        set {
            let place = place(of: name)
            switch (newValue, holds(name, at: place)) {
            case (let value?, true): members[place].value = value
            case (let value?, false): members.insert((name, value), at: place)
            case (nil, true): members.remove(at: place)
            case (nil, false): break
            }
        }
    }

    /// In the order of RFC 8785, by UTF-16 code units.
    public var names: [String] { members.map(\.name) }

    /// The same object, whose members that are equal in the other are the other's.
    func sharing(_ other: JSONObject) -> JSONObject {
        if self == other { return other }
        var shared = self
        var place = 0
        for index in shared.members.indices {
            let name = shared.members[index].name
            while place < other.count, other.members[place].name.precedesInUnits(name) { place += 1 }
            guard place < other.count, other.members[place].name.hasSameUnits(as: name) else { continue }
            let isEqual = other.members[place].value == shared.members[index].value
            shared.members[index].name = other.members[place].name
            if isEqual { shared.members[index].value = other.members[place].value }
        }
        return shared
    }

    /// Where `name` stands or would stand.
    private func place(of name: String) -> Int {
        var (low, high) = (0, members.count)
        while low < high {
            let middle = (low + high) / 2
            if members[middle].name.precedesInUnits(name) { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private func holds(_ name: String, at place: Int) -> Bool {
        place < members.count && members[place].name.hasSameUnits(as: name)
    }
}

extension JSONObject: RandomAccessCollection {
    public var startIndex: Int { 0 }
    public var endIndex: Int { members.count }
    /// By place in the order of names, from 0; a place that is not there is a programming error.
    public subscript(position: Int) -> Member { members[position] }
}

extension JSONObject: Hashable {
    public static func == (left: Self, right: Self) -> Bool {
        left.count == right.count
            && zip(left.members, right.members).allSatisfy { $0.name.hasSameUnits(as: $1.name) && $0.value == $1.value }
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(members.count)
        for member in members {
            hasher.combineUnits(of: member.name)
            hasher.combine(member.value)
        }
    }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
    /// Of names that repeat the last counts.
    public init(dictionaryLiteral elements: (String, JSONValue)...) { self.init(elements) }
}
