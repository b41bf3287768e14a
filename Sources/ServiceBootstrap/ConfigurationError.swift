/// Something in the configuration is wrong: where, what was expected and what was found. Never holds a secret.
public struct ConfigurationError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Where it is, and what was found there.
    public let message: String
    /// What is expected there.
    public let hint: String

    /// Both as given; they are printed, and hold no secret.
    public init(_ message: String, hint: String) {
        self.message = message
        self.hint = hint
    }

    public var description: String { "\(message) \(hint)" }
}
