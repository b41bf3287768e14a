import BackupContracts
public import BackupModel
public import Foundation
import LibPQ
import Sealing

/// What is wrong with a key, in the key store's words. Never holds a key.
public struct KeyFailure: Sendable, Hashable {
    /// `keyMissing`, `keyPermissionsTooOpen`, …
    public var code: String
    /// What happened, with the file, number or tenant.
    public var message: String
    /// What to do next.
    public var hint: String
    /// `nil` where nothing can be mended.
    public var runbook: String?

    /// A failure with all its parts.
    public init(code: String, message: String, hint: String, runbook: String?) {
        self.code = code
        self.message = message
        self.hint = hint
        self.runbook = runbook
    }

    init(_ error: KeyError) {
        let cause = error.cause.map { " (\($0))" } ?? ""
        self.init(
            code: error.code.description, message: error.message + cause, hint: error.hint, runbook: error.runbook)
    }
}

/// What `doctor` asks of the key store: facts without a judgement.
public struct KeyStoreFacts: Sendable {
    /// Its folder; empty for one that is no folder.
    public var path: String
    /// Numbers of the key-encryption keys, ascending; empty with ``keyRing``.
    public var numbers: [Int32] = []
    /// Why the key-encryption keys cannot be read.
    public var keyRing: KeyFailure?
    /// Why the signing key cannot be read.
    public var signingKey: KeyFailure?
    /// Files and folders that others than their owner may read or write, with their modes: `kek-1 (644)`.
    public var tooOpen: [String] = []
    /// Files and folders that belong to another user than the key store.
    public var foreign: [String] = []

    /// A store of which nothing is known yet.
    public init(path: String) { self.path = path }
}

/// What `doctor` asks of a tenant.
public struct TenantKeyFacts: Sendable {
    /// Whose keys they are.
    public var tenant: TenantID
    /// The tenant's name.
    public var name: String
    /// Why its keys cannot be opened.
    public var failure: KeyFailure?
    /// When the first of its credentials expires; `nil` when that is not known.
    public var credentialExpiresAt: Date?
    /// Whether its newest snapshot was signed with the key in the key store; `nil` when that was not looked at.
    public var isSignedHere: Bool?

    /// A tenant whose keys can be opened, but for what is given.
    public init(
        tenant: TenantID, name: String, failure: KeyFailure? = nil, credentialExpiresAt: Date? = nil,
        isSignedHere: Bool? = nil
    ) {
        self.tenant = tenant
        self.name = name
        self.failure = failure
        self.credentialExpiresAt = credentialExpiresAt
        self.isSignedHere = isSignedHere
    }
}

extension PostgresStore {
    /// Reads every key-encryption key and the signing key, and looks at each file's mode and owner.
    public func keyStoreFacts() async -> KeyStoreFacts {
        let path = (keyStore as? DirectoryKeyStore)?.path
        var facts = KeyStoreFacts(path: path ?? "")
        do throws(KeyError) {
            facts.numbers = try await keyStore.keyRing().numbers.map(Int32.init)
        } catch {
            facts.keyRing = KeyFailure(error)
        }
        do throws(KeyError) {
            _ = try await keyStore.snapshotSigner()
        } catch {
            facts.signingKey = KeyFailure(error)
        }
        if let path { Self.lookAtFiles(path, &facts) }
        return facts
    }

    private static func lookAtFiles(_ path: String, _ facts: inout KeyStoreFacts) {
        var folder = stat()
        guard stat(path, &folder) == 0 else { return }
        let names = (try? FileManager.default.subpathsOfDirectory(atPath: path)) ?? []
        for name in ["."] + names.sorted() {
            var status = stat()
            guard stat("\(path)/\(name)", &status) == 0 else { continue }
            if status.st_mode & 0o077 != 0 {
                facts.tooOpen.append("\(name) (\(String(status.st_mode & 0o777, radix: 8)))")
            }
            if status.st_uid != folder.st_uid { facts.foreign.append(name) }
        }
    }

    /// Opens the keys of every tenant. Cost: two short statements and one small file a tenant.
    /// - Parameter signatures: of how many tenants the newest snapshot's signature is checked as well.
    public func tenantKeyFacts(
        _ tenants: [TenantRecord], signatures: Int
    ) async throws(AccountError) -> [TenantKeyFacts] {
        let ring: KeyRing
        do throws(KeyError) {
            ring = try await keyStore.keyRing()
        } catch {
            throw AccountError(StageFailure(keys: error))
        }
        var facts: [TenantKeyFacts] = []
        var checked = 0
        for tenant in tenants {
            var fact = TenantKeyFacts(tenant: tenant.id, name: tenant.name)
            let row = try await read(tenant.id) { (connection) async throws(AccountError) in
                try only(
                    try await connection.checked(
                        """
                        SELECT (SELECT wrapped FROM backup.tenant_keys WHERE tenant_id = $1) AS wrapped,
                            (SELECT min(expires_at) FROM backup.tenant_credentials WHERE tenant_id = $1) AS expires_at
                        """, [.uuid(tenant.id.uuid)])
                ) { (row) throws(PostgresError) in
                    let expiresAt = try row.optionalTimestamp("expires_at")?.date
                    return (wrapped: try row.optionalBytes("wrapped"), expiresAt: expiresAt)
                }
            }
            fact.credentialExpiresAt = row.expiresAt
            fact.failure = await failure(opening: row.wrapped, tenant.id, ring)
            if checked < signatures, let isSigned = try await isSignedHere(tenant.id) {
                fact.isSignedHere = isSigned
                checked += 1
            }
            facts.append(fact)
        }
        return facts
    }

    private func failure(opening wrapped: [UInt8]?, _ tenant: TenantID, _ ring: KeyRing) async -> KeyFailure? {
        guard let wrapped else {
            return KeyFailure(
                code: "keyWrong", message: "Tenant \(tenant) has no keys in the database.",
                hint: "Put back the copy of the database that belongs to this key store.", runbook: "key-wrong")
        }
        do throws(KeyError) {
            let secret = try await keyStore.tenantSecret(for: tenant.uuid)
            _ = try TenantKeys.unwrap(wrapped, tenant: tenant.uuid, secret: secret, keys: ring)
            return nil
        } catch {
            return KeyFailure(error)
        }
    }

    /// `nil` without a snapshot or a signing key.
    private func isSignedHere(_ tenant: TenantID) async throws(AccountError) -> Bool? {
        do throws(AccountError) {
            return try await hasValidSignature(tenant, try await snapshot(tenant, nil))
        } catch {
            switch error.kind {
            case .notFound: return nil
            case .failure(let failure) where [.keyStoreUnavailable, .keyWrong].contains(failure.code): return nil
            default: throw error
            }
        }
    }
}
