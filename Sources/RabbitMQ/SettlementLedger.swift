/// Which deliveries of one channel are open, and what must be told the broker about the others.
///
/// Pure bookkeeping: no I/O, no clock. Settling a tag twice makes the broker close the channel and requeue every
/// delivery on it, so the ledger refuses that before anything is sent.
struct SettlementLedger {
    enum Settlement: Equatable {
        case acknowledge
        case reject(requeue: Bool)
    }

    /// One frame to be sent.
    enum Frame: Equatable {
        case acknowledge(tag: UInt64, multiple: Bool)
        case reject(tag: UInt64, requeue: Bool)
    }

    private var lastReceived: UInt64 = 0
    private var outstanding: Set<UInt64> = []
    private var acknowledged: [UInt64] = []
    private var rejected: [(tag: UInt64, requeue: Bool)] = []
    /// Every tag up to this one is settled with the broker.
    private var settledThrough: UInt64 = 0
    /// Tags above `settledThrough` that are settled with the broker.
    private var settledAhead: Set<UInt64> = []

    /// Whether all that was received has been settled, and each settlement was handed out to be sent.
    ///
    /// Not true while one waits: a channel that closed then would give its delivery back to the queue.
    var isEmpty: Bool { outstanding.isEmpty && acknowledged.isEmpty && rejected.isEmpty }

    /// Records a delivery; false when its tag is not above all before it, as the broker's count must be.
    mutating func received(_ tag: UInt64) -> Bool {
        guard tag > lastReceived else { return false }
        lastReceived = tag
        outstanding.insert(tag)
        return true
    }

    /// Records a decision; false when the tag is not open.
    mutating func settle(_ tag: UInt64, _ settlement: Settlement) -> Bool {
        guard outstanding.remove(tag) != nil else { return false }
        switch settlement {
        case .acknowledge: acknowledged.append(tag)
        case .reject(let requeue): rejected.append((tag, requeue))
        }
        return true
    }

    /// The frames for all decisions since the last call. Acknowledgements without a gap below them share a frame.
    mutating func takeFrames() -> [Frame] {
        guard !acknowledged.isEmpty || !rejected.isEmpty else { return [] }
        var frames: [Frame] = rejected.map { .reject(tag: $0.tag, requeue: $0.requeue) }
        settledAhead.formUnion(rejected.map(\.tag))
        rejected.removeAll(keepingCapacity: true)
        advance()
        acknowledged.sort()
        var run: (last: UInt64, count: Int)?
        for tag in acknowledged {
            if tag == settledThrough + 1 {
                run = (tag, (run?.count ?? 0) + 1)
                settledThrough = tag
                advance()
            } else {
                settledAhead.insert(tag)
                frames.append(.acknowledge(tag: tag, multiple: false))
            }
        }
        if let run { frames.append(.acknowledge(tag: run.last, multiple: run.count > 1)) }
        acknowledged.removeAll(keepingCapacity: true)
        return frames
    }

    private mutating func advance() {
        while !settledAhead.isEmpty, settledAhead.remove(settledThrough + 1) != nil { settledThrough += 1 }
    }
}
