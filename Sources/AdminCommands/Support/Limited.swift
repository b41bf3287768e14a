import BackupModel

/// What a list shows of what it found. Lists ask for one item more than they show: who is shown a hundred jobs has to be
/// told that there are more of them.
struct Limited<Element> {
    let items: ArraySlice<Element>
    let hasMore: Bool

    /// - Parameter found: at most one more than `limit`; no limit takes them all.
    init(_ found: [Element], _ limit: Int?) {
        items = found.prefix(limit ?? found.count)
        hasMore = items.count < found.count
    }

    func document(_ json: (Element) -> JSONValue) -> JSONValue {
        ["items": .array(items.map(json)), "more": .bool(hasMore)]
    }

    /// The text for people, with a line below it when there is more.
    func noted(_ text: String) -> String {
        guard hasMore else { return text }
        return text + "\nThere are more than the \(items.count) shown: see --limit."
    }
}
