public import BackupContracts
import LibPQ
import Sealing

/// Makes the key store of a new installation, and of no other: where tenants are, a missing key store means that the
/// wrong volume is mounted, and new keys in its place would open nothing.
public struct KeyStoreSetup: Sendable {
    private let store: DirectoryKeyStore

    /// - Parameter path: the directory of key files.
    public init(path: String) { store = DirectoryKeyStore(path: path) }

    /// How the key store stands after the look; programs can start on one that is `present` or `made`.
    public enum Outcome: Sendable {
        case present
        case made
        /// A key is missing although tenants exist, or the store cannot be read. Nothing was changed.
        case unusable(StageFailure)
    }

    /// Makes the key store when it is missing and no tenant exists.
    /// - Parameter settings: logs in as the owner or the superuser; the schema need not be there yet.
    /// - Throws: when the database cannot be asked or the store cannot be written.
    public func run(settings: DatabaseSettings) async throws(StageFailure) -> Outcome {
        do throws(KeyError) {
            _ = try store.keyRing()
        } catch {
            guard error.code == .keyStoreMissing || error.code == .keyMissing else {
                return .unusable(StageFailure(keys: error))
            }
            guard try await hasNoTenants(settings) else {
                return .unusable(
                    StageFailure(
                        .keyStoreUnavailable,
                        "There is no key store at \(store.path), but tenants exist whose keys it held."))
            }
            return try create()
        }
        do throws(KeyError) {
            _ = try store.snapshotSigner()
            return .present
        } catch {
            return .unusable(StageFailure(keys: error))
        }
    }

    private func create() throws(StageFailure) -> Outcome {
        do throws(KeyError) {
            try store.create()
            return .made
        } catch {
            throw StageFailure(keys: error)
        }
    }

    private func hasNoTenants(_ settings: DatabaseSettings) async throws(StageFailure) -> Bool {
        let connection: PostgresConnection
        do {
            connection = try await PostgresConnection.connect(settings.configuration)
        } catch {
            throw StageFailure(store: error)
        }
        let result: Result<Bool, StageFailure>
        do {
            result = .success(try await connection.hasNoTenants())
        } catch {
            result = .failure(error)
        }
        await connection.close()
        return try result.get()
    }
}

extension PostgresConnection {
    /// The schedule has a row for each tenant and no row-level security, which hides `tenants` from the owner.
    fileprivate func hasNoTenants() async throws(StageFailure) -> Bool {
        let schema = try await rows("SELECT pg_catalog.to_regclass('backup.schedule') IS NULL AS missing")
        if try decoded({ () throws(PostgresError) in try schema.first?.bool("missing") ?? true }) { return true }
        return try await rows("SELECT FROM backup.schedule LIMIT 1").isEmpty
    }
}
