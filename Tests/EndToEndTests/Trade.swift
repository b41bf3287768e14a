import BackupModel
import Foundation
import Testing

/// A partner's trade, typed as on a terminal: each line is a command, checked at once.
///
/// Two tenants: `$TENANT` belongs to the organization that things are done to, `$CONTROL` to one that is left alone, so
/// that what a scheduler does not do can be told from what it has not done yet.
final class Trade {
    let installation: TestInstallation
    let tenant: String
    let control: String
    private let names: [(name: String, value: String)]

    init(_ installation: TestInstallation) throws {
        self.installation = installation
        tenant = installation.tenant
        let environment = installation.environment
        let url = try #require(environment["ENTRA_BACKUP_SIMULATOR_URL"])
        let list = try JSONValue(parsing: Array(Programs.run("/usr/bin/curl", ["-sS", "\(url)/_control"]).output.utf8))
        let other = try #require(list["tenants"]?.array?.first { $0["tenantId"]?.string != installation.tenant })
        control = try #require(other["tenantId"]?.string)
        let file = installation.root + "/control-secret"
        try #require(other["clients"]?[0]?["secret"]?.string).write(toFile: file, atomically: true, encoding: .utf8)
        names = [
            ("$TENANT", tenant), ("$CONTROL", control), ("$URL", url), ("$DIR", installation.root),
            ("$CLIENT", try #require(environment["ENTRA_BACKUP_SIMULATOR_CLIENT_ID"])),
            ("$SECRET", try #require(environment["ENTRA_BACKUP_SIMULATOR_CLIENT_SECRET_FILE"])),
            ("$OTHER_CLIENT", try #require(other["clients"]?[0]?["clientId"]?.string)), ("$OTHER_SECRET", file),
        ]
    }

    /// A command that succeeds; its document.
    @discardableResult
    func run(_ line: String) throws -> JSONValue { try installation.command(words(line)) }

    /// A command that is refused, and changes nothing; its error.
    @discardableResult
    func refused(
        _ line: String, _ code: String, exit: Int32 = 5, environment: [String: String] = [:]
    ) throws -> JSONValue {
        let before = try state()
        let result = try Programs.run(
            "entra-backup", words(line) + ["--json"], environment: installation.environment.merging(environment) { $1 })
        #expect(result.status == exit, "\(line): \(result.errors)")
        #expect(result.output.isEmpty, "\(line)")
        let error = try JSONValue(parsing: Array(result.errors.utf8))["error"]
        #expect(error?["code"]?.string == code, "\(line): \(result.errors)")
        #expect(error?["message"]?.string?.isEmpty == false && error?["hint"]?.string?.isEmpty == false, "\(line)")
        #expect(try state() == before, "\(line) changed something")
        return error ?? .null
    }

    /// What people read.
    func text(_ line: String) throws -> String {
        let result = try Programs.run("entra-backup", words(line), environment: installation.environment)
        #expect(result.status == 0, "\(line): \(result.errors)")
        return result.output
    }

    /// The newest entry of the audit log.
    func audited(_ action: String, _ outcome: String = "allowed", reason: String? = nil) throws {
        let entry = try run("audit list --limit 1")["items"]?[0]
        #expect(
            entry?["action"]?.string == action && entry?["outcome"]?.string == outcome, "\(entry?.prettyText ?? "")")
        if let reason { #expect(entry?["reason"]?.string?.contains(reason) == true, "\(entry?.prettyText ?? "")") }
    }

    private func state() throws -> String {
        let tables = ["partners", "plans", "organizations", "tenants", "organization_tokens", "outgoing_mails"]
        let parts = tables.map {
            "(SELECT coalesce(string_agg(t::text, ',' ORDER BY t::text), '') FROM backup.\($0) t)"
        }
        return try installation.sql("SELECT md5(\(parts.joined(separator: " || ")))")
    }

    // MARK: What a state does

    /// Whether a token is let in, the tenant is backed up by its schedule and by hand, and what was kept is there.
    func check(signIn: Bool, backups: Bool, code: String? = nil, sourceLocation: SourceLocation = #_sourceLocation)
        throws
    {
        let shown = try run("organization show Kunde")["organization"]
        #expect(shown?["effect"]?["signIn"]?.bool == signIn, sourceLocation: sourceLocation)
        #expect(shown?["effect"]?["scheduledBackups"]?.bool == backups, sourceLocation: sourceLocation)
        #expect(shown?["effect"]?["data"]?.string == "kept", sourceLocation: sourceLocation)
        if signIn {
            try run("organization token Kunde --check-file $DIR/token")
        } else {
            try refused("organization token Kunde --check-file $DIR/token", "signInOff")
        }
        #expect(try isBackedUpBySchedule() == backups, sourceLocation: sourceLocation)
        if backups {
            try run("backup start $TENANT --wait")
        } else {
            try refused("backup start $TENANT", try #require(code))
        }
        let types = try run("object types $TENANT")["items"]?.array ?? []
        let users = types.first { $0["type"]?.string == "user" }?["objects"]?.int
        #expect(users == (try run("object list $TENANT user")["items"]?.array?.count), sourceLocation: sourceLocation)
        #expect(users ?? 0 > 0, sourceLocation: sourceLocation)
    }

    /// Makes both tenants due at once. When the one that is left alone has been backed up, the scheduler has seen both.
    private func isBackedUpBySchedule() throws -> Bool {
        let count = "SELECT count(*) FROM backup.jobs WHERE kind = 'backup' AND tenant_id = "
        // A job that is open would be joined instead.
        try installation.eventually("all jobs have ended") {
            try installation.sql("SELECT count(*) FROM backup.jobs WHERE finished_at IS NULL") == "0"
        }
        let before = (try installation.sql(count + "'\(tenant)'"), try installation.sql(count + "'\(control)'"))
        try installation.sql("UPDATE backup.schedule SET next_backup_at = now() - interval '1 second'")
        try installation.eventually("the tenant that is left alone is backed up") {
            try installation.sql(count + "'\(control)'") != before.1
        }
        let isDone = try installation.sql(count + "'\(tenant)'") != before.0
        try installation.sql("UPDATE backup.schedule SET next_backup_at = now() + interval '1 day'")
        return isDone
    }

    /// Messages in the outgoing folder, once there are so many.
    func mails(_ count: Int) throws -> [String] {
        let folder = installation.data + "/mail"
        func names() -> [String] {
            (try? FileManager.default.contentsOfDirectory(atPath: folder))?.filter { $0.hasSuffix(".eml") } ?? []
        }
        try installation.eventually("\(count) messages are in \(folder)") { names().count >= count }
        #expect(names().count == count)
        return try names().map { try String(contentsOfFile: "\(folder)/\($0)", encoding: .utf8) }
    }

    /// Splits at spaces that are not between single quotes, and fills in what the test has prepared.
    private func words(_ line: String) -> [String] {
        let parts = line.split(separator: "'", omittingEmptySubsequences: false)
        let split = parts.enumerated().reduce(into: [""]) { words, part in
            if part.offset % 2 == 1 {
                words[words.count - 1] += part.element
            } else {
                let pieces = part.element.split(separator: " ", omittingEmptySubsequences: false)
                words[words.count - 1] += pieces.first ?? ""
                words += pieces.dropFirst().map(String.init)
            }
        }
        return split.map { word in names.reduce(word) { $0.replacing($1.name, with: $1.value) } }
    }
}
