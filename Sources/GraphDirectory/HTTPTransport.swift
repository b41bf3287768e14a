import AsyncHTTPClient
import BackupContracts
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// An answer as it came from the network.
struct HTTPReply: Sendable {
    var status: Int
    var headers: HTTPHeaders
    var body: [UInt8]
}

/// Why there is no complete answer. The texts name the condition and nothing of the request.
enum HTTPProblem: Error, Sendable {
    /// There was no connection: nothing of the request has left.
    case notSent(String)
    /// What was asked before the sending failed: nothing that can be executed has left.
    case heldBack(StageFailure)
    /// No answer; the request may have arrived.
    case unreachable(String)
    case cut(String)
    case tooLong
    case cancelled
    case shutDown
}

/// One try of one request: sends it and reads the whole answer.
struct HTTPTransport: Sendable {
    struct Outcome: Sendable {
        var result: Result<HTTPReply, HTTPProblem>
        /// The generation of connections that was used.
        var generation: Int
    }

    let pool: HTTPPool
    let options: GraphOptions

    func send(_ request: HTTPClientRequest) async -> Outcome {
        guard let lease = await pool.lease() else { return Outcome(result: .failure(.shutDown), generation: -1) }
        let result = await exchange(request, lease.client)
        await pool.giveBack(lease)
        return Outcome(result: result, generation: lease.generation)
    }

    private func exchange(_ request: HTTPClientRequest, _ client: HTTPClient) async -> Result<HTTPReply, HTTPProblem> {
        let deadline = NIODeadline.now() + TimeAmount(options.requestTimeout)
        let response: HTTPClientResponse
        do {
            response = try await client.execute(request, deadline: deadline)
        } catch {
            if let failure = error as? StageFailure { return .failure(.heldBack(failure)) }
            if Task.isCancelled { return .failure(.cancelled) }
            let text = Self.text(error)
            return .failure(Self.isOfConnecting(error) ? .notSent(text) : .unreachable(text))
        }
        do {
            let body = try await read(response, deadline)
            return .success(HTTPReply(status: Int(response.status.code), headers: response.headers, body: body))
        } catch  where Task.isCancelled {
            return .failure(.cancelled)
        } catch  where !(200..<300).contains(response.status.code) {
            // The status says enough; what else an error told is lost.
            return .success(HTTPReply(status: Int(response.status.code), headers: response.headers, body: []))
        } catch {
            return .failure(error as? HTTPProblem ?? .cut(Self.text(error)))
        }
    }

    /// The client's own deadline ends with the head of the answer, so that the body is watched here.
    private func read(_ response: HTTPClientResponse, _ deadline: NIODeadline) async throws -> [UInt8] {
        var body: [UInt8] = []
        if let length = response.headers.first(name: "Content-Length").flatMap({ Int($0) }) {
            guard length <= options.bodyLimit else { throw HTTPProblem.tooLong }
            body.reserveCapacity(max(0, length))
        }
        for try await part in response.body {
            guard body.count + part.readableBytes <= options.bodyLimit else { throw HTTPProblem.tooLong }
            guard NIODeadline.now() < deadline else { throw HTTPProblem.cut("time-out") }
            body.append(contentsOf: part.readableBytesView)
        }
        return body
    }

    /// Errors that cannot come once a connection stands.
    private static func isOfConnecting(_ error: any Error) -> Bool {
        switch error {
        case let error as HTTPClientError: error == .connectTimeout
        case let error as IOError: [ECONNREFUSED, EHOSTUNREACH, ENETUNREACH].contains(error.errnoCode)
        case is NIOConnectionError: true
        default: false
        }
    }

    private static func text(_ error: any Error) -> String {
        switch error {
        case let error as HTTPClientError:
            let timeouts: [HTTPClientError] = [.deadlineExceeded, .readTimeout, .connectTimeout, .writeTimeout]
            return timeouts.contains(error) ? "time-out" : error.shortDescription
        case is NIOSSLError, is NIOSSLExtraError, is BoringSSLError: return "TLS failure"
        case is ChannelError, is NIOConnectionError: return "connection failed"
        case let error as IOError: return "connection failed (errno \(error.errnoCode))"
        default: return "connection failed (\(type(of: error)))"
        }
    }
}

/// A body that leaves when the question before it was answered. The client asks for it when the connection stands: what
/// a full pool or a slow server costs until then comes before the question too.
struct GuardedBody: AsyncSequence, Sendable {
    let bytes: [UInt8]
    let beforeSend: BeforeSend

    struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate var body: GuardedBody?

        mutating func next() async throws -> ByteBuffer? {
            guard let body else { return nil }
            self.body = nil
            try await body.beforeSend()
            return ByteBuffer(bytes: body.bytes)
        }
    }

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator(body: self) }
}
