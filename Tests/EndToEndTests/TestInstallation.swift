import BackupModel
import Foundation
import Testing

/// A stack with a simulated tenant and the accounts around it, started as a user starts it.
final class TestInstallation: Sendable {
    let root: String
    let data: String
    let environment: [String: String]
    let tenant: String

    /// - Parameters:
    ///   - fixture: JSON of the simulator's fixture file.
    ///   - workers: `--workers`.
    ///   - settings: environment of `stack up`, passed on to the stages.
    init(fixture: String, workers: String = "", settings: [String: String] = [:]) throws {
        root = try Self.makeRoot()
        data = root + "/stack"
        try fixture.write(toFile: root + "/fixture.json", atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: root + "/fixture.json")
        environment = try Self.start(root, workers, settings)
        tenant = try #require(environment["ENTRA_BACKUP_SIMULATOR_TENANT_ID"])
    }

    /// Copies the directory of a stack that is down, and starts the copy. The simulated tenant is again as at its start.
    init(copyOf other: TestInstallation, workers: String = "", settings: [String: String] = [:]) throws {
        root = try Self.makeRoot()
        data = root + "/stack"
        let copied = try Programs.run("/bin/cp", ["-a", other.data, other.root + "/fixture.json", root])
        try #require(copied.status == 0, "cp: \(copied.errors)")
        environment = try Self.start(root, workers, settings)
        tenant = other.tenant
    }

    /// The same stack, seen as the place of another tenant of its simulator. It is torn down by the other one only.
    init(_ other: TestInstallation, seenFrom tenant: String) {
        (root, data, environment) = (other.root, other.data, other.environment)
        self.tenant = tenant
    }

    private static func makeRoot() throws -> String {
        let root = NSTemporaryDirectory() + "entra-backup-e2e-" + UUID().uuidString.lowercased()
        try FileManager.default.createDirectory(
            atPath: root, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
        return root
    }

    /// Starts the stack and returns the environment of its commands.
    private static func start(
        _ root: String, _ workers: String, _ settings: [String: String]
    ) throws -> [String: String] {
        let data = root + "/stack"
        var arguments = ["stack", "up", "--detach", "--data-dir", data, "--simulator=\(root)/fixture.json"]
        if !workers.isEmpty { arguments += ["--workers", workers] }
        let settings = ["ENTRA_BACKUP_GRAPH_RESPECTS_QUOTAS": "false"].merging(settings) { $1 }
        let up = try Programs.run("entra-backup", arguments, environment: settings)
        try #require(up.status == 0, "stack up: \(up.errors)")
        let lines = try Programs.run("entra-backup", ["stack", "env", "--data-dir", data]).output.split(separator: "\n")
        var variables: [String: String] = [:]
        for line in lines where line.hasPrefix("export ") {
            let parts = line.dropFirst(7).split(separator: "=", maxSplits: 1)
            if parts.count == 2 { variables[String(parts[0])] = parts[1].trimmingCharacters(in: ["'"]) }
        }
        return variables
    }

    /// Stops everything; the data stays.
    func stop() throws {
        let down = try Programs.run("entra-backup", ["stack", "down", "--data-dir", data])
        try #require(down.status == 0, "stack down: \(down.errors)")
    }

    /// Stops everything and removes the directory.
    func tearDown() {
        _ = try? Programs.run("entra-backup", ["stack", "down", "--data-dir", data])
        try? FileManager.default.removeItem(atPath: root)
    }

    /// Runs a command that must succeed and returns its document.
    @discardableResult
    func command(_ arguments: [String], allowing: Set<Int32> = [0]) throws -> JSONValue {
        let result = try Programs.run("entra-backup", arguments + ["--json"], environment: environment)
        try #require(
            allowing.contains(result.status), "\(arguments.joined(separator: " ")): \(result.status) \(result.errors)")
        return try result.json()
    }

    /// Partner, plan, organization and tenant; the tenant is not activated yet.
    func makeAccounts() throws {
        try command(["partner", "create", "--name", "P"])
        try command([
            "plan", "create", "--name", "Plan", "--product", "backup-entra", "--currency", "EUR", "--periodicity",
            "monthly", "--partner", "P",
        ])
        try command([
            "organization", "create", "--name", "O", "--partner", "P", "--plan", "Plan", "--first-name", "F",
            "--last-name", "L", "--email", "contact@customer.example", "--country", "DE",
        ])
        let url = try #require(environment["ENTRA_BACKUP_SIMULATOR_URL"])
        try command([
            "tenant", "add", "--organization", "O", "--tenant-id", tenant,
            "--client-id", try #require(environment["ENTRA_BACKUP_SIMULATOR_CLIENT_ID"]),
            "--client-secret-file", try #require(environment["ENTRA_BACKUP_SIMULATOR_CLIENT_SECRET_FILE"]),
            "--graph-url", url, "--authority-url", url,
        ])
    }

    /// Waits for a backup; its job.
    func backUp(_ arguments: [String] = []) throws -> JSONValue {
        let document = try command(["backup", "start", tenant, "--wait"] + arguments)
        return try #require(document["job"])
    }

    func activate() throws -> JSONValue {
        let document = try command(["tenant", "activate", tenant, "--wait"])
        return try #require(document["job"])
    }

    /// The state of a job; `nil` while the database cannot be reached.
    func stateIfReachable(of job: String) throws -> String? {
        let result = try Programs.run("entra-backup", ["job", "show", job, "--json"], environment: environment)
        guard result.status == 0 else { return nil }
        return try result.json()["job"]?["state"]?.string
    }

    /// A request to the simulator's control interface.
    @discardableResult
    func control(_ method: String, _ path: String, body: String? = nil) throws -> String {
        let url = try #require(environment["ENTRA_BACKUP_SIMULATOR_URL"]) + "/_control/\(tenant)/\(path)"
        var arguments = ["-sS", "--fail", "-X", method, url]
        if let body { arguments += ["-H", "Content-Type: application/json", "-d", body] }
        let result = try Programs.run("/usr/bin/curl", arguments)
        try #require(result.status == 0, "\(method) \(path): \(result.errors)")
        return result.output
    }

    /// SQL as the superuser of the private server.
    @discardableResult
    func sql(_ statement: String) throws -> String {
        let password = try String(contentsOfFile: data + "/secrets/postgres-superuser", encoding: .utf8)
        let result = try Programs.run(
            "/usr/bin/psql",
            [
                "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p",
                environment["ENTRA_BACKUP_DATABASE_PORT"] ?? "", "-U", "postgres", "-d", "entra_backup", "-c",
                statement,
            ], environment: ["PGPASSWORD": password.trimmingCharacters(in: .whitespacesAndNewlines)])
        try #require(result.status == 0, "\(statement): \(result.errors)")
        return result.output.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// Polls until a condition holds.
    func eventually(_ what: String, seconds: Double = 60, _ condition: () throws -> Bool) throws {
        let clock = ContinuousClock()
        let end = clock.now.advanced(by: .seconds(seconds))
        while clock.now < end {
            if try condition() { return }
            usleep(50_000)
        }
        Issue.record("not within \(seconds) s: \(what)")
    }
}

/// The seed of a run: from the environment, or the given one; always printed.
func seed(_ standard: Int, _ what: String) -> Int {
    let seed = ProcessInfo.processInfo.environment["ENTRA_BACKUP_SEED"].flatMap(Int.init) ?? standard
    print("\(what): seed \(seed)")
    return seed
}
