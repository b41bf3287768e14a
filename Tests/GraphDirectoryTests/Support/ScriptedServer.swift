import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// An HTTP server on loopback that answers what a script says, faults included, and remembers what it was asked.
final class ScriptedServer: Sendable {
    struct Seen: Sendable {
        /// Number of the TCP connection, in the order of their coming.
        var connection: Int
        var method: String
        var uri: String
        var headers: HTTPHeaders
        var body: [UInt8]

        var text: String { String(decoding: body, as: UTF8.self) }
        func header(_ name: String) -> String? { headers.first(name: name) }
    }

    enum Reply: Sendable {
        case whole(Int, [String: String], String)
        /// Sends status and text under a Content-Length that is longer, then closes.
        case cut(Int, String)
        /// Closes without an answer.
        case reset
        /// Never answers.
        case silence

        static func answer(_ status: Int, _ text: String) -> Reply { .whole(status, [:], text) }

        static func answer(_ status: Int, _ headers: [String: String], _ text: String) -> Reply {
            .whole(status, headers, text)
        }
    }

    typealias Script = @Sendable (Seen) -> Reply

    private let channel: any Channel
    private let log: Log
    let port: Int

    var url: String { "http://127.0.0.1:\(port)" }
    /// Everything that was asked so far, tokens included.
    var all: [Seen] { log.seen.withLock { $0 } }

    private init(_ script: @escaping Script) async throws {
        let log = Log()
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                let number = log.connections.add(1, ordering: .relaxed).newValue
                return channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(Handler(number, log, script))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = channel.localAddress?.port ?? 0
        self.log = log
    }

    static func with(_ script: @escaping Script) -> Setup { Setup(script: script) }

    struct Setup {
        let script: Script

        /// Runs `work` beside a server that answers by the script.
        func run<Result>(_ work: (ScriptedServer) async throws -> Result) async throws -> Result {
            let server = try await ScriptedServer(script)
            let result: Swift.Result<Result, any Error>
            do {
                result = .success(try await work(server))
            } catch {
                result = .failure(error)
            }
            try await server.channel.close()
            return try result.get()
        }
    }

    private final class Log: Sendable {
        let connections = Atomic(0)
        let seen = Mutex<[Seen]>([])
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        private let number: Int
        private let log: Log
        private let script: Script
        private var head: HTTPRequestHead?
        private var body: [UInt8] = []

        init(_ number: Int, _ log: Log, _ script: @escaping Script) {
            self.number = number
            self.log = log
            self.script = script
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head):
                self.head = head
                body = []
            case .body(let part): body += part.readableBytesView
            case .end:
                guard let head else { return }
                let request = Seen(
                    connection: number, method: head.method.rawValue, uri: head.uri, headers: head.headers, body: body)
                log.seen.withLock { $0.append(request) }
                reply(script(request), context)
            }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.close(promise: nil)
        }

        private func reply(_ reply: Reply, _ context: ChannelHandlerContext) {
            switch reply {
            case .whole(let status, let headers, let text):
                write(status, headers, text, length: text.utf8.count, context)
                context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
            case .cut(let status, let text):
                write(status, [:], text, length: text.utf8.count + 10, context)
                context.flush()
                context.close(promise: nil)
            case .reset: context.close(promise: nil)
            case .silence: break
            }
        }

        private func write(
            _ status: Int, _ headers: [String: String], _ text: String, length: Int, _ context: ChannelHandlerContext
        ) {
            var fields = HTTPHeaders([("Content-Type", "application/json"), ("Content-Length", "\(length)")])
            for (name, value) in headers { fields.replaceOrAdd(name: name, value: value) }
            let head = HTTPResponseHead(version: .http1_1, status: .init(statusCode: status), headers: fields)
            context.write(wrapOutboundOut(.head(head)), promise: nil)
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: text)))), promise: nil)
        }
    }
}
