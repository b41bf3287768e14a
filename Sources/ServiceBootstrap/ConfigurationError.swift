/// Something in the configuration is wrong: where, what was expected and what was found. Never holds a secret.
public struct ConfigurationError: Error, Sendable, Hashable, CustomStringConvertible {
    public let message: String
    public let hint: String

    public init(_ message: String, hint: String) {
        self.message = message
        self.hint = hint
    }

    public var description: String { "\(message) \(hint)" }
}
