public import Foundation

/// A reseller who runs backups for customer organizations.
public struct Partner: Sendable, Hashable {
    /// Drawn by the database; also the id of the partner's chain of the audit.
    public var id: UUID
    /// Unique over the installation, whatever its case.
    public var name: String
    /// Whether Support has the view rights of Entra, which an Owner grants.
    public var supportMayView: Bool
    /// When it was made, by the database's clock.
    public var createdAt: Date
    /// Notification setting: whether who makes an organization may have a sign-in e-mail sent to its contact.
    public var offersSignInEmail: Bool

    /// All fields as given; those that may be left out are as a new partner has them.
    public init(
        id: UUID, name: String, supportMayView: Bool = false, createdAt: Date, offersSignInEmail: Bool = true
    ) {
        self.id = id
        self.name = name
        self.supportMayView = supportMayView
        self.createdAt = createdAt
        self.offersSignInEmail = offersSignInEmail
    }
}
