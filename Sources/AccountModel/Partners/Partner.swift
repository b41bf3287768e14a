public import Foundation

/// A reseller who runs backups for customer organizations.
public struct Partner: Sendable, Hashable {
    public var id: UUID
    public var name: String
    public var createdAt: Date

    public init(id: UUID, name: String, createdAt: Date) {
        self.id = id
        self.name = name
        self.createdAt = createdAt
    }
}
