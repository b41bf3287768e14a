import Foundation
import RabbitMQ
import Testing

#if canImport(Glibc)
import Glibc
#endif

/// A private broker node on loopback, with its own directory, name, ports and port mapper.
///
/// Server programs refuse to run as root, so the node runs as the user `rabbitmq` when the tests run as root. A small
/// shell waits for the end of this process, however it ends, then kills the node and removes the directory.
final class TemporaryBroker: Sendable {
    static let programs: String? = {
        let base = "/usr/lib/rabbitmq/lib"
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: base)) ?? []
        return versions.sorted().last { $0.hasPrefix("rabbitmq_server-") }.map { "\(base)/\($0)/sbin" }
    }()

    /// The node of this test process, started on first use.
    static let shared = Result { try TemporaryBroker() }

    let directory: String
    let port: UInt16
    let tlsPort: UInt16
    let user = "tester"
    let password = "pass-\(UInt64.random(in: .min ... .max))"
    private let environment: [String: String]
    private let reaperInput: FileHandle

    private init() throws {
        let ports = try freePorts(4)
        (port, tlsPort) = (ports[0], ports[1])
        directory = FileManager.default.temporaryDirectory.path + "/rabbitmq-tests-\(getpid())"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        environment = [
            "PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": directory,
            "RABBITMQ_NODENAME": "tests\(ports[0])@localhost",
            "RABBITMQ_CONFIG_FILE": "\(directory)/rabbitmq.conf",
            "RABBITMQ_ADVANCED_CONFIG_FILE": "\(directory)/advanced.config",
            "RABBITMQ_CONF_ENV_FILE": "\(directory)/env.conf",
            "RABBITMQ_MNESIA_BASE": "\(directory)/data", "RABBITMQ_LOG_BASE": "\(directory)/log",
            "RABBITMQ_ENABLED_PLUGINS_FILE": "\(directory)/enabled_plugins",
            "RABBITMQ_PID_FILE": "\(directory)/pid", "RABBITMQ_DIST_PORT": "\(ports[2])",
            "ERL_EPMD_PORT": "\(ports[3])", "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        ]
        let pipe = Pipe()
        reaperInput = pipe.fileHandleForWriting
        // A child that inherited this end would keep the reaper waiting.
        _ = fcntl(reaperInput.fileDescriptor, F_SETFD, FD_CLOEXEC)
        try writeFiles()
        try startReaper(pipe.fileHandleForReading)
        _ = try launch(["epmd", "-port", "\(ports[3])", "-address", "127.0.0.1"], pidFile: "epmd.pid")
        try start()
    }

    var configuration: RabbitMQConfiguration {
        RabbitMQConfiguration(
            host: "127.0.0.1", port: port, user: user, password: RabbitMQPassword(password),
            connectTimeout: .seconds(20), connectionName: "tests")
    }

    /// The process of the node.
    var processID: pid_t {
        get throws {
            let text = try String(contentsOfFile: "\(directory)/pid", encoding: .utf8)
            return try #require(pid_t(text.trimmingCharacters(in: .whitespacesAndNewlines)))
        }
    }

    func signal(_ signal: Int32) throws {
        let pid = try processID
        #expect(kill(pid, signal) == 0)
    }

    /// Starts the node and waits until it says that it has.
    func start() throws {
        let programs = try #require(Self.programs)
        let output = "\(directory)/output"
        _ = FileManager.default.createFile(atPath: output, contents: nil)
        let process = try launch(["\(programs)/rabbitmq-server"], output: output, pidFile: "script.pid")
        let deadline = ContinuousClock.now + .seconds(90)
        while true {
            let text = (try? String(contentsOfFile: output, encoding: .utf8)) ?? ""
            if text.contains("completed with") { return }
            if !process.isRunning || ContinuousClock.now > deadline {
                throw BrokerFailure(text: "the broker did not start:\n" + text.suffix(2000))
            }
            usleep(20_000)
        }
    }

    /// Ends the node without warning and waits until it is gone.
    func kill9() throws {
        let pid = try processID
        #expect(kill(pid, SIGKILL) == 0)
        // The script that started the node would wait for ever: it inherits a signal mask that blocks SIGCHLD.
        let script = try String(contentsOfFile: "\(directory)/script.pid", encoding: .utf8)
        kill(try #require(pid_t(script.trimmingCharacters(in: .newlines))), SIGKILL)
        let deadline = ContinuousClock.now + .seconds(20)
        while isAlive(pid), ContinuousClock.now < deadline { usleep(10_000) }
        try #require(!isAlive(pid))
    }

    /// Whether the file that leads from a quorum queue's name to its log holds the queue.
    func hasOnDisk(_ queue: String) throws -> Bool {
        let node = environment["RABBITMQ_NODENAME"] ?? ""
        let names = try Data(contentsOf: URL(fileURLWithPath: "\(directory)/data/\(node)/quorum/\(node)/names.dets"))
        return names.range(of: Data("2F_\(queue)".utf8)) != nil
    }

    /// A process that has ended and that nobody has collected yet counts as gone.
    private func isAlive(_ pid: pid_t) -> Bool {
        guard let status = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
            let name = status.lastIndex(of: ")")
        else { return false }
        return !status[name...].hasPrefix(") Z")
    }

    /// Runs `rabbitmqctl` and gives its output.
    @discardableResult
    func control(_ arguments: String...) throws -> String {
        let programs = try #require(Self.programs)
        let output = "\(directory)/control-output"
        _ = FileManager.default.createFile(atPath: output, contents: nil)
        let process = try launch(
            ["\(programs)/rabbitmqctl", "-n", environment["RABBITMQ_NODENAME"] ?? ""] + arguments, output: output)
        process.waitUntilExit()
        let text = try String(contentsOfFile: output, encoding: .utf8)
        guard process.terminationStatus == 0 else { throw BrokerFailure(text: text) }
        return text
    }

    var caCertificate: String { "\(directory)/ca.pem" }
    var otherCACertificate: String { "\(directory)/other-ca.pem" }

    // MARK: Inside

    private func writeFiles() throws {
        try makeCertificates(in: directory)
        try """
        listeners.tcp.1 = 127.0.0.1:\(port)
        listeners.ssl.1 = 127.0.0.1:\(tlsPort)
        ssl_options.cacertfile = \(directory)/ca.pem
        ssl_options.certfile = \(directory)/server.pem
        ssl_options.keyfile = \(directory)/server.key
        ssl_options.verify = verify_none
        default_user = \(user)
        default_pass = \(password)
        disk_free_limit.absolute = 1MB
        raft.wal_max_size_bytes = 64000000
        log.file.level = warning

        """.write(toFile: "\(directory)/rabbitmq.conf", atomically: true, encoding: .utf8)
        // The check of consumer_timeout follows this interval, a minute by default.
        try "[{rabbit,[{channel_tick_interval,500}]}].\n"
            .write(toFile: "\(directory)/advanced.config", atomically: true, encoding: .utf8)
        try "[].\n".write(toFile: "\(directory)/enabled_plugins", atomically: true, encoding: .utf8)
        try "".write(toFile: "\(directory)/env.conf", atomically: true, encoding: .utf8)
        if geteuid() == 0 { try runTool("chown", "-R", "rabbitmq:rabbitmq", directory) }
    }

    private func startReaper(_ input: FileHandle) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = [
            "-c",
            """
            cat > /dev/null; cd /
            # The group of the start script holds a node that has not written its number yet.
            kill -9 $(cat $0/*.pid $0/pid) -$(cat $0/script.pid) 2> /dev/null
            # The dying node may still write.
            for attempt in 1 2 3 4 5; do rm -rf $0 && break; sleep 1; done
            """,
            directory,
        ]
        process.standardInput = input
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        try input.close()
    }

    private func launch(_ command: [String], output: String? = nil, pidFile: String? = nil) throws -> Process {
        let process = Process()
        var words = command
        if geteuid() == 0 {
            words = ["setpriv", "--reuid=rabbitmq", "--regid=rabbitmq", "--clear-groups"] + words
        }
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = words
        process.environment = environment
        process.currentDirectoryURL = URL(fileURLWithPath: directory)
        process.standardInput = FileHandle.nullDevice
        let target = try output.map { try FileHandle(forWritingTo: URL(fileURLWithPath: $0)) } ?? .nullDevice
        process.standardOutput = target
        process.standardError = target
        try process.run()
        if let pidFile {
            // env and setpriv replace themselves, so this is the program's own number.
            try "\(process.processIdentifier)\n".write(
                toFile: "\(directory)/\(pidFile)", atomically: true, encoding: .utf8)
        }
        return process
    }
}

struct BrokerFailure: Error, CustomStringConvertible {
    let text: String
    var description: String { text }
}

/// Ports of loopback that nobody listens on now.
func freePorts(_ count: Int) throws -> [UInt16] {
    var sockets: [Int32] = []
    defer { for socket in sockets { close(socket) } }
    return try (0..<count).map { _ in
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        sockets.append(descriptor)
        return try #require(bindToLoopback(descriptor))
    }
}

/// Binds to a port of the system's choice and tells which.
func bindToLoopback(_ descriptor: Int32) -> UInt16? {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    return withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
            guard bind(descriptor, generic, length) == 0, getsockname(descriptor, generic, &length) == 0 else {
                return nil
            }
            return UInt16(bigEndian: pointer.pointee.sin_port)
        }
    }
}

func runTool(_ words: String...) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = words
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw BrokerFailure(text: "\(words[0]) failed: \(words)") }
}

/// A CA, a server certificate for `localhost`, and another CA that signed nothing.
private func makeCertificates(in directory: String) throws {
    for name in ["ca", "other-ca"] {
        try runTool(
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
            "30", "-subj", "/CN=Test \(name)", "-keyout", "\(directory)/\(name).key", "-out", "\(directory)/\(name).pem"
        )
    }
    try "subjectAltName = DNS:localhost\n".write(
        toFile: "\(directory)/extensions", atomically: true, encoding: .utf8)
    try runTool(
        "openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj",
        "/CN=localhost", "-keyout", "\(directory)/server.key", "-out", "\(directory)/server.csr")
    try runTool(
        "openssl", "x509", "-req", "-in", "\(directory)/server.csr", "-CA", "\(directory)/ca.pem", "-CAkey",
        "\(directory)/ca.key", "-CAcreateserial", "-days", "30", "-extfile", "\(directory)/extensions", "-out",
        "\(directory)/server.pem")
}
