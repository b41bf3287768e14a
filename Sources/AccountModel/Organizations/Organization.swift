public import Foundation

/// The state of an organization's subscription, and what it does.
public enum SubscriptionState: String, Sendable, Codable, CaseIterable {
    case active, suspended, unsubscribed, deleted

    /// Suspended organizations lose sign-in, not their backups.
    public var allowsScheduledBackups: Bool { self == .active || self == .suspended }
}

/// A customer of a partner.
public struct Organization: Sendable, Hashable {
    public var id: UUID
    public var partner: UUID
    public var plan: UUID
    public var name: String
    public var firstName: String
    public var lastName: String
    /// Unique over all organizations, whatever its case.
    public var email: String
    /// ISO 3166-1 alpha-2.
    public var country: String
    public var seats: Int32?
    public var autoLicense: Bool
    public var state: SubscriptionState
    public var createdAt: Date

    public init(
        id: UUID, partner: UUID, plan: UUID, name: String, firstName: String, lastName: String, email: String,
        country: String, seats: Int32?, autoLicense: Bool, state: SubscriptionState, createdAt: Date
    ) {
        self.id = id
        self.partner = partner
        self.plan = plan
        self.name = name
        self.firstName = firstName
        self.lastName = lastName
        self.email = email
        self.country = country
        self.seats = seats
        self.autoLicense = autoLicense
        self.state = state
        self.createdAt = createdAt
    }
}
