/// Decides which statements to prepare, and which to give up: one session's prepared statements, least recently used
/// first out. Pure; the connection does what it says.
///
/// A statement is prepared at its second use: one used once costs no round trip more.
struct StatementCache {
    struct Key: Hashable {
        let sql: String
        let types: [UInt32]
    }

    enum Plan: Equatable {
        /// Send the text; it may be the last time it is seen.
        case unprepared
        /// Prepare under this name, report it with `didPrepare`, then execute it.
        case prepare(name: String)
        /// Execute under this name.
        case prepared(name: String)
    }

    private struct Entry {
        var name: String?
        var lastUse: UInt64
    }

    let capacity: Int
    private var entries: [Key: Entry] = [:]
    private var clock: UInt64 = 0
    private var nameCount: UInt64 = 0
    /// Statements the server still holds and nobody will use again.
    private(set) var doomed: [String] = []

    init(capacity: Int) {
        self.capacity = max(0, capacity)
    }

    var count: Int { entries.count }

    mutating func plan(for key: Key) -> Plan {
        guard capacity > 0 else { return .unprepared }
        clock += 1
        guard let entry = entries[key] else {
            if entries.count >= capacity { evict() }
            entries[key] = Entry(name: nil, lastUse: clock)
            return .unprepared
        }
        entries[key]?.lastUse = clock
        if let name = entry.name { return .prepared(name: name) }
        nameCount += 1
        return .prepare(name: "s\(nameCount)")
    }

    mutating func didPrepare(_ key: Key, name: String) {
        entries[key]?.name = name
    }

    /// Forgets a statement that no longer works on the server.
    mutating func forget(_ key: Key) {
        if let name = entries.removeValue(forKey: key)?.name { doomed.append(name) }
    }

    /// The server no longer has the statement.
    mutating func didDeallocate(_ name: String) {
        doomed.removeAll { $0 == name }
    }

    private mutating func evict() {
        guard let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse })?.key else { return }
        forget(oldest)
    }
}
