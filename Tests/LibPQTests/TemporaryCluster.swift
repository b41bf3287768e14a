import Foundation
import LibPQ
import Synchronization

/// A private PostgreSQL server on a free loopback port, with a certificate for `localhost` from an authority of its own.
///
/// A small shell process starts the server and waits on its standard input; when this process ends, however it ends, the
/// pipe closes and the shell stops the server and removes its files.
final class TemporaryCluster: Sendable {
    static let user = "tester"
    static let password = "correct horse 'battery' \\staple\""

    let directory: String
    let port: Int
    private let shell: Process
    private let lifeline: Pipe

    var rootCertificate: String { directory + "/ca.crt" }
    var otherRootCertificate: String { directory + "/other.crt" }

    /// The cluster most tests share.
    static let shared = Task { try TemporaryCluster() }

    static func connect(
        _ change: (inout PostgresConfiguration) -> Void = { _ in }
    ) async throws -> PostgresConnection {
        var configuration = try await shared.value.configuration
        change(&configuration)
        return try await PostgresConnection.connect(configuration)
    }

    var configuration: PostgresConfiguration {
        PostgresConfiguration(
            host: "127.0.0.1", port: port, database: "postgres", user: Self.user,
            password: PostgresPassword(Self.password), applicationName: "LibPQTests")
    }

    init(tls: Bool = true) throws {
        directory = "/tmp/libpq-tests-\(UUID().uuidString.prefix(8))"
        port = try Self.freePort()
        shell = Process()
        lifeline = Pipe()
        let output = Pipe()
        // The server must not inherit the writing end, or the shell would never see it close.
        _ = fcntl(lifeline.fileHandleForWriting.fileDescriptor, F_SETFD, FD_CLOEXEC)
        shell.executableURL = URL(fileURLWithPath: "/bin/sh")
        shell.arguments = ["-c", Self.script]
        shell.environment = [
            "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin", "BIN": try Self.binaries(),
            "DIR": directory, "PORT": String(port), "TLS": tls ? "on" : "off", "ROLE": Self.user,
            "SECRET": Self.password, "LC_ALL": "C.UTF-8",
        ]
        shell.standardInput = lifeline
        shell.standardOutput = output
        try shell.run()
        try? lifeline.fileHandleForReading.close()
        let answer = output.fileHandleForReading.availableData
        guard answer == Data("ready\n".utf8) else {
            throw ClusterError(message: "no server: \(String(decoding: answer, as: UTF8.self))")
        }
    }

    struct ClusterError: Error { let message: String }

    // Refuses root as the server does, so it changes to the user `postgres` where it can.
    private static let script = """
        set -e
        mkdir "$DIR"; cd "$DIR"
        if [ "$(id -u)" = 0 ]; then chown postgres "$DIR"; AS="setpriv --reuid=postgres --regid=postgres --init-groups"; fi
        # Whatever ends the shell, a test process that died before it read "ready" included, ends the server too.
        clean() {
          $AS "$BIN/pg_ctl" -D "$DIR/data" -m immediate -w stop > /dev/null 2>&1 < /dev/null || true
          rm -rf "$DIR"
        }
        trap '' INT TERM PIPE HUP
        prepare() (
          openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -keyout ca.key -out ca.crt \
            -subj "/CN=LibPQ test authority"
          openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -keyout other.key \
            -out other.crt -subj "/CN=another authority"
          openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout server.key -out server.csr \
            -subj "/CN=localhost"
          printf 'subjectAltName=DNS:localhost' > san
          openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile san -out server.crt
          if [ -n "$AS" ]; then chown postgres server.key; fi
          chmod 600 server.key
          printf '%s' "$SECRET" > secret
          chmod 644 secret
          $AS "$BIN/initdb" --no-sync -D "$DIR/data" -U "$ROLE" -E UTF8 --locale=C.UTF-8 -A scram-sha-256 \
            --pwfile=secret
          cat >> data/postgresql.conf <<END
        port = $PORT
        listen_addresses = '127.0.0.1'
        unix_socket_directories = '$DIR'
        fsync = off
        max_connections = 300
        ssl = $TLS
        ssl_cert_file = '$DIR/server.crt'
        ssl_key_file = '$DIR/server.key'
        END
          $AS "$BIN/pg_ctl" -D "$DIR/data" -l "$DIR/data/server.log" -w -t 60 start
        )
        trap 'tail -n 5 "$DIR/setup.log" || true; clean' EXIT
        prepare > setup.log 2>&1 < /dev/null
        trap clean EXIT
        echo ready
        while read -r COMMAND; do
          case "$COMMAND" in
            start)
              # Refused while processes of a killed server still hold its memory.
              for TRY in $(seq 100); do
                if $AS "$BIN/pg_ctl" -D "$DIR/data" -l "$DIR/data/server.log" -w -t 60 start > /dev/null 2>&1 < /dev/null
                then : > "$DIR/started"; break; fi
              done ;;
          esac
        done
        """

    private static func binaries() throws -> String {
        let root = "/usr/lib/postgresql"
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
        let version = versions.sorted().last { FileManager.default.fileExists(atPath: "\(root)/\($0)/bin/initdb") }
        guard let version else { throw ClusterError(message: "no PostgreSQL server under \(root)") }
        return "\(root)/\(version)/bin"
    }

    static func freePort() throws -> Int {
        let listener = try LoopbackListener()
        return listener.port
    }

    /// The process id of the server's first process.
    func postmasterID() throws -> Int32 {
        let text = try String(contentsOfFile: directory + "/data/postmaster.pid", encoding: .utf8)
        guard let id = text.split(separator: "\n").first.flatMap({ Int32($0) }) else {
            throw ClusterError(message: "no process id in postmaster.pid")
        }
        return id
    }

    /// Ends the server's first process without warning.
    func killPostmaster() throws {
        kill(try postmasterID(), SIGKILL)
    }

    /// Starts the server again after it was stopped or killed.
    func startAgain() async throws {
        let mark = directory + "/started"
        try? FileManager.default.removeItem(atPath: mark)
        lifeline.fileHandleForWriting.write(Data("start\n".utf8))
        try await eventually { FileManager.default.fileExists(atPath: mark) }
    }

    /// Stops the server and removes its files.
    func stop() {
        try? lifeline.fileHandleForWriting.close()
        shell.waitUntilExit()
    }
}

/// A listening socket on 127.0.0.1, for a free port or a server that misbehaves.
final class LoopbackListener: Sendable {
    let descriptor: Int32
    let port: Int

    init() throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = self.descriptor
        let isBound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, size) == 0 && listen(descriptor, 5) == 0 && getsockname(descriptor, $0, &size) == 0
            }
        }
        guard isBound else { throw TemporaryCluster.ClusterError(message: "no free port (errno \(errno))") }
        port = Int(UInt16(bigEndian: address.sin_port))
    }

    deinit {
        close(descriptor)
    }

    /// Accepts one connection, answers its first bytes with `answer` and reads until the peer closes. Returns whether
    /// the peer closed before the deadline.
    func serveOnce(_ answer: String) async -> Bool {
        let descriptor = self.descriptor
        return await withCheckedContinuation { continuation in
            DispatchQueue(label: "listener").async {
                var timeout = timeval(tv_sec: 20, tv_usec: 0)
                setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
                let peer = accept(descriptor, nil, nil)
                setsockopt(peer, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
                var buffer = [UInt8](repeating: 0, count: 4096)
                _ = read(peer, &buffer, buffer.count)
                let bytes = Array(answer.utf8)
                _ = send(peer, bytes, bytes.count, Int32(MSG_NOSIGNAL))
                var count = 1
                while count > 0 { count = read(peer, &buffer, buffer.count) }
                close(peer)
                continuation.resume(returning: peer >= 0 && (count == 0 || errno == ECONNRESET))
            }
        }
    }
}

struct DeadlinePassed: Error {}

/// Asks until the answer is yes; throws after a generous deadline. Each turn lets other tasks run.
func eventually(_ condition: () async throws -> Bool) async throws {
    let deadline = ContinuousClock.now + .seconds(60)
    while try await !condition() {
        if ContinuousClock.now > deadline { throw DeadlinePassed() }
        await Task.yield()
    }
}

private let tableCount = Atomic(0)

/// A table name no other test uses, with its schema.
func uniqueName(_ prefix: String = "t") -> String {
    "public.\(prefix)_\(tableCount.add(1, ordering: .relaxed).newValue)"
}

/// The error that `body` throws; nil when it returns.
func postgresError(_ body: () async throws -> Void) async throws -> PostgresError? {
    do {
        try await body()
        return nil
    } catch let error as PostgresError {
        return error
    }
}

extension PostgresConnection {
    /// Waits until another session is in the middle of a statement that matches.
    func waitUntilActive(_ processID: Int32) async throws {
        try await eventually {
            try await query(
                "SELECT 1 FROM pg_catalog.pg_stat_activity WHERE pid = $1 AND state = 'active' AND wait_event = 'PgSleep'",
                [.int32(processID)]
            ).count == 1
        }
    }
}
