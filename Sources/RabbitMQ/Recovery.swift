/// How long to wait before the next attempt to connect.
public struct RecoveryBackoff: Sendable, Equatable {
    /// Upper bound of the first wait.
    public var initial: Duration
    /// Upper bound of every wait. A connection that lived at least this long resets the count of attempts.
    public var maximum: Duration

    /// Doubles the bound from `initial` to `maximum`.
    public init(initial: Duration = .milliseconds(200), maximum: Duration = .seconds(30)) {
        self.initial = initial
        self.maximum = maximum
    }

    /// The wait before attempt `attempt`, counted from 1: between half of the bound and the bound, so that many
    /// clients of one broker do not come back at the same moment.
    public func delay(attempt: Int, using generator: inout some RandomNumberGenerator) -> Duration {
        var bound = min(initial, maximum)
        for _ in 1..<max(attempt, 1) {
            bound = min(bound * 2, maximum)
            if bound == maximum { break }
        }
        return bound * Double.random(in: 0.5...1, using: &generator)
    }
}

/// What ``withRecovery(_:backoff:clock:onEvent:body:)`` is doing.
public enum RecoveryEvent: Sendable, Equatable {
    /// A connection is made and the body begins.
    case connected
    /// No connection could be made, or it or the body has failed; the next attempt follows after the delay.
    case failed(RabbitMQError, retryAfter: Duration)
}

/// Runs `body` with a connection, and again with a new one whenever the work fails in a way that a new connection
/// can mend.
///
/// `body` declares and consumes what it needs: nothing survives from one connection to the next. It may therefore
/// be called many times and must be idempotent. When its connection ends it is cancelled. The function returns
/// when `body` does.
///
/// - Parameters:
///   - backoff: the waits between attempts.
///   - clock: measures and makes the waits.
///   - onEvent: told what happens, for logs and metrics.
///   - body: the work.
/// - Throws: what `body` throws, or why no connection can be made, when ``RabbitMQError/isRecoverable`` is false for
///   it or it is no ``RabbitMQError``; `cancelled` when the task is cancelled while it waits.
public func withRecovery<C: Clock>(
    _ configuration: RabbitMQConfiguration, backoff: RecoveryBackoff = RecoveryBackoff(),
    clock: C = ContinuousClock(), onEvent: @Sendable (RecoveryEvent) -> Void = { _ in },
    body: @escaping @Sendable (RabbitMQConnection) async throws -> Void
) async throws where C.Duration == Duration {
    var generator = SystemRandomNumberGenerator()
    var attempt = 0
    while true {
        let began: C.Instant
        let failure: RabbitMQError
        do {
            let connection = try await RabbitMQConnection.connect(configuration)
            began = clock.now
            onEvent(.connected)
            guard let error = try await run(body, with: connection) else { return }
            failure = error
            if began.duration(to: clock.now) >= backoff.maximum { attempt = 0 }
        } catch let error as RabbitMQError where error.isRecoverable && !Task.isCancelled {
            failure = error
        }
        attempt += 1
        let delay = backoff.delay(attempt: attempt, using: &generator)
        onEvent(.failed(failure, retryAfter: delay))
        do { try await clock.sleep(for: delay) } catch { throw RabbitMQError.taskCancelled }
    }
}

private enum Ending: Sendable {
    case body(Result<Void, any Error>)
    case connection(RabbitMQError?)
}

/// Runs `body` until it or the connection ends. Nil when it returned, the reason when another attempt may help.
private func run(
    _ body: @escaping @Sendable (RabbitMQConnection) async throws -> Void, with connection: RabbitMQConnection
) async throws -> RabbitMQError? {
    let (result, closure) = await withTaskGroup(of: Ending.self) { group in
        group.addTask {
            do { return .body(.success(try await body(connection))) } catch { return .body(.failure(error)) }
        }
        group.addTask { .connection(try? await connection.closure()) }
        var result: Result<Void, any Error> = .success(())
        var closure: RabbitMQError?
        for await ending in group {
            group.cancelAll()
            switch ending {
            case .body(let outcome): result = outcome
            case .connection(let reason): closure = reason
            }
        }
        return (result, closure)
    }
    var reason = closure
    if reason == nil { reason = await connection.closureReason }
    await connection.close()
    guard case .failure(let error) = result else { return nil }
    if Task.isCancelled { throw error }
    // The body fails in its own words when the connection goes; the connection knows better.
    if let reason, reason.isRecoverable { return reason }
    if let error = error as? RabbitMQError, error.isRecoverable { return error }
    throw error
}
