/// What a delta round after the first has to tell, collected from the change log.
struct DeltaChanges {
    /// One element of the answer.
    struct Unit {
        let ref: World.Ref
        /// Changed attributes; nil when the element tells none.
        var names: [String]?
        var links: [(LinkName, World.Ref)] = []
    }

    private(set) var units: [Unit] = []

    private struct Item {
        var isWhole = false
        var names: Set<String> = []
        var links: [(LinkName, World.Ref)] = []
    }

    init(_ world: World, _ query: DeltaQuery, _ settings: TenantSettings) {
        var order: [World.Ref] = []
        var items: [World.Ref: Item] = [:]
        func note(_ change: World.Change) {
            guard query.types.contains(world.type(change.ref)) else { return }
            if items[change.ref] == nil { order.append(change.ref) }
            Self.add(change, to: &items[change.ref, default: Item()], world)
        }
        // Replays: some of what the previous rounds told comes again.
        for sequence in max(0, query.since - 500)..<query.since
        where Self.share(UInt64(sequence) ^ UInt64(query.since) << 20) < settings.deltaReplays {
            note(world.changes[sequence])
        }
        for sequence in query.since..<max(query.since, query.until) { note(world.changes[sequence]) }
        if let ids = query.ids { order = order.filter { ids.contains(world.id($0)) } }
        for ref in order {
            guard let item = items[ref] else { continue }
            append(ref, item, world, query, settings)
        }
        spread(settings)
        repeatSome(query, settings)
    }

    private static func add(_ change: World.Change, to item: inout Item, _ world: World) {
        switch change.kind {
        case .created, .restored, .softDeleted, .purged: item.isWhole = true
        case .updated: item.names.formUnion(change.keys.map { world.shapes.names[Int($0)] })
        case .linked, .unlinked:
            if !item.links.contains(where: { $0.0 == change.link && $0.1 == change.target }) {
                item.links.append((change.link, change.target))
            }
        case .childrenChanged: break
        }
    }

    /// Changes of what is not selected do not make an object appear.
    ///
    /// Decided by the log alone, not by what the tenant looks like now: the pages of a round must agree on the units.
    private mutating func append(
        _ ref: World.Ref, _ item: Item, _ world: World, _ query: DeltaQuery, _ settings: TenantSettings
    ) {
        let type = world.type(ref)
        let followed = query.links(of: type)
        let links = item.links.filter { followed.contains($0.0) }
        let selected = query.names(of: type)
        let names = item.names.filter { selected?.contains($0) ?? !type.spec.onlySelected.contains($0) }
        let tellsAttributes = item.isWhole || !names.isEmpty
        guard tellsAttributes || !links.isEmpty else { return }
        let attributes = tellsAttributes ? (item.isWhole ? selected ?? ["*"] : names.sorted()) : nil
        var start = 0
        repeat {
            let end = min(links.count, start + settings.deltaSliceSize)
            units.append(Unit(ref: ref, names: attributes, links: Array(links[start..<end])))
            start = end
        } while start < links.count
    }

    /// Moves later slices of one object away from its first.
    private mutating func spread(_ settings: TenantSettings) {
        var first: [Unit] = []
        var later: [Unit] = []
        var seen: Set<World.Ref> = []
        for unit in units {
            if seen.insert(unit.ref).inserted { first.append(unit) } else { later.append(unit) }
        }
        units = first + later
    }

    private mutating func repeatSome(_ query: DeltaQuery, _ settings: TenantSettings) {
        let again = units.filter { Self.share(UInt64($0.ref) &* 31 ^ UInt64(query.until)) < settings.deltaDuplicates }
        units += again
    }

    /// A number in 0..<1 that depends on nothing but its input.
    static func share(_ value: UInt64) -> Double { Double(SeededRandom.mix(value) >> 11) * 0x1p-53 }
}
