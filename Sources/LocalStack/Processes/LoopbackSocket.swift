import Glibc

/// A blocking connection to 127.0.0.1, for the short questions that readiness needs.
struct LoopbackSocket: ~Copyable {
    private let descriptor: Int32

    /// Nil when nobody listens.
    init?(port: UInt16, timeout seconds: Int = 5) {
        descriptor = Self.make()
        guard descriptor >= 0 else { return nil }
        var limit = timeval(tv_sec: seconds, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
        let socket = descriptor
        guard Self.withAddress(port, { connect(socket, $0, $1) }) == 0 else { return nil }
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    borrowing func send(_ bytes: [UInt8]) -> Bool {
        Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count
    }

    /// Exactly so many bytes, nil when the connection ended or was silent for too long.
    borrowing func receive(_ count: Int) -> [UInt8]? {
        var all: [UInt8] = []
        while all.count < count {
            guard let more = receiveSome(count - all.count), !more.isEmpty else { return nil }
            all += more
        }
        return all
    }

    /// What has come, at most so many bytes; empty at the end, nil on an error.
    borrowing func receiveSome(_ limit: Int) -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: limit)
        let count = recv(descriptor, &buffer, limit, 0)
        return count < 0 ? nil : Array(buffer.prefix(count))
    }

    static func make() -> Int32 { socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0) }

    static func withAddress(_ port: UInt16, _ use: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                use($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}

/// Asks a health endpoint.
enum HTTPProbe {
    /// Whether `GET http://127.0.0.1:port/path` is answered with 2xx.
    static func isReady(port: UInt16, path: String) -> Bool {
        guard let socket = LoopbackSocket(port: port, timeout: 2) else { return false }
        let request = "GET \(path) HTTP/1.0\r\nHost: 127.0.0.1:\(port)\r\nConnection: close\r\n\r\n"
        guard socket.send(Array(request.utf8)), let start = socket.receive(12) else { return false }
        return start.starts(with: Array("HTTP/1.".utf8)) && start[9] == UInt8(ascii: "2")
    }
}
