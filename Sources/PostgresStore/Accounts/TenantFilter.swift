public import Foundation
import LibPQ

/// Which tenants are meant. What is not given does not narrow the choice.
public struct TenantFilter: Sendable, Hashable {
    /// Only those whose organization is this partner's now.
    public var partner: UUID?
    /// Only those of this organization.
    public var organization: UUID?
    /// A label that the tenant has.
    public var label: String?
    /// A part of the name, whatever its case, or of the id.
    public var search: String?
    /// Only those whose backups go on: active, under an organization whose subscription goes on and includes Entra.
    public var isBackedUp: Bool
    /// At most so many, by name. ``PostgresStore/status(_:_:)`` shows all, whatever it says.
    public var limit: Int?

    /// All tenants, but for what is given.
    public init(
        partner: UUID? = nil, organization: UUID? = nil, label: String? = nil, search: String? = nil,
        isBackedUp: Bool = false, limit: Int? = nil
    ) {
        self.partner = partner
        self.organization = organization
        self.label = label
        self.search = search
        self.isBackedUp = isBackedUp
        self.limit = limit
    }
}

extension TenantFilter {
    /// A condition on `backup.tenants` with ``parameters``.
    static let condition = """
        ($1::uuid IS NULL AND NOT $5 OR organization_id IN (SELECT o.id FROM backup.organizations o
            JOIN backup.plans p ON p.id = o.plan_id WHERE ($1 IS NULL OR o.partner_id = $1)
                AND (NOT $5 OR \(Coverage.condition))))
            AND ($2::uuid IS NULL OR organization_id = $2) AND ($3::text IS NULL OR $3 = ANY (labels))
            AND ($4::text IS NULL OR position(lower($4) IN lower(name)) > 0
                OR position(lower($4) IN tenant_id::text) > 0)
            AND (NOT $5 OR state = 'active')
        """

    var parameters: [PostgresValue] {
        [.uuid(partner), .uuid(organization), .text(label), .text(search), .bool(isBackedUp)]
    }
}
