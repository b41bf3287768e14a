import AccountModel
import BackupContracts
public import Foundation
import LibPQ
import Sealing

/// Who did what, and whether it was allowed.
public struct AuditEntry: Sendable, Hashable {
    /// Whether it was done, or refused by rights, plan or a conflict. What failed otherwise has no entry.
    public enum Outcome: String, Sendable, CaseIterable {
        case allowed
        case refused
    }

    /// By the database's clock, to the microsecond.
    public var at: Date
    /// `operator:NAME`, the e-mail address of a member of partner staff, or `entra-backup` for the program itself.
    public var actor: String
    /// `tenant.activate`.
    public var action: String
    /// What it was done to: an id, or a name.
    public var target: String
    /// Read as refused where the database has a word that this version does not know.
    public var outcome: Outcome
    /// The reason that was given, or the code of the refusal.
    public var reason: String?
    /// Whose chain it is in; `nil` for the operator's.
    public var partner: UUID?
    /// Its place in the chain; `nil` for one that was written before there were chains and is in none yet.
    public var position: Int64?
    /// Over the entry and the one before it.
    public var hash: [UInt8]?
}

/// Which entries are listed.
public struct AuditFilter: Sendable, Hashable {
    /// Only the chain of this partner.
    public var partner: UUID?
    /// Only entries of exactly this actor, case included.
    public var actor: String?
    /// The action, or, when it ends with a point, all that begin with it: `restore.`.
    public var action: String?
    /// Only entries whose target is this text, or begins with it and a space.
    public var target: String?
    /// Only entries that came out so; `nil` for both.
    public var outcome: AuditEntry.Outcome?
    /// From this time on.
    public var since: Date?
    /// Before this time.
    public var until: Date?
    /// At most so many, the newest.
    public var limit: Int

    /// All, but for what is given.
    public init(
        partner: UUID? = nil, actor: String? = nil, action: String? = nil, target: String? = nil,
        outcome: AuditEntry.Outcome? = nil, since: Date? = nil, until: Date? = nil, limit: Int = 100
    ) {
        self.partner = partner
        self.actor = actor
        self.action = action
        self.target = target
        self.outcome = outcome
        self.since = since
        self.until = until
        self.limit = limit
    }
}

extension PostgresStore {
    /// Writes one entry. Texts hold no secret and no directory content.
    /// - Parameter about: see ``AuditNote``.
    public func audit(
        actor: String, action: String, target: String, about: UUID? = nil, outcome: AuditEntry.Outcome,
        reason: String? = nil
    ) async throws(AccountError) {
        try await beginAudit()
        try await administer { (connection) async throws(AccountError) in
            try await append(
                connection, actor: actor, action: action, target: target, about: about, outcome: outcome, reason: reason
            )
        }
    }

    /// Newest first.
    public func auditEntries(_ filter: AuditFilter) async throws(AccountError) -> [AuditEntry] {
        try require(.viewAudit)
        let prefix = filter.action.flatMap { $0.hasSuffix(".") ? $0 : nil }
        let parameters: [PostgresValue] = [
            .int64(Int64(filter.limit)), .uuid(filter.partner), .text(filter.actor),
            .text(prefix == nil ? filter.action : nil), .text(prefix), .text(filter.target),
            .text(filter.outcome?.rawValue), .timestamptz(date: filter.since), .timestamptz(date: filter.until),
        ]
        return try await administer { (connection) async throws(AccountError) in
            try all(
                try await connection.checked(
                    """
                    SELECT \(AuditEntry.columns) FROM backup.audit_entries
                    WHERE ($2::uuid IS NULL OR chain_id = $2) AND ($3::text IS NULL OR actor = $3)
                        AND ($4::text IS NULL OR action = $4) AND ($5::text IS NULL OR starts_with(action, $5))
                        AND ($6::text IS NULL OR target = $6 OR starts_with(target, $6 || ' '))
                        AND ($7::text IS NULL OR outcome = $7)
                        AND ($8::timestamptz IS NULL OR at >= $8) AND ($9::timestamptz IS NULL OR at < $9)
                        AND \(own(.audit))
                    ORDER BY number DESC LIMIT $1
                    """, parameters), AuditEntry.init(row:))
        }
    }

    // MARK: Chains

    /// Appends an entry to the chain that it belongs to, in the open transaction. To be called last: the chain stays
    /// locked to its end.
    func append(
        _ connection: PostgresConnection, actor: String, action: String, target: String, about: UUID?,
        outcome: AuditEntry.Outcome, reason: String?
    ) async throws(AccountError) {
        let key = try await auditKey()
        // What the staff does is always about the own partner's things.
        let chain =
            if let partner = identity.partner { partner } else { try await connection.chain(about, target) }
        let head = try await connection.lockHead(chain)
        let rows = try await connection.checked(
            """
            SELECT pg_catalog.nextval('backup.audit_entries_number_seq') AS number, pg_catalog.clock_timestamp() AS at
            """)
        let (number, at) = try only(rows) { (row) throws(PostgresError) in
            (try row.int64("number"), try row.microsecondsSince1970("at"))
        }
        let statement = AuditStatement(
            chain: chain, position: head.position + 1, number: number, at: at, actor: actor, action: action,
            target: target, outcome: outcome.rawValue, reason: reason)
        let hash = statement.hash(after: head.hash)
        let seal = key.seal(hash, chain: chain, position: statement.position)
        _ = try await connection.checked(
            """
            INSERT INTO backup.audit_entries (number, chain_id, position, at, actor, action, target, outcome, reason,
                hash, seal) OVERRIDING SYSTEM VALUE VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
            """,
            [
                .int64(number), .uuid(chain), .int64(statement.position), .timestamptz(microsecondsSince1970: at),
                .text(actor), .text(action), .text(target), .text(outcome.rawValue), .text(reason), .bytea(hash),
                .bytea(seal),
            ])
        try await connection.moveHead(chain, statement.position, hash, key)
    }

    func auditKey() async throws(AccountError) -> AuditKey {
        do {
            return try await keyStore.auditKey()
        } catch {
            throw AccountError(StageFailure(keys: error))
        }
    }

    /// At the first entry ever: what was written before there were chains is taken into the operator's, in its order.
    /// From then on the key store knows that the chains have begun, and an entry without a seal is a forged one.
    func beginAudit() async throws(AccountError) {
        // The first entry of all is the operator's: nobody of the staff is there before.
        guard !Self.isDryRun, identity.partner == nil else { return }
        do throws(KeyError) {
            if try await keyStore.hasBegunAudit() { return }
        } catch {
            throw AccountError(StageFailure(keys: error))
        }
        let key = try await auditKey()
        try await administer { (connection) async throws(AccountError) in
            let placed = try await connection.placeEntries(key)
            // Another process may have been first, or one was cut off before it could tell the key store.
            let head = try await connection.lockHead(AuditStatement.operatorChain)
            guard placed > 0 || head.position == 0 else { return }
            try await append(
                connection, actor: "entra-backup", action: "audit.begin", target: "earlier entries: \(placed)",
                about: nil, outcome: .allowed, reason: nil)
        }
        do throws(KeyError) {
            try await keyStore.beginAudit()
        } catch {
            throw AccountError(StageFailure(keys: error))
        }
    }
}

/// Where a chain is.
struct AuditHead: Sendable, Hashable {
    var position: Int64
    var hash: [UInt8]
    var seal: [UInt8]?

    init(row: PostgresRow) throws(PostgresError) {
        position = try row.int64("position")
        hash = try row.bytes("hash")
        seal = try row.optionalBytes("seal")
    }
}

extension PostgresConnection {
    /// The chain of the partner that a thing belongs to; the operator's for anything else.
    fileprivate func chain(_ about: UUID?, _ target: String) async throws(AccountError) -> UUID {
        guard let about = about ?? UUID(uuidString: String(target.prefix(36))) else {
            return try await chain(ofUser: target)
        }
        // Read one after the other, until one knows the id.
        let rows = try await checked(
            """
            SELECT coalesce((SELECT id FROM backup.partners WHERE id = $1),
                (SELECT partner_id FROM backup.organizations WHERE id = $1),
                (SELECT o.partner_id FROM backup.tenants t JOIN backup.organizations o ON o.id = t.organization_id
                    WHERE t.tenant_id = $1),
                (SELECT partner_id FROM backup.plans WHERE id = $1),
                (SELECT o.partner_id FROM backup.jobs j JOIN backup.tenants t ON t.tenant_id = j.tenant_id
                    JOIN backup.organizations o ON o.id = t.organization_id WHERE j.job_id = $1),
                (SELECT partner_id FROM backup.users WHERE id = $1),
                (SELECT o.partner_id FROM backup.dead_letters d JOIN backup.tenants t ON t.tenant_id = d.tenant_id
                    JOIN backup.organizations o ON o.id = t.organization_id WHERE d.id = $1)) AS partner
            """, [.uuid(about)])
        return try only(rows) { (row) throws(PostgresError) in try row.optionalUUID("partner") }
            ?? AuditStatement.operatorChain
    }

    /// Users are named by their e-mail addresses.
    private func chain(ofUser email: String) async throws(AccountError) -> UUID {
        guard email.contains("@") else { return AuditStatement.operatorChain }
        let rows = try await checked(
            "SELECT partner_id FROM backup.users WHERE lower(email) = lower($1)", [.text(email)])
        return try all(rows) { (row) throws(PostgresError) in try row.uuid(0) }.first ?? AuditStatement.operatorChain
    }

    /// Holds the chain to the end of the transaction.
    fileprivate func lockHead(_ chain: UUID) async throws(AccountError) -> AuditHead {
        let sql = "SELECT position, hash, seal FROM backup.audit_chains WHERE chain_id = $1 FOR UPDATE"
        var rows = try await checked(sql, [.uuid(chain)])
        if rows.isEmpty {
            _ = try await checked(
                "INSERT INTO backup.audit_chains (chain_id) VALUES ($1) ON CONFLICT DO NOTHING", [.uuid(chain)])
            rows = try await checked(sql, [.uuid(chain)])
        }
        return try only(rows, AuditHead.init(row:))
    }

    fileprivate func moveHead(
        _ chain: UUID, _ position: Int64, _ hash: [UInt8], _ key: AuditKey
    ) async throws(AccountError) {
        _ = try await checked(
            "UPDATE backup.audit_chains SET position = $2, hash = $3, seal = $4 WHERE chain_id = $1",
            [
                .uuid(chain), .int64(position), .bytea(hash),
                .bytea(key.sealHead(hash, chain: chain, position: position)),
            ])
    }

    /// Gives the entries without a place theirs at the end of the operator's chain. Returns how many there were.
    fileprivate func placeEntries(_ key: AuditKey) async throws(AccountError) -> Int64 {
        let chain = AuditStatement.operatorChain
        let head = try await lockHead(chain)
        var (position, hash) = (head.position, head.hash)
        while true {
            let rows = try await checked(
                """
                SELECT \(AuditRow.columns) FROM backup.audit_entries WHERE chain_id = $1 AND position IS NULL
                ORDER BY number LIMIT 1000
                """, [.uuid(chain)])
            let entries = try all(rows, AuditRow.init(row:))
            guard !entries.isEmpty else { return position - head.position }
            var places: (numbers: [Int64], positions: [Int64], hashes: [[UInt8]], seals: [[UInt8]]) = ([], [], [], [])
            for entry in entries {
                position += 1
                hash = entry.statement(chain, position).hash(after: hash)
                places.numbers.append(entry.number)
                places.positions.append(position)
                places.hashes.append(hash)
                places.seals.append(key.seal(hash, chain: chain, position: position))
            }
            _ = try await checked(
                """
                UPDATE backup.audit_entries e SET position = p.position, hash = p.hash, seal = p.seal
                FROM unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::bytea[]) AS p (number, position, hash, seal)
                WHERE e.number = p.number
                """,
                [
                    .int64Array(places.numbers), .int64Array(places.positions), .byteaArray(places.hashes),
                    .byteaArray(places.seals),
                ])
            try await moveHead(chain, position, hash, key)
        }
    }
}

extension AuditEntry {
    static let columns = "at, actor, action, target, outcome, reason, chain_id, position, hash"

    init(row: PostgresRow) throws(PostgresError) {
        let chain = try row.uuid("chain_id")
        self.init(
            at: try row.timestamp("at").date, actor: try row.text("actor"), action: try row.text("action"),
            target: try row.text("target"), outcome: Outcome(rawValue: try row.text("outcome")) ?? .refused,
            reason: try row.optionalText("reason"), partner: chain == AuditStatement.operatorChain ? nil : chain,
            position: try row.optionalInt64("position"), hash: try row.optionalBytes("hash"))
    }
}
