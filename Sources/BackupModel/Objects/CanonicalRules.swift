/// What the canonical form of one object type keeps. Build it once per type: it holds a look-up table.
public struct CanonicalRules: Sendable {
    /// The attribute that identifies the object. Named `id` it is no attribute; another one (`tenantId`) stays one.
    public let idAttribute: String
    /// Names that say nothing worth a version: volatile attributes, relationships that are not stored. Top level only.
    public let droppedAttributes: Set<String>
    /// Names whose raw value is wanted by itself and is no attribute: relationships and owned sub-collections
    /// (`owners`, `members@delta`, `settings`). Top level only. `CapturedValue.index` counts in this list.
    public let captured: [String]
    /// Keeps the object's own `@odata.type`: for derived and union types, which cannot be written without it.
    public let keepsObjectType: Bool
    /// Keeps the order of arrays. Without it they are sets, sorted by their elements' canonical bytes.
    public let orderedArrays: Bool
    /// Attributes inside which every `...@odata.type` is kept, since a write needs them.
    public let keptAnnotationsUnder: Set<String>
    /// Drops attributes whose value is null, at the top level: a delta query does not tell an attribute that never had
    /// a value from one that is not there, a listing does, and both must come to the same bytes.
    public let dropsNulls: Bool
    /// Whether `CanonicalItem.words` is filled.
    public let readsWords: Bool

    let names: CanonicalNames
    private static let wordNames = ["displayName", "userPrincipalName", "mail"]

    /// A name in several lists is captured rather than dropped, dropped rather than a word; the id is always the id.
    public init(
        idAttribute: String = "id", droppedAttributes: Set<String> = [], captured: [String] = [],
        keepsObjectType: Bool = false, orderedArrays: Bool = false,
        keptAnnotationsUnder: Set<String> = ["customSecurityAttributes"], readsWords: Bool = false,
        dropsNulls: Bool = false
    ) {
        self.idAttribute = idAttribute
        self.droppedAttributes = droppedAttributes
        self.captured = captured
        self.keepsObjectType = keepsObjectType
        self.orderedArrays = orderedArrays
        self.keptAnnotationsUnder = keptAnnotationsUnder
        self.readsWords = readsWords
        self.dropsNulls = dropsNulls

        var actions: [String: CanonicalAction] = [:]
        for name in keptAnnotationsUnder { actions[name] = .keepAnnotated }
        if readsWords { for (index, name) in Self.wordNames.enumerated() { actions[name] = .word(index) } }
        for name in droppedAttributes { actions[name] = .drop }
        for (index, name) in captured.enumerated() { actions[name] = .capture(index) }
        actions[idAttribute] = .id
        actions["@odata.type"] = .objectType
        actions["@removed"] = .removed
        names = CanonicalNames(actions)
    }
}

/// What a top-level name is to the pass over the bytes.
enum CanonicalAction: Equatable {
    case keep, keepAnnotated, word(Int), drop, capture(Int), id, objectType, removed
}

/// The names with an action of their own, in an open-addressed table. A class, so that a pass takes one reference
/// instead of copying the rules; it never changes.
final class CanonicalNames: Sendable {
    private let entries: [(name: [UInt8], action: CanonicalAction)]
    /// One more than the index of an entry, 0 where there is none.
    private let slots: [UInt16]

    init(_ actions: [String: CanonicalAction]) {
        entries = actions.map { (Array($0.key.utf8), $0.value) }
        var size = 16
        while size < entries.count * 3 { size *= 2 }
        var slots = [UInt16](repeating: 0, count: size)
        for (index, entry) in entries.enumerated() {
            var slot = entry.name.withUnsafeBufferPointer { Self.hash($0) } & (size - 1)
            while slots[slot] != 0 { slot = (slot + 1) & (size - 1) }
            slots[slot] = UInt16(truncatingIfNeeded: index + 1)
        }
        self.slots = slots
    }

    @inline(__always) private static func hash(_ name: UnsafeBufferPointer<UInt8>) -> Int {
        let count = name.count
        guard count > 0 else { return 0 }
        let edges = UInt32(name[0]) | UInt32(name[count - 1]) << 8 | UInt32(name[count >> 1]) << 16
        let mixed = (edges ^ UInt32(truncatingIfNeeded: count) << 24) &* 0x9E37_79B1
        return Int(mixed >> 12)
    }

    /// What to do with a top-level name, given without escapes.
    @inline(__always) func action(_ name: UnsafeBufferPointer<UInt8>) -> CanonicalAction {
        let mask = slots.count - 1
        var slot = Self.hash(name) & mask
        while true {
            let index = Int(slots[slot])
            if index == 0 { return .keep }
            if entries[index - 1].name.elementsEqual(name) { return entries[index - 1].action }
            slot = (slot + 1) & mask
        }
    }
}
