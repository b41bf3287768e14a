public import BackupContracts

/// Why an operation of an administrator could not be done, in the words of the exit codes.
public struct AccountError: Error, Sendable, CustomStringConvertible {
    /// Decides the exit code. Two failures with one code are equal, whatever their messages.
    public enum Kind: Sendable, Hashable {
        /// Exit 2: a value that cannot be right.
        case invalid
        /// Exit 4.
        case notFound
        /// Exit 5.
        case refused
        /// Exit 6.
        case conflict
        /// Exit 7 or 1, by the failure's code.
        case failure(StageFailure)

        public static func == (a: Kind, b: Kind) -> Bool { a.name == b.name }
        public func hash(into hasher: inout Hasher) { hasher.combine(name) }

        private var name: String {
            switch self {
            case .invalid: "invalid"
            case .notFound: "notFound"
            case .refused: "refused"
            case .conflict: "conflict"
            case .failure(let failure): failure.code.name
            }
        }
    }

    /// What a command makes its exit code of; what happened is said by ``code``.
    public let kind: Kind
    /// A name for scripts: `partnerNotFound`.
    public let code: String
    /// For people: what could not be done, with the names and ids that were asked for. Never a secret.
    public let message: String
    /// For people: what to do next, mostly a command to type.
    public let hint: String

    /// Parts as given; none is checked.
    public init(_ kind: Kind, _ code: String, _ message: String, hint: String) {
        self.kind = kind
        self.code = code
        self.message = message
        self.hint = hint
    }

    /// A failure of the database or the key store; name and hint are those of its code.
    public init(_ failure: StageFailure) {
        self.init(.failure(failure), failure.code.name, failure.message, hint: failure.code.rule.hint)
    }

    public var description: String { "\(message) \(hint)" }
}
