public import Foundation

/// A member of a partner's staff.
public struct StaffUser: Sendable, Hashable {
    /// Drawn by the database.
    public var id: UUID
    /// The only one whose data the user comes to see.
    public var partner: UUID
    /// Unique over the installation, whatever its case; the user signs in with it.
    public var email: String
    /// For people; need not be unique.
    public var name: String
    /// What the user may do is said by ``Rights``.
    public var role: Role
    /// Whether the user is shut out: no sign-in, no right.
    public var isDisabled: Bool
    /// When the user was made, by the database's clock.
    public var createdAt: Date

    /// All fields as given.
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
