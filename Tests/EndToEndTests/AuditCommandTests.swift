import BackupModel
import Foundation
import Testing

/// The audit as an operator uses it: lists, checks, exports, and what they say after somebody was at the database.
@Suite(.serialized) struct AuditCommandTests {
    @Test func `audit commands list, verify and export, and name what was changed past them`() throws {
        let installation = try TestInstallation(
            fixture: #"{"seed":3,"users":5,"settings":{"quotas":false}}"#, workers: "scheduler=0")
        defer { installation.tearDown() }
        try installation.makeAccounts()
        for number in 1...3 { try installation.command(["partner", "create", "--name", "Q\(number)"]) }
        try checkLists(installation)

        let whole = try installation.command(["audit", "verify"])
        #expect(whole["broken"]?.int == 0 && whole["items"]?.array?.count == 5)
        let file = installation.root + "/audit.jsonl"
        let export = try installation.command(["audit", "export", "--output", file])
        let lines = try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n")
        #expect(export["entries"]?.int == lines.count && lines.count > 7)
        #expect(try lines.map { try JSONValue(parsing: Array($0.utf8)) }.allSatisfy { $0["hash"]?.string?.count == 64 })
        let again = try Programs.run(
            "entra-backup", ["audit", "export", "--output", file], environment: installation.environment)
        #expect(again.status == 1 && again.errors.contains("cannot be made"))
        try checkTampering(installation, checkpoint: file + ".checkpoint.json")
    }

    private func checkLists(_ installation: TestInstallation) throws {
        func actions(_ arguments: String...) throws -> [String] {
            let items = try installation.command(["audit", "list"] + arguments)["items"]?.array ?? []
            return items.compactMap { $0["action"]?.string }
        }
        let own = ["tenant.add", "organization.create", "plan.create", "partner.create"]
        #expect(try actions("--partner", "P") == own)
        #expect(
            try actions("--action", "partner.") == [
                "partner.create", "partner.create", "partner.create", "partner.create",
            ])
        #expect(try actions("--target", installation.tenant) == ["tenant.add"])
        #expect(try actions("--outcome", "refused") == [])
        #expect(try actions("--until", "1h") == [])
        #expect(try actions("--since", "1h", "--partner", "P") == own)
        let newest = try installation.command(["audit", "list", "--partner", "P", "--limit", "3"])
        #expect(newest["items"]?.array?.count == 3 && newest["more"]?.bool == true)
        let all = try installation.command(["audit", "list", "--partner", "P", "--limit", "4"])
        #expect(all["items"]?.array?.count == 4 && all["more"]?.bool == false)
        // A name that is taken is refused, and that is told.
        let taken = try Programs.run(
            "entra-backup", ["partner", "create", "--name", "p"], environment: installation.environment)
        #expect(taken.status == 6)
        #expect(try actions("--outcome", "refused") == ["partner.create"])
        try checkStaff(installation)
    }

    /// What a member of another partner's staff is refused is in that partner's chain, the look-up of what is not the own
    /// among it, and in no list of that staff is anything else.
    private func checkStaff(_ installation: TestInstallation) throws {
        try installation.command([
            "user", "create", "--partner", "Q1", "--email", "o@q1.example", "--name", "O", "--role", "owner",
        ])
        let file = installation.root + "/token"
        try #require(try installation.command(["user", "token", "o@q1.example"])["token"]?.string)
            .write(toFile: file, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file)
        let staff = ["--as", "o@q1.example", "--token-file", file]
        for arguments in [["tenant", "show", installation.tenant], ["organization", "show", "O"]] {
            let result = try Programs.run("entra-backup", arguments + staff, environment: installation.environment)
            #expect(result.status == 5, "\(arguments): \(result.errors)")
        }
        let wrong = try Programs.run(
            "entra-backup",
            ["partner", "list", "--as", "o@q1.example", "--token-file", installation.root + "/fixture.json"],
            environment: installation.environment)
        #expect(wrong.status == 5)
        let seen = try installation.command(["audit", "list"] + staff)["items"]?.array ?? []
        let refused = seen.filter { $0["outcome"]?.string == "refused" }.compactMap { $0["action"]?.string }
        #expect(refused == ["user.signIn", "OrganizationCommand.Show", "TenantCommand.Show"])
        #expect(seen.filter { $0["action"]?.string == "user.signIn" && $0["outcome"]?.string == "allowed" }.count == 3)
        #expect(Set(seen.compactMap { $0["partner"]?.string }).count == 1)
        #expect(try installation.command(["audit", "verify"] + staff)["items"]?.array?.count == 1)
    }

    private func checkTampering(_ installation: TestInstallation, checkpoint: String) throws {
        func verify(_ arguments: String...) throws -> [(kind: String?, position: Int?)] {
            let document = try installation.command(["audit", "verify"] + arguments, allowing: [0, 1])
            let breaks = (document["items"]?.array ?? []).compactMap { $0["break"] }.filter { !$0.isNull }
            #expect(document["broken"]?.int == breaks.count)
            return breaks.map { ($0["kind"]?.string, $0["position"]?.int) }
        }
        #expect(try verify("--checkpoint", checkpoint).isEmpty)
        let partner = try #require(
            try installation.command(["partner", "show", "P"])["partner"]?["id"]?.string)
        try installation.sql(
            "UPDATE backup.audit_entries SET target = 'x' WHERE chain_id = '\(partner)' AND position = 3")
        let edited = try verify()
        #expect(edited.count == 1 && edited.first?.kind == "edited" && edited.first?.position == 3)
        #expect(try verify("--partner", "Q1").isEmpty)
        let human = try Programs.run("entra-backup", ["audit", "verify"], environment: installation.environment)
        #expect(human.status == 1 && human.output.contains("runbooks/audit-broken.md"))
        #expect(human.output.contains("only against a checkpoint kept outside"))
        // What the scheduler and exports have stored goes with the tail.
        try installation.sql(
            """
            DELETE FROM backup.audit_checkpoints; DELETE FROM backup.audit_entries WHERE chain_id = '\(partner)';
            UPDATE backup.audit_chains SET position = 0, seal = NULL, hash = decode(repeat('00', 32), 'hex')
            WHERE chain_id = '\(partner)'
            """)
        #expect(try verify().isEmpty)
        let cut = try verify("--checkpoint", checkpoint)
        #expect(cut.count == 1 && cut.first?.kind == "tailCut" && cut.first?.position == 1)
    }
}
