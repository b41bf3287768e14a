/// Logs into a broker once, which shows more than an open port: that it serves, and that user and virtual host exist.
///
/// The few frames that takes are those of AMQP 0-9-1 (https://www.rabbitmq.com/resources/specs/amqp0-9-1.pdf).
public enum AMQPProbe {
    /// What a log-in came to. Silence is `unreachable` at first, and `refused` once the broker has greeted.
    public enum Outcome: Sendable, Equatable {
        case ready
        /// Nobody listens, or the listener does not speak AMQP yet.
        case unreachable
        /// The broker closed the connection or refused the user.
        case refused
    }

    /// Blocks for at most a few seconds.
    public static func login(port: UInt16, user: String, password: String, virtualHost: String) -> Outcome {
        guard let socket = LoopbackSocket(port: port) else { return .unreachable }
        guard socket.send(Array("AMQP".utf8) + [0, 0, 9, 1]), method(socket) == .start else { return .unreachable }
        let response = [0] + Array(user.utf8) + [0] + Array(password.utf8)
        let startOk: [UInt8] = long(0) + short("PLAIN") + long(UInt32(response.count)) + response + short("en_US")
        guard socket.send(frame(.startOk, startOk)), method(socket) == .tune else { return .refused }
        // channel-max 1 (0 would be more than the broker allows), frame-max 131072, heartbeat 0
        let tuneOk: [UInt8] = [0, 1] + long(131_072) + [0, 0]
        guard socket.send(frame(.tuneOk, tuneOk)), socket.send(frame(.open, short(virtualHost) + [0, 0])),
            method(socket) == .openOk
        else { return .refused }
        let close: [UInt8] = [0, 200] + short("") + [0, 0, 0, 0]
        if socket.send(frame(.close, close)) { _ = method(socket) }
        return .ready
    }

    private enum Method: UInt16 {
        case start = 10
        case startOk = 11
        case tune = 30
        case tuneOk = 31
        case open = 40
        case openOk = 41
        case close = 50
        case closeOk = 51
    }

    private static func method(_ socket: borrowing LoopbackSocket) -> Method? {
        guard let header = socket.receive(7), header[0] == 1 else { return nil }
        let size = header[3...6].reduce(0) { $0 << 8 | Int($1) }
        guard size >= 4, size < 1_000_000, let body = socket.receive(size + 1), body[1] == 10 else { return nil }
        return Method(rawValue: UInt16(body[2]) << 8 | UInt16(body[3]))
    }

    private static func frame(_ method: Method, _ arguments: [UInt8]) -> [UInt8] {
        let payload: [UInt8] = [0, 10, 0, UInt8(method.rawValue)] + arguments
        return [1, 0, 0] + long(UInt32(payload.count)) + payload + [0xce]
    }

    private static func short(_ text: String) -> [UInt8] { [UInt8(text.utf8.count)] + Array(text.utf8) }

    private static func long(_ value: UInt32) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> UInt32($0)) }
    }
}
