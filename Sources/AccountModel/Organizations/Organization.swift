public import Foundation

/// A customer of a partner.
public struct Organization: Sendable, Hashable {
    /// Drawn by the database; a transfer keeps it.
    public var id: UUID
    /// Whose customer it is; only a transfer changes it.
    public var partner: UUID
    /// One of the partner's own, which the database sees to.
    public var plan: UUID
    /// Need not be unique, not even at the partner.
    public var name: String
    /// Of the contact, as e-mails greet them.
    public var firstName: String
    /// Of the contact, as e-mails greet them.
    public var lastName: String
    /// Unique over all organizations, whatever its case; what its people sign in with.
    public var email: String
    /// ISO 3166-1 alpha-2.
    public var country: String
    /// Seats bought; nil when they are not counted.
    public var seats: Int32?
    /// Whether users that appear in its tenants take seats by themselves.
    public var autoLicense: Bool
    /// What it does is said by ``SubscriptionState/effect``.
    public var state: SubscriptionState
    /// When it was made, by the database's clock.
    public var createdAt: Date
    /// The product of its plan.
    public var product: ProductType
    /// The end of the period in which it is NFR; nil when it is not.
    public var nfrEndsAt: Date?
    /// Features that were switched, and how.
    public var switchedFeatures: [EndUserFeature: Bool]
    /// When users that appeared have last taken seats by themselves.
    public var seatsRaisedAt: Date?

    /// Nothing is checked here. Of one that is to be made the database decides id, state, product and `createdAt`.
    public init(
        id: UUID, partner: UUID, plan: UUID, name: String, firstName: String, lastName: String, email: String,
        country: String, seats: Int32?, autoLicense: Bool, state: SubscriptionState, createdAt: Date,
        product: ProductType = .backup, nfrEndsAt: Date? = nil, switchedFeatures: [EndUserFeature: Bool] = [:],
        seatsRaisedAt: Date? = nil
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
        self.product = product
        self.nfrEndsAt = nfrEndsAt
        self.switchedFeatures = switchedFeatures
        self.seatsRaisedAt = seatsRaisedAt
    }

    /// Whether the organization is on trial at the partner's expense: not for resale, not billed.
    public var isNFR: Bool { nfrEndsAt != nil }

    /// Whether Entra ID is covered: by the plan, or while NFR by the trial.
    public var includesEntra: Bool { product.includesEntra || isNFR }

    /// Whether people of the organization may use a feature.
    public func allows(_ feature: EndUserFeature) -> Bool { switchedFeatures[feature] ?? feature.isOnByDefault }

    /// `Entra` and `NFR`, as lists show them.
    public var labels: [String] { (includesEntra ? ["Entra"] : []) + (isNFR ? ["NFR"] : []) }

    /// Why no backup of its tenants is made; nil when they are.
    public var backupStop: BackupStop? {
        if !state.effect.runsBackups { return .state(state) }
        return includesEntra ? nil : .plan(product)
    }
}

/// Why the tenants of an organization are not backed up.
public enum BackupStop: Sendable, Hashable {
    case state(SubscriptionState)
    case plan(ProductType)

    /// A name for scripts.
    public var code: String {
        switch self {
        case .state(.deleted): "organizationDeleted"
        case .state: "organizationUnsubscribed"
        case .plan: "planWithoutEntra"
        }
    }

    /// The rest of a sentence that begins with the organization's name.
    public var sentence: String {
        switch self {
        case .state(.deleted): "is deleted"
        case .state(let state): "is \(state.rawValue): its backups have stopped, its data is kept"
        case .plan(let product): "is on \(product.title), which does not include Entra; its data is kept"
        }
    }
}
