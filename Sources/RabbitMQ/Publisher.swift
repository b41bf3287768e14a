/// The publishing channel of a connection.
struct Publisher {
    /// A message in flight: its call and its place in it.
    struct Ticket {
        let batch: PublishBatch
        let index: Int
    }

    let channel: UInt16
    var tracker = ConfirmTracker<Ticket>()
}

/// One call to `publish`. Confined to the connection's actor.
final class PublishBatch {
    let number: UInt64
    let messages: [OutgoingMessage]
    let deadline: ContinuousClock.Instant
    var nextIndex = 0
    private var outcomes: [PublishOutcome?]
    private var unsettled: Int
    private var continuation: CheckedContinuation<Result<[PublishOutcome], RabbitMQError>, Never>?

    init(
        number: UInt64, messages: [OutgoingMessage], deadline: ContinuousClock.Instant,
        continuation: CheckedContinuation<Result<[PublishOutcome], RabbitMQError>, Never>
    ) {
        self.number = number
        self.messages = messages
        self.deadline = deadline
        self.continuation = continuation
        outcomes = Array(repeating: nil, count: messages.count)
        unsettled = messages.count
    }

    var isFinished: Bool { continuation == nil }
    var isSent: Bool { nextIndex == messages.count }

    func settle(_ index: Int, _ outcome: PublishOutcome) {
        guard outcomes[index] == nil else { return }
        outcomes[index] = outcome
        unsettled -= 1
        if unsettled == 0 { finish(.closedBySettling) }
    }

    /// Ends the call: what is not settled is unknown. When nothing was sent, the call fails instead.
    func finish(_ error: RabbitMQError) {
        guard let continuation else { return }
        self.continuation = nil
        if nextIndex == 0 {
            continuation.resume(returning: .failure(error))
        } else {
            continuation.resume(returning: .success(outcomes.map { $0 ?? .unknown(error) }))
        }
    }
}

extension RabbitMQError {
    /// Never seen outside: every outcome is known when a call ends by its last confirm.
    fileprivate static let closedBySettling = RabbitMQError(.closed, "settled")
}
