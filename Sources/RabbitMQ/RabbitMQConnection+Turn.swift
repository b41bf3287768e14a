import CRabbitMQ

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

extension RabbitMQConnection {
    /// One turn of the connection's thread: writes what waits, reads what has come, and says how long to sleep.
    func takeTurn() -> ConnectionLoop.Wait {
        guard handle != nil else { return .forWork }
        expire()
        flushSettlements()
        _ = pumpMessages()
        let isDrained = readFrames(atMost: 1024)
        // Writing can make the library read and queue frames, which no poll on the socket would show: sleep only
        // after a turn whose last act was to read in vain.
        let wrote = flushSettlements()
        let pumped = pumpMessages()
        guard let handle else { return .forWork }
        if !isDrained || wrote || pumped { return .again }
        return ConnectionLoop.Wait(
            socket: amqp_get_sockfd(handle), wantsToWrite: writeIsStalled, timeout: sleepMilliseconds())
    }

    /// Reads and handles frames; false when there may be more. The library sends and checks heartbeats in here.
    private func readFrames(atMost limit: Int) -> Bool {
        for _ in 0..<limit {
            guard let handle else { return true }
            var frame = amqp_frame_t()
            var noWait = timeval()
            let status = amqp_simple_wait_frame_noblock(handle, &frame, &noWait)
            if status == AMQP_STATUS_TIMEOUT.rawValue { return true }
            guard status == AMQP_STATUS_OK.rawValue else {
                fail(.library(status, while: "reading"))
                return true
            }
            do {
                try handleFrame(frame)
            } catch {
                fail(error)
                return true
            }
            // Everything was copied; without this the library keeps each frame until the connection ends.
            if let handle = self.handle { amqp_maybe_release_buffers_on_channel(handle, frame.channel) }
        }
        return false
    }

    // MARK: Time

    private func expire() {
        let now = ContinuousClock.now
        for channel in channels.values {
            for request in channel.requests where request.deadline <= now {
                channel.giveUp(
                    request.number,
                    RabbitMQError(
                        .timedOut, "no answer within \(configuration.requestTimeout)",
                        hint: blockedReason.map { "The broker is blocked: \($0)." } ?? "Is the broker overloaded?"))
            }
        }
        while let batch = batches.first(where: { $0.deadline <= now }) {
            let error = blockedReason.map {
                RabbitMQError(.resourceAlarm, "the broker takes no messages: \($0)", hint: "Free memory or disk there.")
            }
            finishBatch(
                batch.number,
                error ?? RabbitMQError(.timedOut, "no confirm within \(configuration.confirmTimeout)"))
        }
    }

    private func sleepMilliseconds() -> Int32 {
        // The library sends heartbeats only when it is called: a quarter interval keeps them in time.
        var shortest = Duration.milliseconds(configuration.heartbeatSeconds * 250)
        let now = ContinuousClock.now
        for channel in channels.values {
            for request in channel.requests where !request.isGivenUp {
                shortest = min(shortest, request.deadline - now)
            }
        }
        for batch in batches { shortest = min(shortest, batch.deadline - now) }
        let (seconds, attoseconds) = max(shortest, .zero).components
        return Int32(clamping: seconds * 1000 + attoseconds / 1_000_000_000_000_000 + 1)
    }
}
