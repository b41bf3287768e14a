import Glibc
import Synchronization

/// Loopback ports by name: chosen once, remembered in the state file, kept as long as nobody else takes them.
public final class PortBook: Sendable {
    private let ports: Mutex<[String: UInt16]>
    /// Names whose remembered port was found free, or that were chosen, in this run.
    private let settled: Mutex<Set<String>>

    /// - Parameter remembered: the ports of the run before.
    public init(remembered: [String: UInt16] = [:]) {
        ports = Mutex(remembered)
        settled = Mutex([])
    }

    /// A book whose ports are in use: they are told as they are, not tried.
    init(inUse: [String: UInt16]) {
        ports = Mutex(inUse)
        settled = Mutex(Set(inUse.keys))
    }

    /// Every port that was chosen or remembered, by name (`postgres`, `fetcher-1`); not all need be in use.
    public var all: [String: UInt16] { ports.withLock { $0 } }

    /// The port of that name; the first call in a run checks that it is free and chooses another one when not.
    public func port(_ name: String) -> UInt16 {
        settled.withLock { settled in
            ports.withLock { ports in
                if let port = ports[name], settled.contains(name) || Self.isFree(port) {
                    settled.insert(name)
                    return port
                }
                let taken = Set(ports.values)
                // Below 32768: above, the kernel takes ports for outgoing connections while a server is down
                // (ip_local_port_range).
                var port: UInt16 = 0
                for _ in 0..<10_000 {
                    port = .random(in: 20_000..<32_000)
                    if !taken.contains(port), Self.isFree(port) { break }
                }
                ports[name] = port
                settled.insert(name)
                return port
            }
        }
    }

    /// Whether a server could listen on that loopback port now.
    public static func isFree(_ port: UInt16) -> Bool {
        let descriptor = LoopbackSocket.make()
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        // Servers set this option: connections of the run before that linger must not make the port look taken.
        var yes: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        // Not listen: a child that is being started holds a copy of the socket for a moment.
        return LoopbackSocket.withAddress(port) { bind(descriptor, $0, $1) } == 0
    }
}
