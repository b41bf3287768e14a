import RabbitMQ
import Synchronization
import Testing

/// A clock whose time passes only in its sleeps, which end at once.
final class JumpingClock: Clock, Sendable {
    struct Instant: InstantProtocol {
        var offset = Duration.zero

        func advanced(by duration: Duration) -> Instant { Instant(offset: offset + duration) }
        func duration(to other: Instant) -> Duration { other.offset - offset }
        static func < (left: Instant, right: Instant) -> Bool { left.offset < right.offset }
    }

    private let state = Mutex(Instant())

    var now: Instant { state.withLock { $0 } }
    var minimumResolution: Duration { .zero }

    func sleep(until deadline: Instant, tolerance: Duration?) async throws {
        try Task.checkCancellation()
        state.withLock { $0 = max($0, deadline) }
    }
}

@Suite struct RecoveryTests {
    private struct Unrelated: Error {}

    @Test func `Attempts go on with growing waits until the task is cancelled`() async throws {
        let configuration = RabbitMQConfiguration(
            host: "127.0.0.1", port: try freePorts(1)[0], user: "u", password: RabbitMQPassword("p"))
        let clock = JumpingClock()
        let waits = Mutex<[Duration]>([])
        let backoff = RecoveryBackoff(initial: .milliseconds(100), maximum: .seconds(10))
        let task = Task {
            try await withRecovery(configuration, backoff: backoff, clock: clock) { event in
                guard case .failed(let error, let delay) = event, error.code == .connectionFailed else { return }
                let isEnough = waits.withLock { waits in
                    waits.append(delay)
                    return waits.count == 20
                }
                if isEnough { withUnsafeCurrentTask { $0?.cancel() } }
            } body: { _ in
                Issue.record("connected to nobody")
            }
        }
        #expect(await code { try await within { try await task.value } } == .cancelled)
        let seen = waits.withLock { $0 }
        #expect(seen.count == 20)
        for (index, wait) in seen.enumerated() {
            let bound = min(Duration.milliseconds(100) * (1 << index), .seconds(10))
            #expect(wait >= bound / 2 && wait <= bound)
        }
        #expect(clock.now.offset == seen.dropLast().reduce(.zero, +))
    }

    @Test func `What a new connection cannot mend is thrown at once`() async throws {
        let peer = try FakePeer { socket in
            guard socket.handshake() else { return }
            while let (channel, id, _) = socket.method() {
                if id == 10 << 16 | 50 { socket.send(Wire.method(channel, 10, 51, [])) }
            }
        }
        let configuration = RabbitMQConfiguration(
            host: "127.0.0.1", port: peer.port, user: "u", password: RabbitMQPassword("p"))
        let calls = Mutex(0)
        do {
            try await withRecovery(configuration, clock: JumpingClock()) { _ in
                calls.withLock { $0 += 1 }
                throw Unrelated()
            }
            Issue.record("returned")
        } catch {
            #expect(error is Unrelated)
        }
        #expect(calls.withLock { $0 } == 1)
        try await withRecovery(configuration, clock: JumpingClock()) { _ in
            let isSecond = calls.withLock {
                $0 += 1
                return $0 == 3
            }
            if !isSecond { throw RabbitMQError(.notFound, "not yet") }
        }
        #expect(calls.withLock { $0 } == 3)
    }

    @Test func `The body is cancelled and called again when its connection ends`() async throws {
        let connections = Mutex(0)
        let peer = try FakePeer { socket in
            let isFirst = connections.withLock {
                $0 += 1
                return $0 == 1
            }
            guard socket.handshake() else { return }
            // The first connection ends here, the second when the client wants.
            if !isFirst { while socket.method() != nil {} }
        }
        let configuration = RabbitMQConfiguration(
            host: "127.0.0.1", port: peer.port, user: "u", password: RabbitMQPassword("p"),
            requestTimeout: .milliseconds(200))
        let calls = Mutex(0)
        try await within {
            try await withRecovery(configuration, clock: JumpingClock()) { _ in
                let call = calls.withLock {
                    $0 += 1
                    return $0
                }
                // Waits for ever; only the end of the connection can end it.
                if call == 1 { try await Task.sleep(for: .seconds(3600)) }
            }
        }
        #expect(calls.withLock { $0 } == 2)
    }
}
