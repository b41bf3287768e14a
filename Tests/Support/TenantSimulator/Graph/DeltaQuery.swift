/// What a delta round was asked for, and how far it has come. All of it travels in the opaque link.
struct DeltaQuery {
    enum Phase: String {
        /// The first round: every object.
        case everything = "e"
        /// A later round: what changed in `since..<until`.
        case changes = "c"
        /// Between rounds.
        case idle = "t"
    }

    /// A large object whose links are not told to their end, or (`after` nil) one that comes a second time.
    struct Pending {
        let ref: World.Ref
        let after: World.Ref?
    }

    let types: [SimulatedType]
    let select: [String]?
    var ids: [String]?
    var generation: Int
    var phase = Phase.everything
    /// Sequence numbers in the change log.
    var since = 0
    var until = 0
    /// Position in the walk: of a type in `types`, and of an object or unit in it.
    var typeIndex = 0
    var position = 0
    var pending: [Pending] = []
    var isMinimal = false
    /// The selected names and the followed relationships of each type, worked out once.
    private let selections: [SimulatedType: (names: [String]?, links: [LinkName])]

    init(types: [SimulatedType], select: [String]?, ids: [String]?, generation: Int) {
        self.types = types
        self.select = select
        self.ids = ids
        self.generation = generation
        selections = Self.selections(types, select)
    }

    init?(_ token: String) {
        guard let cursor = Cursor(token), cursor.fields.count == 11, let phase = Phase(rawValue: cursor.fields[0]),
            let generation = cursor.integer(2), let since = cursor.integer(3), let until = cursor.integer(4),
            let typeIndex = cursor.integer(5), let position = cursor.integer(6)
        else { return nil }
        types = cursor.fields[1].split(separator: ",").compactMap { SimulatedType(rawValue: String($0)) }
        self.generation = generation
        self.phase = phase
        self.since = since
        self.until = until
        self.typeIndex = typeIndex
        self.position = position
        pending = cursor.fields[7].split(separator: ",").compactMap(Self.pending)
        isMinimal = cursor.fields[8] == "1"
        select = cursor.fields[9].isEmpty ? nil : cursor.fields[9].split(separator: ",").map(String.init)
        ids = cursor.fields[10].isEmpty ? nil : cursor.fields[10].split(separator: ",").map(String.init)
        selections = Self.selections(types, select)
    }

    var cursor: Cursor {
        let waiting = pending.map { "\($0.ref):\($0.after.map(String.init) ?? "")" }.joined(separator: ",")
        return Cursor([
            phase.rawValue, types.map(\.rawValue).joined(separator: ","), String(generation), String(since),
            String(until), String(typeIndex), String(position), waiting, isMinimal ? "1" : "0",
            select?.joined(separator: ",") ?? "", ids?.joined(separator: ",") ?? "",
        ])
    }

    private static func pending(_ text: Substring) -> Pending? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let ref = World.Ref(parts[0]) else { return nil }
        return Pending(ref: ref, after: World.Ref(parts[1]))
    }

    /// The relationships that the round follows.
    func links(of type: SimulatedType) -> [LinkName] { selections[type]?.links ?? [] }

    /// The selected names, without the type prefix of mixed rounds; nil without `$select`.
    func names(of type: SimulatedType) -> [String]? { selections[type]?.names }

    private static func selections(
        _ types: [SimulatedType], _ select: [String]?
    ) -> [SimulatedType: (names: [String]?, links: [LinkName])] {
        var table: [SimulatedType: (names: [String]?, links: [LinkName])] = [:]
        for type in types {
            let names = names(type, select, isMixed: types.count > 1)
            table[type] = (names, links(type, names))
        }
        return table
    }

    private static func links(_ type: SimulatedType, _ names: [String]?) -> [LinkName] {
        guard let names else {
            // Without `$select` these types tell their members.
            return [.group, .directoryRole, .administrativeUnit].contains(type) ? [.members] : []
        }
        return Navigation.all(of: type).compactMap { navigation in
            guard let link = navigation.linkName, link.deltaName == navigation.segment,
                names.contains(navigation.segment)
            else { return nil }
            return link
        }
    }

    private static func names(_ type: SimulatedType, _ select: [String]?, isMixed: Bool) -> [String]? {
        guard let select else { return nil }
        let prefix = String(type.spec.odataType.dropFirst()).lowercased() + "/"
        let own = select.compactMap { name -> String? in
            guard name.contains("/") else { return name }
            return name.lowercased().hasPrefix(prefix) ? String(name.dropFirst(prefix.count)) : nil
        }
        return isMixed && own.isEmpty ? nil : own
    }
}
