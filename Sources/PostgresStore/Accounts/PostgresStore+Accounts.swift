public import AccountModel
import BackupContracts
public import Foundation
import LibPQ

extension PostgresStore {
    /// ``transaction(_:)`` with the errors of an administrator; rolled back in a dry run.
    func administer<T: Sendable>(
        _ options: PostgresTransactionOptions = .standard,
        _ body: (PostgresConnection) async throws(AccountError) -> T
    ) async throws(AccountError) -> T {
        if Self.isDryRun { return try await rehearse(options, body) }
        for _ in 0..<4 {
            do throws(AccountError) {
                return try await administerOnce(options, body)
            } catch {
                // A stage at work was in the way (a deadlock): nothing of this transaction is there.
                guard case .failure(let failure) = error.kind, failure.code == .serializationConflict else {
                    throw error
                }
            }
        }
        return try await administerOnce(options, body)
    }

    private func administerOnce<T: Sendable>(
        _ options: PostgresTransactionOptions, _ body: (PostgresConnection) async throws(AccountError) -> T
    ) async throws(AccountError) -> T {
        let map: (PostgresError) -> AccountError = { AccountError(StageFailure(store: $0)) }
        let note = AuditNote.current.flatMap { $0.isWritten ? nil : $0 }
        let done = try await pool.withConnection(orThrow: map) {
            (connection) async throws(AccountError) in
            try await connection.transaction(options, orThrow: map) { (connection) async throws(AccountError) in
                let result = try await body(connection)
                guard let note, try await connection.hasWritten() else {
                    return Noted(result: result, isNoted: false)
                }
                try await append(connection, note)
                return Noted(result: result, isNoted: true)
            }
        }
        if done.isNoted { note?.markWritten() }
        return done.result
    }

    private struct Noted<T: Sendable>: Sendable {
        var result: T
        var isNoted: Bool
    }

    // MARK: Partners

    /// Makes a partner, and by a trigger its chain of the audit. The role of partner staff may not.
    /// - Throws: `partnerExists` for a name that another has, whatever its case.
    public func createPartner(name: String) async throws(AccountError) -> Partner {
        try await administer { (connection) async throws(AccountError) in
            let rows = try await connection.unique(
                """
                INSERT INTO backup.partners (id, name) VALUES (gen_random_uuid(), $1) RETURNING \(Partner.columns)
                """, [.text(name)], "partnerExists", "A partner named \(name) exists already.")
            let partner = try only(rows, Partner.init(row:))
            AuditNote.isAbout(partner.id)
            return partner
        }
    }

    /// Partners by name; for partner staff the own one alone.
    public func partners() async throws(AccountError) -> [Partner] {
        try await administer { (connection) async throws(AccountError) in
            try all(
                try await connection.checked(
                    "SELECT \(Partner.columns) FROM backup.partners WHERE \(own(.partner)) ORDER BY name"),
                Partner.init(row:))
        }
    }

    /// By id, or by a name that only one has.
    public func partner(_ reference: String) async throws(AccountError) -> Partner {
        try await find(
            reference, "partner", .partner, "SELECT \(Partner.columns) FROM backup.partners", Partner.init(row:))
    }

    /// Changes what is given of a partner.
    public func updatePartner(_ id: UUID, name: String?, offersSignInEmail: Bool?) async throws(AccountError) -> Partner
    {
        try require(own: id)
        return try await administer { (connection) async throws(AccountError) in
            let rows = try await connection.unique(
                """
                UPDATE backup.partners SET name = coalesce($2, name), sign_in_email_hidden_at = CASE
                    WHEN $3::boolean IS NULL THEN sign_in_email_hidden_at
                    WHEN NOT $3 THEN coalesce(sign_in_email_hidden_at, now()) END
                WHERE id = $1 RETURNING \(Partner.columns)
                """, [.uuid(id), .text(name), offersSignInEmail.map { .bool($0) } ?? .null],
                "partnerExists", "A partner named \(name ?? "") exists already.")
            return try only(rows, Partner.init(row:))
        }
    }

    /// Finds one row by id or by a name that only one has, among those that the identity may touch.
    func find<T: Sendable>(
        _ reference: String, _ kind: String, _ owned: Owned, _ select: String, key: String = "id",
        _ make: (PostgresRow) throws(PostgresError) -> T
    ) async throws(AccountError) -> T {
        try await administer { (connection) async throws(AccountError) in
            let id = UUID(uuidString: reference)
            let rows =
                if let id {
                    try await connection.checked("\(select) WHERE \(key) = $1 AND \(own(owned))", [.uuid(id)])
                } else {
                    try await connection.checked(
                        "\(select) WHERE lower(name) = lower($1) AND \(own(owned))", [.text(reference)])
                }
            if rows.count > 1 {
                throw AccountError(
                    .conflict, "\(kind)Ambiguous", "\(rows.count) \(kind)s have the name \(reference).",
                    hint: "Name it by its id: `entra-backup \(kind) list`.")
            }
            guard rows.count == 1 else { throw absent(kind, reference) }
            return try only(rows, make)
        }
    }
}

func only<T>(_ rows: PostgresRows, _ make: (PostgresRow) throws(PostgresError) -> T) throws(AccountError) -> T {
    guard let row = rows.first else {
        throw AccountError(StageFailure(.stageDefect, "A statement returned no row where one was expected."))
    }
    do {
        return try make(row)
    } catch {
        throw AccountError(StageFailure(decoding: error))
    }
}

func all<T>(_ rows: PostgresRows, _ make: (PostgresRow) throws(PostgresError) -> T) throws(AccountError) -> [T] {
    var items: [T] = []
    for row in rows {
        do {
            items.append(try make(row))
        } catch {
            throw AccountError(StageFailure(decoding: error))
        }
    }
    return items
}

extension PostgresConnection {
    func checked(_ sql: String, _ parameters: [PostgresValue] = []) async throws(AccountError) -> PostgresRows {
        do {
            return try await query(sql, parameters)
        } catch {
            throw AccountError(StageFailure(store: error))
        }
    }

    /// A statement whose unique violation is the caller's conflict.
    func unique(
        _ sql: String, _ parameters: [PostgresValue], _ code: String, _ message: String,
        hint: String = "Choose another one, or use the one that exists."
    ) async throws(AccountError) -> PostgresRows {
        do {
            return try await query(sql, parameters)
        } catch {
            guard error.sqlState == .uniqueViolation else { throw AccountError(StageFailure(store: error)) }
            throw AccountError(.conflict, code, message, hint: hint)
        }
    }
}

extension Partner {
    static let columns = """
        id, name, support_may_view, created_at, sign_in_email_hidden_at IS NULL AS offers_sign_in_email
        """

    init(row: PostgresRow) throws(PostgresError) {
        self.init(
            id: try row.uuid("id"), name: try row.text("name"), supportMayView: try row.bool("support_may_view"),
            createdAt: try row.timestamp("created_at").date, offersSignInEmail: try row.bool("offers_sign_in_email"))
    }
}
