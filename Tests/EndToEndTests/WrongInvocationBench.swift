import BackupModel
import Foundation
import Testing

/// Runs wrong invocations against a stack with accounts, one backup, and files that are wrong in every way.
final class WrongInvocationBench {
    let folder: String
    private(set) var table: [String] = []
    private let installation: TestInstallation
    private let names: [(name: String, value: String)]
    private let secrets: [String]
    /// Where the runbooks are that errors name.
    private static let runbooks = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appending(path: "runbooks").path

    init(_ installation: TestInstallation) throws {
        self.installation = installation
        folder = installation.root + "/wrong"
        try installation.makeAccounts()
        let job = try installation.activate()
        #expect(job["state"]?.string == "succeeded")
        let quiet = try Self.makeMoreAccounts(installation)
        try Self.makeFiles(folder, keys: installation.data + "/keys")
        try Self.makeForeignKeys(folder + "/keys-foreign", installation)
        let users = try installation.command(["object", "list", installation.tenant, "user"])
        let environment = installation.environment
        let secret = try #require(environment["ENTRA_BACKUP_SIMULATOR_CLIENT_SECRET_FILE"])
        names = [
            ("$TENANT", installation.tenant), ("$NONE", "11111111-2222-3333-4444-555555555555"), ("$DIR", folder),
            ("$CLIENT", try #require(environment["ENTRA_BACKUP_SIMULATOR_CLIENT_ID"])), ("$SECRET", secret),
            ("$URL", try #require(environment["ENTRA_BACKUP_SIMULATOR_URL"])),
            ("$JOB", try #require(job["id"]?.string)), ("$QUIETJOB", quiet),
            ("$TOMORROW", try installation.sql("SELECT (now() + interval '1 day')::date")),
            ("$USER", try #require(users["items"]?[0]?["id"]?.string)),
        ]
        secrets = try [
            secret, folder + "/wrong", try #require(environment["ENTRA_BACKUP_DATABASE_PASSWORD_FILE"]),
        ].map { try String(contentsOfFile: $0, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines) }
    }

    /// A second partner, plans that cannot be used, and tenants that do not answer.
    /// - Returns: the cancelled job of a tenant that is inactive.
    private static func makeMoreAccounts(_ installation: TestInstallation) throws -> String {
        try installation.command(["partner", "create", "--name", "Q"])
        for (name, partner) in [("Other", "Q"), ("Shared", "P"), ("Shared", "Q"), ("Old", "P")] {
            try installation.command([
                "plan", "create", "--name", name, "--product", "backup-entra", "--currency", "EUR", "--periodicity",
                "monthly", "--partner", partner,
            ])
        }
        try installation.command(["plan", "archive", "Old"])
        let environment = installation.environment
        let simulator = try #require(environment["ENTRA_BACKUP_SIMULATOR_URL"])
        for (number, name) in ["Far", "Quiet", "Twin", "Twin", "Unknown"].enumerated() {
            let url = name == "Unknown" ? simulator : "http://127.0.0.1:1"
            try installation.command([
                "tenant", "add", "--organization", "O", "--name", name,
                "--tenant-id", "22222222-2222-3333-4444-55555555555\(number)",
                "--client-id", try #require(environment["ENTRA_BACKUP_SIMULATOR_CLIENT_ID"]),
                "--client-secret-file", try #require(environment["ENTRA_BACKUP_SIMULATOR_CLIENT_SECRET_FILE"]),
                "--graph-url", url, "--authority-url", url,
            ])
        }
        let started = try installation.command(["backup", "start", "Quiet"])
        let job = try #require(started["job"]?["id"]?.string)
        try installation.command(["job", "cancel", job])
        try installation.command(["tenant", "deactivate", "Quiet"])
        return job
    }

    private static func makeFiles(_ folder: String, keys: String) throws {
        let script = """
            set -e
            mkdir -m 755 "$1"; cd "$1"
            printf 'eb_org_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg4FAaCm' > token
            : > empty; printf 'not-the-secret' > wrong; printf '\\377\\376\\000' > binary
            printf '# nobody\\n  # at all\\n' > comments
            openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=backup -keyout key.pem -out certificate.pem
            openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out other
            openssl req -new -key key.pem -subj /CN=backup -out request
            openssl x509 -req -in request -signkey key.pem -days -1 -out old
            cat certificate.pem key.pem > valid.pem
            cat certificate.pem other > foreign.pem
            cat old key.pem > expired.pem
            cp wrong wrong.pem
            { printf -- '-----BEGIN CERTIFICATE-----\\nAAAA\\n-----END CERTIFICATE-----\\n'; cat key.pem; } > damaged.pem
            echo 'databse: {host: 127.0.0.1}' > misspelt.yaml
            echo 'database: [' > broken.yaml
            echo 'some text' > text.yaml
            echo 'database: [1, 2]' > list.yaml
            echo 'log: {level: shout}' > level.yaml
            mkdir newer foreign; echo 99 > newer/version; echo hello > foreign/letter
            cp -a "$2" keys-incomplete; rm keys-incomplete/kek-1
            cp -a "$2" keys-altered; sed -i 's/^key /key A/' keys-altered/kek-1
            """
        let made = try Programs.run("/bin/sh", ["-c", script, "sh", folder, keys])
        try #require(made.status == 0, "\(made.errors)")
    }

    /// The key store of another installation, with this one's tenants.
    private static func makeForeignKeys(_ folder: String, _ installation: TestInstallation) throws {
        try installation.sql("CREATE DATABASE other OWNER entra_backup_owner")
        let settings = ["ENTRA_BACKUP_DATABASE_NAME": "other", "ENTRA_BACKUP_KEY_STORE_PATH": folder]
        let made = try Programs.run(
            "entra-backup", ["migrate"], environment: installation.environment.merging(settings) { $1 })
        try #require(made.status == 0, "\(made.errors)")
        let copied = try Programs.run("/bin/cp", ["-a", installation.data + "/keys/tenants", folder])
        try #require(copied.status == 0, "\(copied.errors)")
    }

    /// Runs the invocation for people and for scripts.
    func check(_ row: WrongInvocation) throws {
        let command = filled(row.command)
        let environment = installation.environment.merging(row.environment.mapValues(filled)) { $1 }
        let before = try state()
        let human = try Programs.run("entra-backup", Self.words(command), environment: environment)
        let script = try Programs.run("entra-backup", Self.words(command) + ["--json"], environment: environment)
        let after = try state()
        let changed = before.keys.filter { before[$0] != after[$0] }.sorted()
        #expect(changed.isEmpty, "\(command) changed \(changed.joined(separator: ", "))")
        for result in [human, script] {
            #expect(result.status == row.exit, "\(command): \(result.errors)")
            #expect(result.output.isEmpty, "\(command): \(result.output)")
            for secret in secrets { #expect(!result.errors.contains(secret), "\(command): a secret is told") }
        }
        checkText(row, command, human.errors)
        if let code = row.code {
            try checkDocument(row, code, command, script.errors)
        } else {
            checkText(row, command, script.errors)
        }
        let first = human.errors.split(separator: "\n").first { !$0.hasPrefix("  ") && $0.contains(": ") } ?? ""
        let settings = row.environment.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value) " }.joined()
        table.append("\(human.status)\t\(settings)\(row.command)\t\(first.replacing(folder, with: "$DIR"))")
    }

    private func checkText(_ row: WrongInvocation, _ command: String, _ text: String) {
        #expect(text.contains(filled(row.says)), "\(command): \(text)")
        let lines = text.split(separator: "\n")
        let hint = row.code == nil ? lines.contains { $0.contains("--help' for more information") } : lines.count > 1
        #expect(hint, "\(command): no hint in \(text)")
    }

    private func checkDocument(_ row: WrongInvocation, _ code: String, _ command: String, _ text: String) throws {
        let document = try? JSONValue(parsing: Array(text.utf8))
        guard let error = document?["error"]?.object else {
            Issue.record("\(command): not one document: \(text)")
            return
        }
        #expect(document?.object?.names == ["error"], "\(command)")
        #expect(Set(error.names) == ["code", "message", "hint", "runbook"], "\(command)")
        #expect(error["code"]?.string == code, "\(command): \(text)")
        #expect(error["message"]?.string?.contains(filled(row.says)) == true, "\(command): \(text)")
        #expect(error["hint"]?.string?.isEmpty == false, "\(command): \(text)")
        #expect(error["runbook"]?.string == row.runbook, "\(command): \(text)")
        if let runbook = error["runbook"]?.string {
            #expect(FileManager.default.fileExists(atPath: "\(Self.runbooks)/\(runbook).md"), "\(command)")
        }
    }

    /// Everything that a command may change, as digests.
    private func state() throws -> [String: String] {
        let tables = [
            "partners", "plans", "organizations", "tenants", "tenant_credentials", "tenant_keys",
            "(SELECT tenant_id, interval_seconds, daily_at, next_backup_at FROM backup.schedule)",
            "(SELECT job_id, state, epoch FROM backup.jobs)", "snapshots", "dead_letters",
            "restore_plans", "downloads", "secret_values", "organization_tokens", "outgoing_mails",
        ]
        let parts = tables.map {
            "(SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM \($0.hasPrefix("(") ? "" : "backup.")\($0) t)"
        }
        let digests = try installation.sql(
            "SELECT concat_ws(' ', \(parts.map { "coalesce(\($0), '-')" }.joined(separator: ", ")))")
        var state = Dictionary(
            zip(tables, digests.split(separator: " ").map(String.init)), uniquingKeysWith: { first, _ in first })
        state["keys"] = (FileManager.default.subpaths(atPath: installation.data + "/keys") ?? []).sorted().joined()
        return state
    }

    private func filled(_ text: String) -> String {
        names.reduce(text) { $0.replacing($1.name, with: $1.value) }
    }

    /// Splits at spaces that are not between single quotes.
    private static func words(_ command: String) -> [String] {
        command.split(separator: "'", omittingEmptySubsequences: false).enumerated().reduce(into: [""]) { words, part in
            if part.offset % 2 == 1 {
                words[words.count - 1] += part.element
            } else {
                let pieces = part.element.split(separator: " ", omittingEmptySubsequences: false)
                words[words.count - 1] += pieces.first ?? ""
                words += pieces.dropFirst().map(String.init)
            }
        }
    }
}
