public import Foundation

/// A reseller who runs backups for customer organizations.
public struct Partner: Sendable, Hashable {
    public var id: UUID
    public var name: String
    /// Whether Support has the view rights of Entra, which an Owner grants.
    public var supportMayView: Bool
    public var createdAt: Date
    /// Notification setting: whether who makes an organization may have a sign-in e-mail sent to its contact.
    public var offersSignInEmail: Bool

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
