import AccountModel
import BackupContracts
import BackupModel
import Foundation
import LibPQ
import Sealing
import Testing

@testable import PostgresStore

/// The chains of the audit: how they grow, and that nothing can be done to them unseen.
@Suite(.timeLimit(.minutes(10))) struct AuditTests {
    private static let operatorChain = AuditStatement.operatorChain

    private func note(_ action: String, _ target: String, about: UUID? = nil) -> AuditNote {
        AuditNote(actor: "operator:test", action: action, target: target, about: about)
    }

    // MARK: Growing

    @Test func `an entry about a partner's things is in that partner's chain, any other in the operator's`()
        async throws
    {
        try await TestDatabase.with { database in
            let store = database.admin
            let organization = try await database.addOrganization()
            let tenant = TenantID(uuid: UUID())
            _ = try await store.addTenant(
                TenantRecord(id: tenant, organization: organization.id, name: "t", clientID: "c"),
                .clientSecret("s"), expiresAt: nil)
            _ = try await store.activate(tenant, permissions: [])
            let job = try await store.startBackup(tenant, types: nil, full: false).job.id
            let about =
                [
                    organization.partner, organization.id, organization.plan, tenant.uuid, job.uuid,
                ].map { "\($0)" } + ["\(tenant) bitlocker \(UUID())"]
            for target in about {
                try await store.audit(actor: "a", action: "x", target: target, outcome: .allowed)
            }
            for target in ["key store", UUID().uuidString] {
                try await store.audit(actor: "a", action: "x", target: target, outcome: .refused, reason: "r")
            }
            let own = try await store.auditEntries(AuditFilter(partner: organization.partner))
            #expect(own.map(\.target) == about.reversed() && own.compactMap(\.position) == [6, 5, 4, 3, 2, 1])
            let others = try await store.auditEntries(AuditFilter(partner: Self.operatorChain, outcome: .refused))
            #expect(others.count == 2 && others.allSatisfy { $0.partner == nil })
            #expect(try await store.verifyAudit().allSatisfy { $0.firstBreak == nil })
        }
    }

    @Test func `lists narrow by actor, action, target, outcome and time`() async throws {
        try await TestDatabase.with { database in
            let store = database.admin
            for (actor, action, target) in [
                ("a", "restore.plan", "t1"), ("b", "restore.apply", "t2"), ("a", "restored", "t1 more"),
            ] {
                try await store.audit(actor: actor, action: action, target: target, outcome: .allowed)
            }
            func targets(_ filter: AuditFilter) async throws -> [String] {
                try await store.auditEntries(filter).filter { $0.action != "audit.begin" }.map(\.target)
            }
            #expect(try await targets(AuditFilter(actor: "a")) == ["t1 more", "t1"])
            #expect(try await targets(AuditFilter(action: "restore.")) == ["t2", "t1"])
            #expect(try await targets(AuditFilter(action: "restored")) == ["t1 more"])
            #expect(try await targets(AuditFilter(target: "t1")) == ["t1 more", "t1"])
            #expect(try await targets(AuditFilter(outcome: .refused)).isEmpty)
            let second = try #require(try await store.auditEntries(AuditFilter(target: "t2")).first).at
            #expect(try await targets(AuditFilter(since: second)) == ["t1 more", "t2"])
            #expect(try await targets(AuditFilter(until: second)) == ["t1"])
            #expect(try await targets(AuditFilter(limit: 1)) == ["t1 more"])
        }
    }

    @Test func `many writers leave no gap`() async throws {
        try await TestDatabase.with { database in
            let partner = try await database.admin.createPartner(name: "p").id
            let stores = (0..<4).map { _ in database.another("operator") }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (index, store) in stores.enumerated() {
                    group.addTask {
                        for number in 0..<25 {
                            try await store.audit(
                                actor: "\(index)", action: "x", target: "\(number)",
                                about: number.isMultiple(of: 2) ? partner : nil, outcome: .allowed)
                        }
                    }
                }
                try await group.waitForAll()
            }
            let verdicts = try await database.admin.verifyAudit()
            #expect(verdicts.allSatisfy { $0.firstBreak == nil }, "\(verdicts)")
            #expect(verdicts.map(\.entries).reduce(0, +) == 101)
        }
    }

    @Test func `what was written before there were chains is taken in once, and never again`() async throws {
        try await TestDatabase.with { database in
            let old =
                "INSERT INTO backup.audit_entries (actor, action, target, outcome) VALUES ('a', 'x', $1, 'allowed')"
            for number in 0..<1_100 { try await database.sql(old, [.text("\(number)")]) }
            let verdict = try #require(try await database.admin.verifyAudit().first)
            #expect(verdict.firstBreak == nil && verdict.entries == 1_101)
            try await database.sql(old, [.text("forged")])
            try await database.admin.audit(actor: "a", action: "x", target: "t", outcome: .allowed)
            #expect(try await database.admin.verifyAudit().first?.firstBreak?.kind == .inserted)
        }
    }

    // MARK: With the change

    @Test func `a change and its entry are there together or not at all`() async throws {
        try await TestDatabase.with { database in
            let store = database.admin
            let made = try await store.noting(note("partner.create", "p")) { try await store.createPartner(name: "p") }
            let entries = try await store.auditEntries(AuditFilter(action: "partner.create"))
            #expect(entries.count == 1 && entries.first?.partner == made.id)
            // The entry cannot be written: nothing is changed.
            try await database.superuser.execute(
                "ALTER TABLE backup.audit_entries ADD CONSTRAINT none CHECK (action <> 'plan.create')")
            let error = await #expect(throws: AccountError.self) {
                try await store.noting(note("plan.create", "q", about: made.id)) {
                    _ = try await store.createPlan(
                        name: "q", product: .backup, currency: "EUR", periodicity: .monthly, partner: made.id)
                }
            }
            #expect(error != nil)
            #expect(try await database.number("SELECT count(*) FROM backup.plans") == 0)
            // The change fails: nothing is said of it.
            _ = await #expect(throws: AccountError.self) {
                try await store.noting(note("partner.create", "p")) { _ = try await store.createPartner(name: "P") }
            }
            #expect(try await store.auditEntries(AuditFilter(action: "partner.create")).count == 1)
            // Nothing is changed, but something was seen.
            try await store.noting(note("secret.show", "x")) { _ = try await store.partners() }
            #expect(try await store.auditEntries(AuditFilter(action: "secret.show")).count == 1)
            #expect(try await store.verifyAudit().allSatisfy { $0.firstBreak == nil })
        }
    }

    // MARK: Tampering

    /// 2,000 entries in three chains.
    private func fill(_ database: TestDatabase) async throws -> [UUID: Int64] {
        var chains: [UUID] = [Self.operatorChain]
        for name in ["a", "b"] { chains.append(try await database.admin.createPartner(name: name).id) }
        for number in 0..<1_999 {
            let (outcome, reason): (AuditEntry.Outcome, String?) =
                number.isMultiple(of: 5) ? (.refused, number.isMultiple(of: 2) ? "code" : "") : (.allowed, nil)
            try await database.admin.audit(
                actor: "operator:\(number % 3)", action: "thing.change", target: "\(number)",
                about: number % 3 == 0 ? nil : chains[number % 3], outcome: outcome, reason: reason)
        }
        var counts: [UUID: Int64] = [:]
        for verdict in try await database.admin.verifyAudit() {
            try #require(verdict.firstBreak == nil)
            counts[verdict.partner ?? Self.operatorChain] = verdict.entries
        }
        try #require(counts.values.reduce(0, +) == 2_000)
        return counts
    }

    @Test func `each of 1,000 tamperings by a superuser is found and named`() async throws {
        try await TestDatabase.with { database in
            let counts = try await fill(database)
            let keys = try await database.admin.auditKeys()
            // Of another installation: the superuser has none of this one.
            let ownStore = DirectoryKeyStore(path: database.keyStorePath + "/own")
            try ownStore.create()
            let ownKey = try ownStore.auditKey()
            var numbers = SeededNumbers("1,000 tamperings")
            var found: [Tampering.Way: Int] = [:]
            for turn in 0..<1_000 {
                let chain = try #require(
                    counts.keys.sorted { $0.uuidString < $1.uuidString }.randomElement(using: &numbers))
                let count = try #require(counts[chain])
                // Each way at the ends as well.
                let place =
                    turn.isMultiple(of: 7)
                    ? count : turn.isMultiple(of: 11) ? 1 : .random(in: 1...count, using: &numbers)
                var tampering = Tampering(
                    way: Tampering.Way.allCases[turn % Tampering.Way.allCases.count], chain: chain, count: count,
                    place: place, other: .random(in: place...count, using: &numbers), key: ownKey)
                if [.swapPlaces, .swapTexts].contains(tampering.way), tampering.place == tampering.other {
                    tampering = tampering.between(1, count)
                }
                let verdict = try await verdict(of: tampering, database.superuser, keys)
                let failure = try #require(verdict.firstBreak, "\(tampering.description) was not found")
                #expect(
                    tampering.kinds.contains(failure.kind), "\(tampering.description): \(failure)")
                if let expected = tampering.expectedPlace {
                    #expect(failure.position == expected, "\(tampering.description): \(failure)")
                }
                found[tampering.way, default: 0] += 1
            }
            #expect(found.count == Tampering.Way.allCases.count && found.values.reduce(0, +) == 1_000)
            #expect(try await database.admin.verifyAudit().allSatisfy { $0.firstBreak == nil })
            print("tamperings found: \(found.values.reduce(0, +)) in \(found.count) ways")
        }
    }

    private func verdict(
        of tampering: Tampering, _ superuser: PostgresConnection, _ keys: AuditKeys
    ) async throws -> AuditVerdict {
        try await superuser.execute("BEGIN")
        let result: Result<AuditVerdict, any Error>
        do {
            try await tampering.run(superuser)
            result = .success(try await superuser.verifyAudit(tampering.chain, keys, against: []))
        } catch {
            result = .failure(error)
        }
        try await superuser.execute("ROLLBACK")
        return try result.get()
    }

    /// So that a column that is added later cannot be left out of the hash.
    @Test func `there is a tampering for every column`() async throws {
        try await TestDatabase.with { database in
            let columns = try await database.texts(
                """
                SELECT attname FROM pg_catalog.pg_attribute WHERE attrelid = 'backup.audit_entries'::regclass
                    AND attnum > 0 AND NOT attisdropped ORDER BY 1
                """)
            #expect(
                columns == [
                    "action", "actor", "at", "chain_id", "hash", "number", "outcome", "position", "reason", "seal",
                    "target",
                ])
            let partner = try await database.admin.createPartner(name: "p").id
            for number in 0..<3 {
                try await database.admin.audit(
                    actor: "a", action: "x", target: "\(number)", about: partner, outcome: .allowed)
            }
            for text in ["actor", "action", "target", "reason"] {
                try await database.sql("UPDATE backup.audit_entries SET \(text) = 'forged' WHERE position = 2")
                let failure = try await database.admin.verifyAudit(partner: partner).first?.firstBreak
                #expect(failure?.kind == .edited && failure?.position == 2, "\(text)")
            }
        }
    }
}

extension Tampering {
    fileprivate func between(_ place: Int64, _ other: Int64) -> Tampering {
        Tampering(way: way, chain: chain, count: count, place: place, other: other, key: key)
    }
}
