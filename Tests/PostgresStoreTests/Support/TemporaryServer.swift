import Foundation
import LibPQ
import PostgresStore

/// A private PostgreSQL server on a free loopback port, gone with this process.
///
/// A small shell starts it and waits on its standard input; when this process ends, however it ends, the pipe closes
/// and the shell stops the server and removes its files.
final class TemporaryServer: Sendable {
    static let superuser = "tester"
    static let password = "0123456789abcdef"

    /// The server that all tests share which do not need an empty one.
    static let shared = Task { try TemporaryServer() }

    let directory: String
    let port: UInt16
    private let shell: Process
    private let lifeline: Pipe

    init() throws {
        directory = "/tmp/store-tests-\(UUID().uuidString.prefix(8))"
        port = try Self.freePort()
        shell = Process()
        lifeline = Pipe()
        let output = Pipe()
        // The server must not inherit the writing end, or the shell would never see it close.
        _ = fcntl(lifeline.fileHandleForWriting.fileDescriptor, F_SETFD, FD_CLOEXEC)
        shell.executableURL = URL(fileURLWithPath: "/bin/sh")
        shell.arguments = ["-c", Self.script]
        shell.environment = [
            "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin", "BIN": try Self.programs(),
            "DIR": directory, "PORT": String(port), "ROLE": Self.superuser, "SECRET": Self.password,
            "LC_ALL": "C.UTF-8",
        ]
        shell.standardInput = lifeline
        shell.standardOutput = output
        try shell.run()
        try? lifeline.fileHandleForReading.close()
        let answer = output.fileHandleForReading.availableData
        guard answer == Data("ready\n".utf8) else {
            throw Failure(message: "no server: \(String(decoding: answer, as: UTF8.self))")
        }
    }

    struct Failure: Error { let message: String }

    // Refuses root as the server does, so it changes to the user `postgres` where it can.
    private static let script = """
        set -e
        mkdir "$DIR"; cd "$DIR"
        if [ "$(id -u)" = 0 ]; then chown postgres "$DIR"; AS="setpriv --reuid=postgres --regid=postgres --init-groups"; fi
        clean() {
          $AS "$BIN/pg_ctl" -D "$DIR/data" -m immediate -w stop > /dev/null 2>&1 < /dev/null || true
          rm -rf "$DIR" "$DIR-keys"
        }
        trap '' INT TERM PIPE HUP
        prepare() (
          printf '%s' "$SECRET" > secret
          chmod 644 secret
          $AS "$BIN/initdb" --no-sync -D "$DIR/data" -U "$ROLE" -E UTF8 --locale=C.UTF-8 -A scram-sha-256 \
            --pwfile=secret
          cat >> data/postgresql.conf <<END
        port = $PORT
        listen_addresses = '127.0.0.1'
        unix_socket_directories = '$DIR'
        fsync = off
        shared_buffers = 64MB
        max_connections = 400
        END
          $AS "$BIN/pg_ctl" -D "$DIR/data" -l "$DIR/data/server.log" -w -t 60 start
        )
        trap 'tail -n 5 "$DIR/setup.log" || true; clean' EXIT
        prepare > setup.log 2>&1 < /dev/null
        trap clean EXIT
        echo ready
        cat > /dev/null
        """

    /// The directory of the newest server's programs.
    static func programs() throws -> String {
        let root = "/usr/lib/postgresql"
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
        let version = versions.sorted().last { FileManager.default.fileExists(atPath: "\(root)/\($0)/bin/initdb") }
        guard let version else { throw Failure(message: "no PostgreSQL server under \(root)") }
        return "\(root)/\(version)/bin"
    }

    private static func freePort() throws -> UInt16 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, size) == 0 && getsockname(descriptor, $0, &size) == 0
            }
        }
        guard isBound else { throw Failure(message: "no free port (errno \(errno))") }
        return UInt16(bigEndian: address.sin_port)
    }

    /// Settings of a login; roles of the product all have the one password.
    func settings(_ user: String = superuser, database: String = "postgres") -> DatabaseSettings {
        DatabaseSettings(
            host: "127.0.0.1", port: port, name: database, user: user, password: .init(Self.password),
            applicationName: "store-tests")
    }

    func connect(
        _ user: String = superuser, database: String = "postgres", password: String = password
    ) async throws -> PostgresConnection {
        try await PostgresConnection.connect(
            PostgresConfiguration(
                host: "127.0.0.1", port: Int(port), database: database, user: user,
                password: PostgresPassword(password), applicationName: "store-tests"))
    }

    /// What `pg_dump` says of a database's schema.
    func schema(of database: String) throws -> String {
        let dump = Process()
        dump.executableURL = URL(fileURLWithPath: try Self.programs() + "/pg_dump")
        dump.arguments = [
            "--schema-only", "--host=127.0.0.1", "--port=\(port)", "--username=\(Self.superuser)", "--schema=backup",
            database,
        ]
        dump.environment = ["PGPASSWORD": Self.password, "LC_ALL": "C.UTF-8"]
        let output = Pipe()
        dump.standardOutput = output
        try dump.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        dump.waitUntilExit()
        guard dump.terminationStatus == 0 else { throw Failure(message: "pg_dump failed") }
        // Newer minor versions put a random word around the text.
        return text.split(separator: "\n").filter { !$0.contains("restrict ") }.joined(separator: "\n")
    }

    /// Stops the server and removes its files.
    func stop() {
        try? lifeline.fileHandleForWriting.close()
        shell.waitUntilExit()
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
