import AccountModel
import BackupContracts
import Foundation
import LibPQ
import Logging
import Sealing
import Synchronization
import Testing

@testable import PostgresStore

/// What only a signed checkpoint can tell, and who may see which chain.
@Suite(.timeLimit(.minutes(5))) struct AuditCheckpointTests {
    private func write(_ store: PostgresStore, _ count: Int, about: UUID? = nil) async throws {
        for number in 0..<count {
            try await store.audit(actor: "a", action: "x", target: "\(number)", about: about, outcome: .allowed)
        }
    }

    @Test func `a tail cut off with everything that is stored shows against a checkpoint kept outside`() async throws {
        try await TestDatabase.with { database in
            let store = database.admin
            let partner = try await store.createPartner(name: "p").id
            try await write(store, 20, about: partner)
            let head = try await database.sql(
                "SELECT position, hash, seal FROM backup.audit_chains WHERE chain_id = $1", [.uuid(partner)]
            ).onlyRow()
            try await write(store, 5, about: partner)
            let outside = try await store.exportAudit { _ in }.checkpoints
            #expect(outside.count == 2)
            // An old head, as a superuser may have kept it.
            try await database.sql(
                "UPDATE backup.audit_chains SET position = $2, hash = $3, seal = $4 WHERE chain_id = $1",
                [
                    .uuid(partner), .int64(try head.int64("position")), .bytea(try head.bytes("hash")),
                    .bytea(try head.bytes("seal")),
                ])
            try await database.sql(
                "DELETE FROM backup.audit_entries WHERE chain_id = $1 AND position > 20", [.uuid(partner)])
            // The checkpoint in the database still tells.
            #expect(try await store.verifyAudit(partner: partner).first?.firstBreak?.kind == .tailCut)
            try await database.sql("DELETE FROM backup.audit_checkpoints")
            #expect(try await store.verifyAudit(partner: partner).first?.firstBreak == nil)
            let failure = try await store.verifyAudit(partner: partner, against: outside).first?.firstBreak
            #expect(
                failure?.kind == .tailCut && failure?.position == 21 && failure?.message.contains("cut off") == true)
            // Work that goes on hides nothing.
            try await write(store, 9, about: partner)
            let fork = try await store.verifyAudit(partner: partner, against: outside).first?.firstBreak
            #expect(fork?.kind == .fork && fork?.position == 25)
        }
    }

    @Test func `a checkpoint that was edited is not believed`() async throws {
        try await TestDatabase.with { database in
            let store = database.admin
            try await write(store, 3)
            var outside = try await store.exportAudit { _ in }.checkpoints
            #expect(try await store.verifyAudit(against: outside).allSatisfy { $0.firstBreak == nil })
            outside[0].position -= 1
            #expect(try await store.verifyAudit(against: outside).first?.firstBreak?.kind == .edited)
        }
    }

    @Test func `a whole chain that was taken away is missed`() async throws {
        try await TestDatabase.with { database in
            let store = database.admin
            let partner = try await store.createPartner(name: "p").id
            try await write(store, 3, about: partner)
            for table in ["audit_entries", "audit_chains"] {
                try await database.sql("DELETE FROM backup.\(table) WHERE chain_id = $1", [.uuid(partner)])
            }
            let verdict = try await store.verifyAudit().first { $0.partner == partner }
            #expect(verdict?.firstBreak?.kind == .missing)
        }
    }

    @Test func `the scheduler signs once a day, and nothing that was forged`() async throws {
        try await TestDatabase.with { database in
            let (store, scheduler) = (database.admin, database.scheduler)
            let partner = try await store.createPartner(name: "p").id
            try await write(store, 3, about: partner)
            #expect(try await scheduler.checkpointAudit() == AuditCheckpointReport())
            let yesterday = "UPDATE backup.audit_chains SET checkpoint_at = checkpoint_at - interval '1 day'"
            try await database.sql(yesterday)
            let first = try await scheduler.checkpointAudit()
            #expect(first.made == 2 && first.broken == 0)
            #expect(try await scheduler.checkpointAudit() == AuditCheckpointReport())
            // Nothing is new.
            try await database.sql(yesterday)
            #expect(try await scheduler.checkpointAudit() == AuditCheckpointReport())
            try await write(store, 1, about: partner)
            #expect(try await scheduler.checkpointAudit(.close).made == 1)
            #expect(try await store.verifyAudit(partner: partner).first?.checkpoints == 2)
            try await write(store, 1, about: partner)
            try await database.sql(yesterday)
            try await database.sql(
                "UPDATE backup.audit_chains SET hash = sha256(hash) WHERE chain_id = $1", [.uuid(partner)])
            let forged = try await scheduler.checkpointAudit()
            #expect(forged.made == 0 && forged.broken == 1)
        }
    }

    @Test func `an export has every entry in its order, and its hashes can be computed by anybody`() async throws {
        try await TestDatabase.with { database in
            let partner = try await database.admin.createPartner(name: "p").id
            try await write(database.admin, 1_003, about: partner)
            let lines = Mutex<[AuditEntryLine]>([])
            let export = try await database.admin.exportAudit(partner: partner) { line in
                lines.withLock { $0.append(line) }
            }
            var hash = AuditStatement.noHash
            for (index, line) in lines.withLock({ $0 }).enumerated() {
                let statement = AuditStatement(
                    chain: partner, position: Int64(index + 1), number: line.number, at: line.at, actor: line.actor,
                    action: line.action, target: line.target, outcome: line.outcome, reason: line.reason)
                hash = statement.hash(after: hash)
                #expect(line.hash == hash)
            }
            let checkpoint = try #require(export.checkpoints.first)
            #expect(checkpoint.position == 1_003 && checkpoint.hash == hash)
            let verifier = try SnapshotVerifier(publicKey: export.publicKey)
            #expect(verifier.isValid(checkpoint.signature, for: checkpoint.statement))
        }
    }

    @Test(arguments: ["scheduler", "fetcher", "differ", "persister", "downloader", "restorer"])
    func `a stage neither reads nor writes entries`(role: String) async throws {
        try await TestDatabase.with { database in
            let connection = try await database.connect(role)
            for sql in [
                "SELECT FROM backup.audit_entries",
                "INSERT INTO backup.audit_entries (actor, action, target, outcome) VALUES ('a', 'b', 'c', 'allowed')",
            ] {
                let error = await #expect(throws: PostgresError.self) { try await connection.execute(sql) }
                #expect(error?.sqlState == .insufficientPrivilege)
            }
        }
    }

    @Test func `a partner's staff writes and sees the partner's chain alone, by each wall`() async throws {
        try await TestDatabase.with { database in
            let own = try await database.admin.createPartner(name: "own").id
            let other = try await database.admin.createPartner(name: "other").id
            for partner in [own, other, AuditStatement.operatorChain] {
                try await write(database.admin, 2, about: partner)
            }
            let user = StaffUser(
                id: UUID(), partner: own, email: "a@b.example", name: "A", role: .owner, createdAt: .distantPast)
            let staff = PostgresStore(
                settings: database.server.settings("entra_backup_operator", database: database.name), connections: 2,
                keyStorePath: database.keyStorePath, identity: .staff(user, supportMayView: false),
                logger: Logger(label: "staff") { _ in SwiftLogNoOpLogHandler() })
            // Whatever it is about, it is the own partner's.
            try await staff.audit(actor: user.email, action: "x", target: other.uuidString, outcome: .refused)
            for checks in [true, false] {
                try await PostgresStore.$checksScope.withValue(checks) {
                    let seen = try await staff.auditEntries(AuditFilter())
                    #expect(seen.count == 3 && seen.allSatisfy { $0.partner == own }, "\(checks)")
                    #expect(try await staff.auditEntries(AuditFilter(partner: other)).isEmpty)
                    #expect(try await staff.verifyAudit().map(\.entries) == [3])
                }
            }
            let error = await #expect(throws: AccountError.self) { _ = try await staff.verifyAudit(partner: other) }
            #expect(error?.kind == .refused)
            #expect(try await staff.exportAudit { _ in }.checkpoints.map(\.partner) == [own])
            #expect(try await database.admin.verifyAudit().allSatisfy { $0.firstBreak == nil })
            await staff.close()
        }
    }

    @Test func `the operator places an entry once and changes none`() async throws {
        try await TestDatabase.with { database in
            try await write(database.admin, 3)
            let connection = try await database.connect("operator")
            let moved = try await connection.query("UPDATE backup.audit_entries SET position = position + 10")
            #expect(moved.affectedRows == 0)
            let policies = try await database.texts(
                """
                SELECT tablename || ' ' || cmd || ' ' || roles::text FROM pg_catalog.pg_policies
                WHERE schemaname = 'backup' AND (tablename LIKE 'audit%' OR tablename = 'erasures') AND NOT 'entra_backup_staff' = ANY (roles)
                ORDER BY 1
                """)
            #expect(
                policies == [
                    "audit_chains ALL {entra_backup_operator}", "audit_chains ALL {entra_backup_scheduler}",
                    "audit_checkpoints ALL {entra_backup_operator}", "audit_checkpoints ALL {entra_backup_scheduler}",
                    "audit_entries INSERT {entra_backup_operator}", "audit_entries SELECT {entra_backup_operator}",
                    "audit_entries UPDATE {entra_backup_operator}",
                    "erasures ALL {entra_backup_operator}", "erasures SELECT {entra_backup_scheduler}",
                ])
        }
    }
}
