import Foundation
import RabbitMQ
import Synchronization
import Testing

extension BrokerTests {
    @Suite struct Failures {
        @Test func `The broker's refusals have names and the connection survives them`() async throws {
            try await withBroker { _, connection, queue in
                _ = try await connection.declareQueue(QueueDeclaration(queue))
                do throws(RabbitMQError) {
                    _ = try await connection.declareQueue(QueueDeclaration(queue, deliveryLimit: 3))
                    Issue.record("declared twice")
                } catch {
                    #expect(error.code == .preconditionFailed)
                    #expect(error.replyCode == 406)
                    #expect(error.text.contains("x-delivery-limit"))
                }
                #expect(try await connection.queueStatus("missing") == nil)
                #expect(await code { _ = try await connection.consume(queue: "missing", prefetch: 1) } == .notFound)
                #expect(await code { _ = try await connection.purge(queue: "missing") } == .notFound)
                #expect(
                    await code { try await connection.bind(queue: queue, exchange: "missing", routingKey: "") }
                        == .notFound)
                #expect(
                    await code { try await connection.declareExchange(ExchangeDeclaration("amq.mine", kind: .direct)) }
                        == .accessRefused)
                let exchange = "x-" + queue
                try await connection.declareExchange(ExchangeDeclaration(exchange, kind: .topic))
                try await connection.bind(queue: queue, exchange: exchange, routingKey: "a.*")
                let routed = OutgoingMessage(exchange: exchange, routingKey: "a.b", messageID: "1", body: [])
                let lost = OutgoingMessage(exchange: exchange, routingKey: "b", messageID: "2", body: [])
                #expect(try await connection.publish([routed, lost]) == [.confirmed, .unroutable])
                try await eventually("the message is there") {
                    try await connection.queueStatus(queue)?.messageCount == 1
                }
                #expect(try await connection.purge(queue: queue) == 1)
                #expect(await connection.isOpen)
            }
        }

        @Test func `A user without rights is refused by name`() async throws {
            try await withBroker { broker, connection, queue in
                _ = try await connection.declareQueue(QueueDeclaration(queue))
                try broker.control("add_user", "limited", "limited-pass")
                try broker.control("set_permissions", "limited", "^$", "^$", "^$")
                var configuration = broker.configuration
                configuration.user = "limited"
                configuration.password = RabbitMQPassword("limited-pass")
                let limited = try await RabbitMQConnection.connect(configuration)
                #expect(
                    await code { _ = try await limited.declareQueue(QueueDeclaration(queue + "2")) } == .accessRefused)
                #expect(await code { _ = try await limited.consume(queue: queue, prefetch: 1) } == .accessRefused)
                guard case .unknown(let error) = try await limited.publish([message(queue, 1)]).first else {
                    Issue.record("published")
                    return
                }
                #expect(error.code == .accessRefused)
                #expect(error.replyCode == 403)
                await limited.close()
            }
        }

        @Test func `Wrong password, wrong virtual host, nobody there`() async throws {
            let broker = try TemporaryBroker.shared.get()
            var configuration = broker.configuration
            configuration.password = RabbitMQPassword("secret-that-must-not-show")
            do {
                _ = try await RabbitMQConnection.connect(configuration)
                Issue.record("logged in")
            } catch {
                #expect(error.code == .authenticationFailed)
                #expect(!"\(error)".contains("secret-that"))
            }
            configuration = broker.configuration
            configuration.virtualHost = "missing"
            #expect(await code { _ = try await RabbitMQConnection.connect(configuration) } == .accessRefused)
            configuration = broker.configuration
            configuration.port = try freePorts(1)[0]
            #expect(await code { _ = try await RabbitMQConnection.connect(configuration) } == .connectionFailed)
            configuration = broker.configuration
            configuration.host = "no-such-host.invalid"
            #expect(await code { _ = try await RabbitMQConnection.connect(configuration) } == .connectionFailed)
        }

        @Test func `TLS verifies the authority and the host, each by name`() async throws {
            let broker = try TemporaryBroker.shared.get()
            var configuration = broker.configuration
            configuration.host = "localhost"
            configuration.port = broker.tlsPort
            configuration.tls = RabbitMQTLS(caCertificate: broker.caCertificate)
            let connection = try await RabbitMQConnection.connect(configuration)
            let queue = "tls"
            _ = try await connection.declareQueue(QueueDeclaration(queue, kind: .classic))
            let sent = (0..<300).map { message(queue, $0, bytes: 5000) }
            try await expect(connection.publish(sent).allSatisfy(\.isConfirmed))
            let consumer = try await connection.consume(queue: queue, prefetch: 300)
            #expect(try await take(300, from: consumer).map(\.body) == sent.map(\.body))
            try await connection.deleteQueue(queue)
            await connection.close()
            configuration.tls = RabbitMQTLS(caCertificate: broker.otherCACertificate)
            #expect(await code { _ = try await RabbitMQConnection.connect(configuration) } == .tlsFailed)
            configuration.tls = RabbitMQTLS(caCertificate: broker.directory + "/missing.pem")
            #expect(await code { _ = try await RabbitMQConnection.connect(configuration) } == .tlsFailed)
            configuration.tls = RabbitMQTLS(caCertificate: broker.caCertificate)
            configuration.host = "127.0.0.1"
            #expect(await code { _ = try await RabbitMQConnection.connect(configuration) } == .hostNotVerified)
            configuration.tls = RabbitMQTLS(caCertificate: broker.caCertificate, verifiesHost: false)
            let unverified = try await RabbitMQConnection.connect(configuration)
            await unverified.close()
            configuration.port = broker.port
            let plainPort = await code { _ = try await RabbitMQConnection.connect(configuration) }
            #expect(plainPort == .tlsFailed || plainPort == .connectionFailed)
        }

        @Test func `A stopped broker is noticed by its missing heartbeats`() async throws {
            try await withBroker({ $0.heartbeatSeconds = 1 }) { broker, connection, queue in
                _ = try await connection.declareQueue(QueueDeclaration(queue))
                let consumer = try await connection.consume(queue: queue, prefetch: 1)
                try broker.signal(SIGSTOP)
                defer { try? broker.signal(SIGCONT) }
                let outcomes = try await within { try await connection.publish([message(queue, 1)]) }
                guard case .unknown(let error) = outcomes.first else {
                    Issue.record("a stopped broker has answered")
                    return
                }
                #expect(error.code == .heartbeatMissed)
                #expect(await connection.closureReason?.code == .heartbeatMissed)
                let ending = await code { for try await _ in consumer.deliveries {} }
                #expect(ending == .heartbeatMissed)
            }
        }

        @Test func `An idle connection outlives many heartbeat intervals`() async throws {
            try await withBroker({ $0.heartbeatSeconds = 1 }) { _, connection, queue in
                // The broker closes a client whose heartbeats it misses for two intervals; nothing may happen in four.
                _ = await code { _ = try await within(.seconds(4)) { try await connection.closure() } }
                #expect(await connection.isOpen)
                let status = try await connection.queueStatus(queue)
                #expect(status == nil)
            }
        }

        @Test func `While the broker is short of memory publishing waits, and says why when it gives up`() async throws
        {
            try await withBroker({ $0.confirmTimeout = .seconds(3) }) { broker, connection, queue in
                _ = try await connection.declareQueue(QueueDeclaration(queue))
                try broker.control("set_vm_memory_high_watermark", "0.00001")
                var isRestored = false
                defer { if !isRestored { _ = try? broker.control("set_vm_memory_high_watermark", "0.4") } }
                // The broker says that it is blocked only to a connection that publishes.
                let outcomes = try await connection.publish([message(queue, 0)])
                guard case .unknown(let error) = outcomes.first else {
                    Issue.record("not blocked: \(outcomes)")
                    return
                }
                #expect(error.code == .resourceAlarm)
                #expect(await connection.blockedReason != nil)
                #expect(await code { _ = try await connection.publish([message(queue, 1)]) } == .resourceAlarm)
                try broker.control("set_vm_memory_high_watermark", "0.4")
                isRestored = true
                try await eventually("publishing works again") { await connection.blockedReason == nil }
                #expect(try await connection.publish([message(queue, 2)]) == [.confirmed])
                var notices: [ConnectionNotice] = []
                for await notice in connection.notices {
                    notices.append(notice)
                    if notices.count == 2 { break }
                }
                guard case .blocked = notices[0], notices[1] == .unblocked else {
                    Issue.record("unexpected notices: \(notices)")
                    return
                }
            }
        }

        @Test func `A broker killed in the middle of publishing leaves unknowns, and recovery goes on`() async throws {
            let broker = try TemporaryBroker.shared.get()
            let queue = "killed"
            let confirmed = Mutex(0)
            let unknown = Mutex(0)
            let events = Mutex<[RecoveryEvent]>([])
            let round = Mutex(0)
            let callsUnderWay = Mutex(0)
            let messages = (0..<2000).map { message(queue, $0) }
            let setUp = try await RabbitMQConnection.connect(broker.configuration)
            _ = try await setUp.declareQueue(QueueDeclaration(queue))
            await setUp.close()
            // Ra writes the names of its queues some seconds late. A broker killed before that starts the queue as
            // a new one: what was confirmed is lost and nothing is confirmed any more.
            try await eventually("the broker has the queue's name on disk") { try broker.hasOnDisk(queue) }
            let worker = Task {
                try await withRecovery(
                    broker.configuration, backoff: RecoveryBackoff(initial: .milliseconds(50), maximum: .seconds(1)),
                    onEvent: { event in events.withLock { $0.append(event) } }
                ) { connection in
                    let isFirst = round.withLock {
                        $0 += 1
                        return $0 == 1
                    }
                    _ = try await connection.declareQueue(QueueDeclaration(queue))
                    repeat {
                        callsUnderWay.withLock { $0 += 1 }
                        defer { callsUnderWay.withLock { $0 -= 1 } }
                        let outcomes = try await connection.publish(messages)
                        for outcome in outcomes {
                            if outcome.isConfirmed { confirmed.withLock { $0 += 1 } }
                            if case .unknown = outcome { unknown.withLock { $0 += 1 } }
                        }
                    } while isFirst
                }
            }
            try await eventually("publishing is under way") { confirmed.withLock { $0 } >= 2000 }
            // A stopped broker confirms nothing more, so the kill finds messages in flight.
            try broker.signal(SIGSTOP)
            try await eventually("a call waits for confirms") { callsUnderWay.withLock { $0 } == 1 }
            try broker.kill9()
            try broker.start()
            do {
                try await within {
                    try await withTaskCancellationHandler {
                        try await worker.value
                    } onCancel: {
                        worker.cancel()
                    }
                }
            } catch {
                Issue.record("\(error): \(events.withLock { $0 })")
            }
            #expect(unknown.withLock { $0 } > 0)
            let seen = events.withLock { $0 }
            #expect(seen.first == .connected)
            #expect(seen.last == .connected)
            #expect(seen.count >= 3)
            let connection = try await RabbitMQConnection.connect(broker.configuration)
            let (sure, maybe) = (confirmed.withLock { $0 }, unknown.withLock { $0 })
            let stored = try await connection.queueStatus(queue)?.messageCount ?? 0
            #expect(stored >= sure && stored <= sure + maybe, "\(sure) confirmed, \(maybe) unknown, \(stored) stored")
            try await connection.deleteQueue(queue)
            await connection.close()
        }

        @Test func `Closing in order answers everyone who waits`() async throws {
            let broker = try TemporaryBroker.shared.get()
            let connection = try await RabbitMQConnection.connect(broker.configuration)
            _ = try await connection.declareQueue(QueueDeclaration("closing", kind: .classic))
            let consumer = try await connection.consume(queue: "closing", prefetch: 1)
            let publishing = Task { try await connection.publish((0..<20_000).map { message("closing", $0) }) }
            let reading = Task { for try await delivery in consumer.deliveries { try consumer.ack(delivery) } }
            try await eventually("the first has come") {
                try await connection.queueStatus("closing")?.messageCount ?? 0 > 0
            }
            await connection.close()
            let outcomes = try await within { try await publishing.value }
            #expect(outcomes.count == 20_000)
            #expect(outcomes.contains { if case .unknown(let error) = $0 { error.code == .closed } else { false } })
            _ = await code { try await within { try await reading.value } }
            #expect(await connection.closureReason?.code == .closed)
            #expect(await code { _ = try await connection.publish([message("closing", 1)]) } == .closed)
            let next = try await RabbitMQConnection.connect(broker.configuration)
            try await next.deleteQueue("closing")
            await next.close()
        }
    }
}
