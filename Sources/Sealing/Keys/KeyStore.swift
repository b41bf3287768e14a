public import Foundation

/// Where the secrets of an installation live: never in the database, so that a dump of it opens nothing.
///
/// Laws, for every implementation:
/// - Reading twice gives the same keys until somebody rotates or destroys one.
/// - Nothing is ever overwritten; creating what exists returns what exists.
/// - After ``destroyTenantSecret(for:)`` has returned the secret is gone for good, and ``tenantSecret(for:)`` throws
///   `tenantSecretDestroyed` until ``createTenantSecret(for:)`` has made another one, which opens nothing of before.
/// - Errors tell a store that is away (`keyStoreMissing`, `keyStoreUnreadable`) from one that lacks a key.
///
/// The methods are asynchronous because a key management service would be reached over a network.
public protocol KeyStore: Sendable {
    /// All key-encryption keys, the newest of which wraps.
    func keyRing() async throws(KeyError) -> KeyRing

    /// The signer with the installation's signing key.
    func snapshotSigner() async throws(KeyError) -> SnapshotSigner

    /// The key that seals entries of the audit.
    func auditKey() async throws(KeyError) -> AuditKey

    /// Whether ``beginAudit()`` was ever called: only before may entries without a seal be taken into a chain.
    func hasBegunAudit() async throws(KeyError) -> Bool

    /// Remembers for ever that the audit's chains have begun. Repeating it is harmless.
    func beginAudit() async throws(KeyError)

    /// The tenant's own secret, created if there is none, or none any more. To be called only when a tenant is added: for a tenant
    /// with backups a missing secret means the wrong store.
    func createTenantSecret(for tenant: UUID) async throws(KeyError) -> TenantSecret

    /// The tenant's own secret.
    func tenantSecret(for tenant: UUID) async throws(KeyError) -> TenantSecret

    /// Destroys the tenant's secret and with it all its backups, those in old dumps too. Repeating it is harmless;
    /// a tenant that the store has never seen is `keyMissing`.
    func destroyTenantSecret(for tenant: UUID) async throws(KeyError)
}
