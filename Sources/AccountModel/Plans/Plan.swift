public import Foundation

/// What a plan covers. Raw values are those of the command line.
public enum ProductType: String, Sendable, Codable, CaseIterable {
    case backup
    case archive
    case backupEntra = "backup-entra"
    case archiveEntra = "archive-entra"

    /// Whether tenants under the plan are backed up; shown as the label "Entra".
    public var includesEntra: Bool { self == .backupEntra || self == .archiveEntra }
}

/// How often a plan bills.
public enum Periodicity: String, Sendable, Codable, CaseIterable {
    case monthly, yearly
}

/// The basis of billing: a product at a partner, in a currency.
public struct Plan: Sendable, Hashable {
    /// Drawn by the database.
    public var id: UUID
    /// Who offers it; never changes.
    public var partner: UUID
    /// Unique at the partner, whatever its case.
    public var name: String
    /// Of a plan in use it becomes only what each organization could move to by itself.
    public var product: ProductType
    /// ISO 4217.
    public var currency: String
    /// Fixed while an organization has the plan.
    public var periodicity: Periodicity
    /// When it was made, by the database's clock.
    public var createdAt: Date
    /// When it was taken out of the offer, for good; nil while it is offered.
    public var archivedAt: Date?

    /// All fields as given.
    public init(
        id: UUID, partner: UUID, name: String, product: ProductType, currency: String, periodicity: Periodicity,
        createdAt: Date, archivedAt: Date? = nil
    ) {
        self.id = id
        self.partner = partner
        self.name = name
        self.product = product
        self.currency = currency
        self.periodicity = periodicity
        self.createdAt = createdAt
        self.archivedAt = archivedAt
    }
}
