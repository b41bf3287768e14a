public import AccountModel
import BackupContracts
import BackupModel
import Foundation
import LibPQ
import Synchronization

/// The tenants that a confined identity has been shown, by look-ups within its own partner.
///
/// A method that is given a tenant's id runs for such a tenant only. So the wall around a partner costs no query, and a
/// command cannot step over it by taking an id from somewhere else.
final class Admission: Sendable {
    private let tenants = Mutex<Set<TenantID>>([])

    func admit(_ tenant: TenantID) { _ = tenants.withLock { $0.insert(tenant) } }
    func has(_ tenant: TenantID) -> Bool { tenants.withLock { $0.contains(tenant) } }
}

/// Rows that belong to a partner, and how they tell it.
enum Owned {
    case partner, plan, organization, user
    /// Entries, heads and checkpoints of the audit.
    case audit
    /// Tenants themselves, and whatever has a tenant's id.
    case tenant

    fileprivate func condition(_ partner: String) -> String {
        switch self {
        case .partner: "id = \(partner)"
        case .audit: "chain_id = \(partner)"
        case .plan, .organization, .user: "partner_id = \(partner)"
        case .tenant:
            """
            tenant_id IN (SELECT t.tenant_id FROM backup.tenants t JOIN backup.organizations o
                ON o.id = t.organization_id WHERE o.partner_id = \(partner))
            """
        }
    }
}

extension PostgresStore {
    /// Whether the checks of this file are made. The walls' test takes them away to see that row-level security alone
    /// holds as well.
    @TaskLocal static var checksScope = true

    /// Whether stores that are made now have sessions which the database confines; taken away by the same test.
    @TaskLocal static var confinesSessions = true

    /// The partner whose rows alone may be touched; nil for all.
    private var confinedTo: UUID? { Self.checksScope ? identity.partner : nil }

    /// An SQL condition: rows of the identity's partner; `true` for who is not confined.
    func own(_ rows: Owned) -> String {
        guard let partner = confinedTo else { return "true" }
        return rows.condition("'\(partner.text)'::uuid")
    }

    /// Throws `notOfYourPartner` unless the identity is not confined, or confined to this partner.
    func require(own partner: UUID) throws(AccountError) {
        guard let own = confinedTo, own != partner else { return }
        throw .outside("partner", partner.text)
    }

    /// Throws `rightMissing` unless the identity has the feature. Costs no query.
    public func require(_ feature: Feature) throws(AccountError) {
        guard Self.checksScope, !identity.has(feature) else { return }
        throw .missing(feature, identity)
    }

    /// What is said where a look-up within the own partner has found nothing.
    func absent(_ kind: String, _ reference: String) -> AccountError {
        guard identity.partner == nil else { return .outside(kind, reference) }
        return AccountError(
            .notFound, "\(kind)NotFound", "There is no \(kind) \(reference).",
            hint: "See `entra-backup \(kind) list`.")
    }

    /// Remembers a tenant that a look-up within the own partner has found.
    func admit(_ tenant: TenantID) {
        if identity.partner != nil { admission.admit(tenant) }
    }

    /// Throws `notOfYourPartner` for a tenant that no look-up within the own partner has found.
    func requireAdmitted(_ tenant: TenantID) throws(AccountError) {
        guard confinedTo != nil, !admission.has(tenant) else { return }
        throw .outside("tenant", tenant.description)
    }

    /// Makes `tenant` the one whose rows the transaction sees, if the identity may see it.
    func enter(_ tenant: TenantID, _ connection: PostgresConnection) async throws(AccountError) {
        try requireAdmitted(tenant)
        try await connection.tenantScope(tenant)
    }
}

extension AccountError {
    /// What is not there and what is another partner's are not told apart: ids of others are nobody's business.
    static func outside(_ kind: String, _ reference: String, hint: String? = nil) -> AccountError {
        AccountError(
            .refused, "notOfYourPartner", "Your partner has no \(kind) \(reference).",
            hint: hint ?? "See `entra-backup \(kind) list`.")
    }

    /// The identity's role does not have the feature.
    public static func missing(_ feature: Feature, _ identity: Identity) -> AccountError {
        guard case .staff(let user, _) = identity else {
            return AccountError(
                .refused, "rightMissing", "The right to \(feature.words) is missing.", hint: "Ask the operator.")
        }
        let holders = Role.allCases.filter(Rights.roles(feature).contains).map(\.rawValue)
        let grant =
            user.role == .support && Rights.grantableToSupport.contains(feature)
            ? " An owner may grant it to support: entra-backup partner update \(user.partner.text) --support-may-view on."
            : ""
        return AccountError(
            .refused, "rightMissing", "The role \(user.role.rawValue) has no right to \(feature.words).",
            hint: "Ask who is \(holders.joined(separator: ", ")).\(grant)")
    }
}

extension UUID {
    /// Lower case, as PostgreSQL prints it.
    var text: String { uuidString.lowercased() }
}
