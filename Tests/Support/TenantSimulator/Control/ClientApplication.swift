/// An application registered with a simulated tenant, as a client of it.
public struct ClientApplication: Sendable {
    public var clientID: String
    public var name: String
    public var secret: String
    /// Application permissions (`roles` of its tokens).
    public var permissions: Set<String>
    /// Tokens are refused with AADSTS7000222.
    public var secretIsExpired = false

    public init(clientID: String, name: String, secret: String, permissions: Set<String>) {
        self.clientID = clientID
        self.name = name
        self.secret = secret
        self.permissions = permissions
    }

    /// The application that a backup reads with, and the one that a restore writes with.
    static func standard(seed: UInt64) -> [ClientApplication] {
        var random = SeededRandom(seed: seed, purpose: "clients")
        return [
            ClientApplication(
                clientID: random.guid(), name: "Backup reader", secret: "sim-\(random.base64ID(bytes: 24))",
                permissions: Set(GraphPermissions.reading)),
            ClientApplication(
                clientID: random.guid(), name: "Restore writer", secret: "sim-\(random.base64ID(bytes: 24))",
                permissions: Set(GraphPermissions.all)),
        ]
    }
}
