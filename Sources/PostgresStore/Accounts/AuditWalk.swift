import Foundation
import Sealing

/// The walk along one chain, entry by entry: constant memory while it is whole.
struct AuditWalk {
    let key: AuditKey
    let chain: UUID
    private(set) var position: Int64 = 0
    private(set) var hash = AuditStatement.noHash

    init(key: AuditKey, chain: UUID) {
        self.key = key
        self.chain = chain
    }

    /// Goes on to the next entry; false, and nothing changed, when it is not the one that was written here.
    mutating func take(_ row: AuditRow) -> Bool {
        let next = position + 1
        guard row.chain == chain, row.position == next, let rowHash = row.hash, isGenuine(row, at: next),
            row.statement(chain, next).hash(after: hash) == rowHash
        else { return false }
        position = next
        hash = rowHash
        return true
    }

    /// Whether hash and seal of the row were written by the program for this place.
    func isGenuine(_ row: AuditRow?, at place: Int64) -> Bool {
        guard let hash = row?.hash, let seal = row?.seal else { return false }
        return key.isGenuine(seal, of: hash, chain: chain, position: place)
    }

    // MARK: What is wrong

    /// What happened at the first row that was not taken.
    /// - Parameters:
    ///   - rows: all of the chain, by position and number; those without a position come first.
    ///   - index: of the row that was not taken.
    func reason(_ rows: [AuditRow], at index: Int, head: AuditHead?) -> AuditBreak {
        let row = rows[index]
        let expected = position + 1
        guard let place = row.position else {
            return AuditBreak(
                kind: .inserted, position: nil,
                message: "Entry number \(row.number) has no place in the chain: the program did not write it.")
        }
        if place > expected {
            if let other = rows.first(where: { isGenuine($0, at: expected) }) {
                return swapped(expected, standsAt: other.position)
            }
            return AuditBreak(
                kind: .missing, position: expected, message: "Entry \(expected) is missing; entry \(place) follows.")
        }
        if place < expected {
            return AuditBreak(
                kind: .inserted, position: place, message: "There is more than one entry \(place).")
        }
        if isGenuine(row, at: expected) {
            // Which of two with the same seal was written first, their numbers tell to whoever looks.
            guard rows.count(where: { isGenuine($0, at: expected) }) == 1 else {
                return AuditBreak(
                    kind: .inserted, position: expected, message: "There is a copy of entry \(expected).")
            }
            return AuditBreak(
                kind: .edited, position: expected,
                message: "What entry \(expected) (number \(row.number)) says is not what was written.")
        }
        if let origin = origin(of: row, among: rows.count) { return moved(row, from: origin, rows, head) }
        return forged(rows, at: index, head)
    }

    /// The place that hash and seal of the row were made for, when that is another one of this chain.
    private func origin(of row: AuditRow, among count: Int) -> Int64? {
        let last = max(Int64(count) * 2, position + 2) + 1_000
        return (1...last).first { isGenuine(row, at: $0) }
    }

    private func moved(_ row: AuditRow, from origin: Int64, _ rows: [AuditRow], _ head: AuditHead?) -> AuditBreak {
        let expected = position + 1
        let copies = rows.count(where: { isGenuine($0, at: origin) })
        if copies > 1 {
            return AuditBreak(
                kind: .inserted, position: expected, message: "Entry \(expected) is a copy of entry \(origin).")
        }
        if let own = rows.first(where: { isGenuine($0, at: expected) }) {
            return swapped(expected, standsAt: own.position)
        }
        return AuditBreak(
            kind: .missing, position: expected,
            message: "Entry \(expected) is missing; entry \(origin) stands in its place.")
    }

    /// The row's seal is of no place: somebody without the key wrote it.
    private func forged(_ rows: [AuditRow], at index: Int, _ head: AuditHead?) -> AuditBreak {
        let row = rows[index]
        let expected = position + 1
        if rows.contains(where: { isGenuine($0, at: expected) }) || head.map({ $0.position < expected }) == true {
            return AuditBreak(
                kind: .inserted, position: expected,
                message: "Entry \(expected) (number \(row.number)) was not written by the program.")
        }
        let next = rows.indices.contains(index + 1) ? rows[index + 1] : nil
        let goesOn = next.flatMap(\.position).map { isGenuine(next, at: $0) } ?? isGenuine(head)
        let isConsistent = row.hash == row.statement(chain, expected).hash(after: hash)
        if isConsistent, !goesOn {
            return AuditBreak(
                kind: .fork, position: expected,
                message: """
                    From entry \(expected) on the chain was written anew: its hashes fit, but the installation's key \
                    did not seal them.
                    """)
        }
        return AuditBreak(
            kind: .edited, position: expected,
            message: "Hash or seal of entry \(expected) (number \(row.number)) is not what was written.")
    }

    private func swapped(_ position: Int64, standsAt other: Int64?) -> AuditBreak {
        let place = other.map { "at place \($0)" } ?? "without a place"
        return AuditBreak(
            kind: .swapped, position: position, message: "Entry \(position) stands \(place), another one at its own.")
    }

    // MARK: Ends

    func isGenuine(_ head: AuditHead?) -> Bool {
        guard let head else { return false }
        guard head.position > 0 else { return head.hash == AuditStatement.noHash && head.seal == nil }
        return head.seal.map { key.isGenuineHead($0, of: head.hash, chain: chain, position: head.position) } ?? false
    }

    /// Whether the chain ends where its head says, after the last entry was taken.
    func end(_ head: AuditHead?) -> AuditBreak? {
        guard let head else {
            return AuditBreak(kind: .missing, position: nil, message: "The head of the chain is missing.")
        }
        if head.position > position {
            return AuditBreak(
                kind: .tailCut, position: position + 1,
                message: "The chain ends with entry \(position), but was at \(head.position): its end was cut off.")
        }
        guard head.position == position, head.hash == hash, isGenuine(head) else {
            return AuditBreak(
                kind: .edited, position: position,
                message: "The head of the chain is not what was written with entry \(position).")
        }
        return nil
    }
}
