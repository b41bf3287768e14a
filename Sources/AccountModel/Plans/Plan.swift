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
    public var id: UUID
    public var partner: UUID
    public var name: String
    public var product: ProductType
    /// ISO 4217.
    public var currency: String
    public var periodicity: Periodicity
    public var createdAt: Date
    public var archivedAt: Date?

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
