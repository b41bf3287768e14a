import Foundation
import RabbitMQ
import Testing

/// Whatever a peer sends, the connection ends with a named error and the process lives.
@Suite struct HostilePeerTests {
    private func configuration(_ peer: FakePeer) -> RabbitMQConfiguration {
        RabbitMQConfiguration(
            host: "127.0.0.1", port: peer.port, user: "u", password: RabbitMQPassword("p"),
            connectTimeout: .seconds(5), maximumBodyBytes: 1 << 20)
    }

    /// Connects, consumes, reads to the end; tells how it ended.
    private func outcome(_ peer: FakePeer) async throws -> RabbitMQError {
        let configuration = configuration(peer)
        return try await within(.seconds(30)) {
            let connection: RabbitMQConnection
            do throws(RabbitMQError) { connection = try await RabbitMQConnection.connect(configuration) } catch {
                return error
            }
            do {
                let consumer = try await connection.consume(queue: "q", prefetch: 10)
                for try await delivery in consumer.deliveries { try consumer.ack(delivery) }
                return RabbitMQError(.closed, "ended in silence")
            } catch let error as RabbitMQError {
                // An acknowledgement that comes too late only says that the channel is gone.
                return await connection.closureReason ?? error
            }
        }
    }

    @Test(arguments: [0, 1, 7, 8, 100, 4095] as [UInt32])
    func `A small frame size is refused or survived`(frameMaximum: UInt32) async throws {
        let peer = try FakePeer { socket in _ = socket.handshake(frameMaximum: frameMaximum) }
        let error = try await outcome(peer)
        #expect([.protocolViolation, .connectionFailed, .connectionLost].contains(error.code), "\(error)")
    }

    @Test func `Random bytes instead of a greeting`() async throws {
        var generator = SeededGenerator.fresh("greetings")
        for _ in 0..<100 {
            let bytes = (0..<Int.random(in: 0...400, using: &generator)).map { _ in
                UInt8.random(in: .min ... .max, using: &generator)
            }
            let peer = try FakePeer { socket in socket.send(bytes) }
            let error = try await outcome(peer)
            #expect([.protocolViolation, .connectionFailed].contains(error.code), "\(error)")
        }
    }

    @Test func `A peer that says nothing is given up`() async throws {
        let peer = try FakePeer { socket in _ = socket.read(1 << 20) }
        var configuration = configuration(peer)
        configuration.connectTimeout = .milliseconds(300)
        let impatient = configuration
        let ended = await code { _ = try await within { try await RabbitMQConnection.connect(impatient) } }
        #expect(ended == .connectionFailed)
        configuration.connectTimeout = .seconds(600)
        let patient = configuration
        let task = Task { try await RabbitMQConnection.connect(patient) }
        task.cancel()
        #expect(await code { _ = try await within { try await task.value } } == .cancelled)
    }

    /// Frames that are well formed and make no sense.
    static let nonsense: [(String, @Sendable (UInt16, [UInt8]) -> [UInt8])] = [
        ("a body without header", { channel, tag in Wire.deliver(channel, tag) + Wire.body(channel, [1]) }),
        ("a header without method", { channel, _ in Wire.header(channel, size: 1) }),
        ("a body without method", { channel, _ in Wire.body(channel, [1]) }),
        ("two methods in a row", { channel, tag in Wire.deliver(channel, tag) + Wire.deliver(channel, tag) }),
        (
            "a body too long",
            { channel, tag in
                Wire.deliver(channel, tag) + Wire.header(channel, size: 1) + Wire.body(channel, [1, 2])
            }
        ),
        ("a giant body announced", { channel, tag in Wire.deliver(channel, tag) + Wire.header(channel, size: .max) }),
        (
            "a body above the limit",
            { channel, tag in
                Wire.deliver(channel, tag) + Wire.header(channel, size: (1 << 20) + 1)
            }
        ),
        (
            "an unknown consumer",
            { channel, _ in
                Wire.deliver(channel, [120]) + Wire.header(channel, size: 0)
            }
        ),
        (
            "the same delivery twice",
            { channel, tag in
                (Wire.deliver(channel, tag) + Wire.header(channel, size: 0))
                    + (Wire.deliver(channel, tag) + Wire.header(channel, size: 0))
            }
        ),
        ("a channel that is not open", { _, tag in Wire.deliver(77, tag) }),
        ("content on channel 0", { _, _ in Wire.body(0, [1]) }),
        ("an unknown method", { channel, _ in Wire.method(channel, 99, 99, []) }),
        // The library skips the frame, so something it does not skip follows.
        ("an unknown frame type", { channel, _ in Wire.frame(77, channel, [1, 2, 3]) + Wire.body(channel, [1]) }),
        (
            "an answer to nothing",
            { channel, _ in Wire.method(channel, 50, 11, Wire.short([]) + [0, 0, 0, 0, 0, 0, 0, 0]) }
        ),
        ("a close-ok to nothing", { channel, _ in Wire.method(channel, 20, 41, []) }),
        ("a connection close-ok to nothing", { _, _ in Wire.method(0, 10, 51, []) }),
        ("a confirm for nothing", { channel, _ in Wire.method(channel, 60, 80, Wire.be(UInt64(1)) + [0]) }),
        (
            "a return of nothing",
            { channel, _ in
                Wire.method(channel, 60, 50, Wire.be(UInt16(312)) + Wire.short([]) + Wire.short([]) + Wire.short([]))
                    + Wire.header(channel, size: 0)
            }
        ),
        ("a bad frame end", { channel, tag in Wire.deliver(channel, tag).dropLast() + [0] }),
        (
            "a frame larger than agreed",
            { channel, tag in
                Wire.deliver(channel, tag) + Wire.header(channel, size: 200_000)
                    + Wire.body(channel, [UInt8](repeating: 0, count: 200_000))
            }
        ),
        (
            "a table longer than its frame",
            { channel, tag in
                Wire.deliver(channel, tag)
                    + Wire.frame(
                        2, channel, [0, 60, 0, 0] + Wire.be(UInt64(0)) + Wire.be(UInt16(1 << 13)) + Wire.be(UInt32.max))
            }
        ),
        (
            "a second greeting",
            { _, _ in Wire.method(0, 10, 10, [0, 9] + Wire.long([]) + Wire.long([]) + Wire.long([])) }
        ),
    ]

    @Test(arguments: 0..<nonsense.count) func `Nonsense is a violation`(index: Int) async throws {
        let (name, make) = Self.nonsense[index]
        let peer = try FakePeer { socket in
            guard socket.handshake(), let (channel, tag) = socket.serveConsumer() else { return }
            socket.send(make(channel, tag))
            // Leaves the end to the client, which must not wait for more.
            while socket.method() != nil {}
        }
        let error = try await outcome(peer)
        #expect(error.code == .protocolViolation, "\(name): \(error)")
    }

    @Test func `Tables nested twenty thousand deep are survived`() async throws {
        let peer = try FakePeer { socket in
            guard socket.handshake(), let (channel, tag) = socket.serveConsumer() else { return }
            // Each level is one field with an empty name that holds a table.
            let levels = 20_000
            var table: [UInt8] = []
            for level in 0..<levels { table += [0, UInt8(ascii: "F")] + Wire.be(UInt32((levels - 1 - level) * 6)) }
            socket.send(Wire.deliver(channel, tag) + Wire.header(channel, size: 0, table: table))
        }
        let error = try await outcome(peer)
        #expect([.connectionLost, .protocolViolation].contains(error.code), "\(error)")
    }

    @Test func `Cut and mutated frames never crash`() async throws {
        var generator = SeededGenerator.fresh("mutations")
        for _ in 0..<300 {
            let seed = UInt64.random(in: .min ... .max, using: &generator)
            let peer = try FakePeer { socket in
                guard socket.handshake(), let (channel, tag) = socket.serveConsumer() else { return }
                var random = SeededGenerator(seed: seed)
                let table = Wire.short(Array("key".utf8)) + [UInt8(ascii: "S")] + Wire.long(Array("value".utf8))
                var bytes: [UInt8] = []
                for number: UInt64 in 1...5 {
                    bytes += Wire.deliver(channel, tag, number: number) + Wire.header(channel, size: 6, table: table)
                    bytes += Wire.body(channel, [1, 2, 3]) + Wire.body(channel, [4, 5, 6])
                }
                for _ in 0..<Int.random(in: 0...4, using: &random) {
                    bytes[Int.random(in: bytes.indices, using: &random)] = UInt8.random(
                        in: .min ... .max, using: &random)
                }
                socket.send(Array(bytes.prefix(Int.random(in: 1...bytes.count, using: &random))))
            }
            let error = try await outcome(peer)
            #expect(
                [.connectionLost, .protocolViolation, .channelClosed, .consumerCancelled].contains(error.code),
                "seed \(seed): \(error)")
        }
    }
}
