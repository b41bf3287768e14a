import CRabbitMQ

/// What the broker answered to a request.
enum Reply: Sendable {
    case done
    case queue(name: String, messages: UInt32, consumers: UInt32)
    case count(UInt32)
}

/// A request that waits for its answer.
struct PendingRequest {
    let number: UInt64
    let expected: amqp_method_number_t
    let deadline: ContinuousClock.Instant
    /// Nil when nobody waits any more; the answer will still come and must not be taken for another's.
    var continuation: CheckedContinuation<Result<Reply, RabbitMQError>, Never>?

    var isGivenUp: Bool { continuation == nil }
}

/// One channel of a connection. Confined to the connection's actor.
final class Channel {
    let id: UInt16
    /// In the order of sending, which is the order of the answers.
    private(set) var requests: [PendingRequest] = []
    /// We sent `channel.close`; everything but its answer is stale.
    var isClosing = false
    /// Why the channel is gone.
    private(set) var ended: RabbitMQError?
    var assembler: ContentAssembler
    var consumer: ConsumerState?

    init(id: UInt16, maximumBodyBytes: Int) {
        self.id = id
        assembler = ContentAssembler(maximumBodyBytes: maximumBodyBytes)
    }

    func wait(_ request: PendingRequest) {
        requests.append(request)
    }

    /// Takes the answer to the oldest request; false when that one expects another.
    func answer(_ method: amqp_method_number_t, _ reply: Reply) -> Bool {
        guard let request = requests.first, request.expected == method else { return false }
        requests.removeFirst()
        request.continuation?.resume(returning: .success(reply))
        return true
    }

    func giveUp(_ number: UInt64, _ error: RabbitMQError) {
        guard let index = requests.firstIndex(where: { $0.number == number }) else { return }
        let continuation = requests[index].continuation
        requests[index].continuation = nil
        continuation?.resume(returning: .failure(error))
    }

    /// Ends everything that depends on the channel.
    func end(_ error: RabbitMQError) {
        ended = ended ?? error
        let waiting = requests
        requests = []
        for request in waiting { request.continuation?.resume(returning: .failure(error)) }
        consumer?.end(error)
        consumer = nil
    }
}
