public import BackupContracts
import Crypto
import Foundation
import LibPQ

/// One numbered SQL file.
public struct Migration: Sendable {
    /// From 1, without gaps.
    public let number: Int32
    /// File name without extension: `V0001_schema`.
    public let name: String
    /// The whole file, run as one transaction.
    public let sql: String
    /// SHA-256 of the text: an applied migration never changes.
    public var checksum: [UInt8] { Array(SHA256.hash(data: Array(sql.utf8))) }

    /// All migrations of this version, in order.
    public static let all: [Migration] = [
        Migration(number: 1, name: "V0001_schema", bytes: PackageResources.V0001_schema_sql),
        Migration(number: 2, name: "V0002_roles", bytes: PackageResources.V0002_roles_sql),
        Migration(
            number: 3, name: "V0003_restore_and_download", bytes: PackageResources.V0003_restore_and_download_sql),
        Migration(number: 4, name: "V0004_listing_sums", bytes: PackageResources.V0004_listing_sums_sql),
        Migration(number: 5, name: "V0005_staff", bytes: PackageResources.V0005_staff_sql),
        Migration(number: 6, name: "V0006_audit_chain", bytes: PackageResources.V0006_audit_chain_sql),
        Migration(number: 7, name: "V0007_organizations", bytes: PackageResources.V0007_organizations_sql),
        Migration(number: 8, name: "V0008_erasure", bytes: PackageResources.V0008_erasure_sql),
        Migration(number: 9, name: "V0009_status", bytes: PackageResources.V0009_status_sql),
        Migration(number: 10, name: "V0010_billing", bytes: PackageResources.V0010_billing_sql),
        Migration(
            number: 11, name: "V0011_search_all_words", bytes: PackageResources.V0011_search_all_words_sql),
        Migration(number: 12, name: "V0012_terms_of_plans", bytes: PackageResources.V0012_terms_of_plans_sql),
        Migration(
            number: 13, name: "V0013_search_in_one_step", bytes: PackageResources.V0013_search_in_one_step_sql),
    ]

    private init(number: Int32, name: String, bytes: [UInt8]) {
        self.number = number
        self.name = name
        sql = String(decoding: bytes, as: UTF8.self)
    }
}

/// A migration and whether the database has it.
public struct MigrationStatus: Sendable {
    /// From 1, without gaps.
    public let number: Int32
    /// File name without extension: `V0001_schema`.
    public let name: String
    /// Whether the database has it; one that it has with other text is thrown instead.
    public let isApplied: Bool
}

/// Brings a database to this version's schema. Runs as the owner, which no stage does.
///
/// Under an advisory lock, so that starters do not race; each migration is one transaction with its row. A database
/// that has a migration which this version does not know, or knows with other text, is refused.
public struct Migrator: Sendable {
    private static let lock: Int64 = 0x656e_7472_6162_0002
    let configuration: PostgresConfiguration

    /// - Parameter settings: logs in as the owner.
    public init(settings: DatabaseSettings) { configuration = settings.configuration }

    /// Applies what is missing. Returns the names of what was applied.
    public func migrate() async throws(StageFailure) -> [String] {
        let connection = try await connect()
        let result: Result<[String], StageFailure>
        do {
            result = .success(try await migrate(connection))
        } catch {
            result = .failure(error)
        }
        await connection.close()
        return try result.get()
    }

    private func migrate(_ connection: PostgresConnection) async throws(StageFailure) -> [String] {
        _ = try await connection.rows("SELECT pg_catalog.pg_advisory_lock($1)", [.int64(Self.lock)])
        _ = try await connection.rows(
            """
            CREATE TABLE IF NOT EXISTS public.entra_backup_migrations (
                number integer PRIMARY KEY, name text NOT NULL, checksum bytea NOT NULL,
                applied_at timestamptz NOT NULL DEFAULT now())
            """)
        let applied = try await applied(connection)
        var names: [String] = []
        for migration in Migration.all where applied[migration.number] == nil {
            try await apply(migration, connection)
            names.append(migration.name)
        }
        // `doctor` compares what is applied with what it knows.
        _ = try await connection.rows("GRANT SELECT ON public.entra_backup_migrations TO entra_backup_operator")
        return names
    }

    private func apply(_ migration: Migration, _ connection: PostgresConnection) async throws(StageFailure) {
        try await connection.transaction(.standard, orThrow: StageFailure.init(store:)) {
            (connection) async throws(StageFailure) in
            do {
                try await connection.execute(migration.sql)
            } catch {
                throw StageFailure(.schemaMismatch, "Migration \(migration.name) failed: \(error)")
            }
            _ = try await connection.rows(
                "INSERT INTO public.entra_backup_migrations (number, name, checksum) VALUES ($1, $2, $3)",
                [.int32(migration.number), .text(migration.name), .bytea(migration.checksum)])
        }
    }

    /// Each migration of this version, and whether the database has it.
    public func status() async throws(StageFailure) -> [MigrationStatus] {
        let connection = try await connect()
        let result: Result<[Int32: [UInt8]], StageFailure>
        do {
            let exists = try await connection.rows(
                "SELECT pg_catalog.to_regclass('public.entra_backup_migrations') IS NOT NULL AS there")
            let isThere = try decoded { () throws(PostgresError) in try exists.first?.bool("there") ?? false }
            result = .success(isThere ? try await applied(connection) : [:])
        } catch {
            result = .failure(error)
        }
        await connection.close()
        let applied = try result.get()
        return Migration.all.map {
            MigrationStatus(number: $0.number, name: $0.name, isApplied: applied[$0.number] != nil)
        }
    }

    private func connect() async throws(StageFailure) -> PostgresConnection {
        do {
            return try await PostgresConnection.connect(configuration)
        } catch {
            throw StageFailure(store: error)
        }
    }

    private func applied(_ connection: PostgresConnection) async throws(StageFailure) -> [Int32: [UInt8]] {
        let rows = try await connection.rows(
            "SELECT number, name, checksum FROM public.entra_backup_migrations ORDER BY number")
        var applied: [Int32: [UInt8]] = [:]
        for row in rows {
            let (number, name, checksum) = try decoded { () throws(PostgresError) in
                (try row.int32("number"), try row.text("name"), try row.bytes("checksum"))
            }
            guard let known = Migration.all.first(where: { $0.number == number }) else {
                throw StageFailure(
                    .schemaMismatch, "The database has migration \(name), which this version does not know.")
            }
            guard known.checksum == checksum else {
                throw StageFailure(.schemaMismatch, "Migration \(name) was applied with another text.")
            }
            applied[number] = checksum
        }
        return applied
    }
}
