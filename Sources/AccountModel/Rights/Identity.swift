public import Foundation

/// A member of a partner's staff.
public struct StaffUser: Sendable, Hashable {
    public var id: UUID
    public var partner: UUID
    public var email: String
    public var name: String
    public var role: Role
    public var isDisabled: Bool
    public var createdAt: Date

    public init(
        id: UUID, partner: UUID, email: String, name: String, role: Role, isDisabled: Bool = false, createdAt: Date
    ) {
        self.id = id
        self.partner = partner
        self.email = email
        self.name = name
        self.role = role
        self.isDisabled = isDisabled
        self.createdAt = createdAt
    }
}

/// Who acts.
public enum Identity: Sendable, Hashable {
    /// A program of the fleet, at work by itself.
    case service
    /// Whoever has the machine: every right, over all partners. The name is that of the account.
    case `operator`(String)
    /// A member of a partner's staff, signed in, confined to the own partner.
    case staff(StaffUser, supportMayView: Bool)

    /// The partner to which the identity is confined; nil for the operator.
    public var partner: UUID? {
        if case .staff(let user, _) = self { user.partner } else { nil }
    }

    /// The name in the audit log.
    public var actor: String {
        switch self {
        case .service: "service"
        case .operator(let name): "operator:\(name)"
        case .staff(let user, _): user.email
        }
    }

    /// Whether the identity has the feature, at the partner that it is confined to. Costs no query.
    public func has(_ feature: Feature) -> Bool {
        switch self {
        case .service, .operator: true
        case .staff(let user, let supportMayView):
            !user.isDisabled && Rights.allow(user.role, feature, supportMayView: supportMayView)
        }
    }
}
