import BackupModel

/// Tells which of the objects that are there creations have made whose answers were lost.
///
/// Cost: one look-up an object that is seen. Memory by the objects that are found.
struct CreatedSearch {
    private let steps: [RestoreStep]
    private let type: ObjectType
    private let writes: RestoreWrites
    /// What the objects are known by.
    let keys: [[String: JSONValue]]
    /// The parts of the keys that are texts in all of them: what objects are looked up by.
    private let names: [String]
    private let places: [String: [Int]]
    private var seen: [(document: ObjectDocument, places: [Int])] = []

    /// - Parameter steps: creations of objects of the type.
    init(_ steps: [RestoreStep], _ type: ObjectType, _ writes: RestoreWrites) {
        (self.steps, self.type, self.writes) = (steps, type, writes)
        let keys = steps.map { step in step.document.map { writes.naturalKey(of: $0, type) } ?? [:] }
        let names = (keys.first ?? [:]).keys.sorted().filter { name in keys.allSatisfy { $0[name]?.string != nil } }
        (self.keys, self.names) = (keys, names)
        places = Dictionary(grouping: keys.indices) { place in
            Self.text(names) { keys[place][$0]?.string }
        }
    }

    private static func text(_ names: [String], _ value: (String) -> String?) -> String {
        names.map { (value($0) ?? "").lowercased() }.joined(separator: "\u{0}")
    }

    /// Takes note of an object that nothing is known of.
    mutating func see(_ document: ObjectDocument) {
        let text = Self.text(names) { $0 == "id" ? document.id : document.attributes[$0]?.string }
        let fitting = (places[text] ?? []).filter { writes.matches(keys[$0], document) }
        if !fitting.isEmpty { seen.append((document, fitting)) }
    }

    /// What was found, by the places of the steps. Of several objects of one name each goes to the step that it is like.
    func found() -> [Int: ObjectDocument] {
        var found: [Int: ObjectDocument] = [:]
        var left: [(document: ObjectDocument, places: [Int])] = []
        for object in seen {
            let alike = object.places.first { found[$0] == nil && isAlike(object.document, $0) }
            if let alike { found[alike] = object.document } else { left.append(object) }
        }
        for object in left {
            if let place = object.places.first(where: { found[$0] == nil }) { found[place] = object.document }
        }
        return found
    }

    private func isAlike(_ document: ObjectDocument, _ place: Int) -> Bool {
        (try? writes.differences(steps[place], type, found: document))?.isEmpty ?? false
    }
}
