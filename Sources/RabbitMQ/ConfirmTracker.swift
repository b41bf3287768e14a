/// The messages of one channel that await their confirm.
///
/// Pure bookkeeping: no I/O, no clock. In confirm mode the broker counts the messages of a channel from 1 and
/// confirms by number, singly or "up to and including". A message that no queue takes is first returned, then
/// confirmed. <https://www.rabbitmq.com/docs/confirms#publisher-confirms>
struct ConfirmTracker<Ticket> {
    private struct Entry {
        let ticket: Ticket
        let messageID: String
        var returned = false
    }

    /// Entry *i* has the number `first + i`; nil once settled. The settled ones at the front are dropped lazily.
    private var entries: [Entry?] = []
    private var head = 0
    private var first: UInt64 = 1
    private(set) var outstanding = 0

    /// Records a message in the order of sending.
    mutating func sent(_ ticket: Ticket, messageID: String) {
        entries.append(Entry(ticket: ticket, messageID: messageID))
        outstanding += 1
    }

    /// Records a `basic.return`; false when no message in flight has this id.
    mutating func returned(messageID: String) -> Bool {
        for index in head..<entries.count {
            if let entry = entries[index], !entry.returned, entry.messageID == messageID {
                entries[index]?.returned = true
                return true
            }
        }
        return false
    }

    /// Records a confirm and gives the messages it settles; nil when the number was never used.
    mutating func settle(tag: UInt64, multiple: Bool, positive: Bool) -> [(ticket: Ticket, outcome: PublishOutcome)]? {
        let last = first + UInt64(entries.count) - 1
        // Number 0 with "multiple" means all that are outstanding.
        let through = multiple && tag == 0 ? last : tag
        guard through >= 1, through <= last else { return outstanding == 0 && multiple && tag == 0 ? [] : nil }
        guard through >= first + UInt64(head) else { return [] }
        let end = Int(through - first)
        var settled: [(ticket: Ticket, outcome: PublishOutcome)] = []
        for index in (multiple ? head : end)...end {
            guard let entry = entries[index] else { continue }
            entries[index] = nil
            outstanding -= 1
            settled.append((entry.ticket, entry.returned ? .unroutable : positive ? .confirmed : .nacked))
        }
        compact()
        return settled
    }

    /// Gives up on all messages in flight. A returned one is known to be unroutable all the same.
    mutating func abandon(_ error: RabbitMQError) -> [(ticket: Ticket, outcome: PublishOutcome)] {
        let settled =
            entries[head...].compactMap { $0 }.map { ($0.ticket, $0.returned ? .unroutable : .unknown(error)) }
            as [(ticket: Ticket, outcome: PublishOutcome)]
        first += UInt64(entries.count)
        entries.removeAll()
        head = 0
        outstanding = 0
        return settled
    }

    private mutating func compact() {
        while head < entries.count, entries[head] == nil { head += 1 }
        guard head >= 1024, head * 2 >= entries.count else { return }
        entries.removeFirst(head)
        first += UInt64(head)
        head = 0
    }
}
