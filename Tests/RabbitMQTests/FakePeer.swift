import Foundation
import Testing

#if canImport(Glibc)
import Glibc
#endif

/// A peer on loopback that speaks just enough AMQP to be believed, then says what a test wants it to.
final class FakePeer: Sendable {
    /// One accepted connection, used on the peer's thread only.
    struct Socket {
        let descriptor: Int32

        func send(_ bytes: [UInt8]) {
            var sent = 0
            while sent < bytes.count {
                let count = bytes.withUnsafeBytes {
                    Glibc.send(descriptor, $0.baseAddress?.advanced(by: sent), bytes.count - sent, Int32(MSG_NOSIGNAL))
                }
                if count <= 0 { return }
                sent += count
            }
        }

        func read(_ count: Int) -> [UInt8]? {
            var bytes = [UInt8](repeating: 0, count: count)
            var received = 0
            while received < count {
                let got = bytes.withUnsafeMutableBytes {
                    recv(descriptor, $0.baseAddress?.advanced(by: received), count - received, 0)
                }
                if got <= 0 { return nil }
                received += got
            }
            return bytes
        }

        /// The next method: its channel, its number, its arguments.
        func method() -> (channel: UInt16, id: UInt32, arguments: [UInt8])? {
            while let head = read(7) {
                let size = head[3...6].reduce(0) { $0 << 8 | Int($1) }
                guard let payload = read(size + 1) else { return nil }
                guard head[0] == 1, size >= 4 else { continue }
                let id = payload[0...3].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
                return (UInt16(head[1]) << 8 | UInt16(head[2]), id, Array(payload[4..<size]))
            }
            return nil
        }

        /// Greets as a broker does; false when the client leaves.
        func handshake(frameMaximum: UInt32 = 131_072, heartbeat: UInt16 = 0) -> Bool {
            guard read(8) != nil else { return false }
            send(
                Wire.method(
                    0, 10, 10, [0, 9] + Wire.long([]) + Wire.long(Array("PLAIN".utf8)) + Wire.long(Array("en_US".utf8)))
            )
            guard method() != nil else { return false }
            send(Wire.method(0, 10, 30, Wire.be(UInt16(2047)) + Wire.be(frameMaximum) + Wire.be(heartbeat)))
            guard method() != nil, method() != nil else { return false }
            send(Wire.method(0, 10, 41, [0]))
            return true
        }

        /// Answers until a consumer is there; gives its channel and tag.
        func serveConsumer() -> (channel: UInt16, tag: [UInt8])? {
            while let (channel, id, arguments) = method() {
                switch id {
                case 20 << 16 | 10: send(Wire.method(channel, 20, 11, Wire.long([])))
                case 60 << 16 | 10: send(Wire.method(channel, 60, 11, []))
                case 60 << 16 | 20:
                    let queueLength = Int(arguments[2])
                    let tag = Array(arguments[(4 + queueLength)..<(4 + queueLength + Int(arguments[3 + queueLength]))])
                    send(Wire.method(channel, 60, 21, Wire.short(tag)))
                    return (channel, tag)
                default: return nil
                }
            }
            return nil
        }
    }

    let port: UInt16
    private let listener: Int32

    /// Listens, and runs `script` for each connection, one after another.
    init(_ script: @escaping @Sendable (Socket) -> Void) throws {
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        port = try #require(bindToLoopback(listener))
        try #require(listen(listener, 64) == 0)
        let listener = listener
        Thread.detachNewThread {
            while true {
                let descriptor = accept(listener, nil, nil)
                if descriptor < 0 { return }
                script(Socket(descriptor: descriptor))
                close(descriptor)
            }
        }
    }

    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }
}

/// Pieces of the wire format.
enum Wire {
    static func be<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
        withUnsafeBytes(of: number.bigEndian, Array.init)
    }

    static func short(_ bytes: [UInt8]) -> [UInt8] { [UInt8(truncatingIfNeeded: bytes.count)] + bytes }
    static func long(_ bytes: [UInt8]) -> [UInt8] { be(UInt32(bytes.count)) + bytes }

    static func frame(_ type: UInt8, _ channel: UInt16, _ payload: [UInt8]) -> [UInt8] {
        [type] + be(channel) + long(payload) + [206]
    }

    static func method(_ channel: UInt16, _ classID: UInt16, _ methodID: UInt16, _ arguments: [UInt8]) -> [UInt8] {
        frame(1, channel, be(classID) + be(methodID) + arguments)
    }

    static func deliver(_ channel: UInt16, _ tag: [UInt8], number: UInt64 = 1) -> [UInt8] {
        method(channel, 60, 60, short(tag) + be(number) + [0] + short([]) + short(Array("q".utf8)))
    }

    static func header(_ channel: UInt16, size: UInt64, table: [UInt8]? = nil) -> [UInt8] {
        let flags: UInt16 = table == nil ? 0 : 1 << 13
        return frame(2, channel, be(UInt16(60)) + be(UInt16(0)) + be(size) + be(flags) + (table.map(long) ?? []))
    }

    static func body(_ channel: UInt16, _ bytes: [UInt8]) -> [UInt8] { frame(3, channel, bytes) }
}
