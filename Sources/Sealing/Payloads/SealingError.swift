/// Why a payload could not be sealed or opened. Texts hold numbers, never content.
public struct SealingError: Error, Sendable, CustomStringConvertible {
    /// The kind of failure. Names are part of the interface: runbooks and alerts refer to them.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Name: String {
            case damaged, wrongTenantOrType, unknownKey, unknownDictionary, formatNewer, tooLarge, noMemory
        }

        private let name: Name

        private init(_ name: Name) { self.name = name }

        /// Too short or not built like a payload, or authentic but not to be decompressed.
        public static let damaged = Code(.damaged)
        /// Authentication failed: a bit was altered, or the payload was sealed for another tenant, type or digest
        /// (a blob: for another purpose or context). The cipher cannot tell which.
        public static let wrongTenantOrType = Code(.wrongTenantOrType)
        /// The tenant's keys lack the data key that the header names. Keys were read before the last rotation, or
        /// the header is damaged: read the keys again, then treat as `damaged`.
        public static let unknownKey = Code(.unknownKey)
        /// This release lacks the dictionary that the header names: run a newer release, or the header is damaged.
        public static let unknownDictionary = Code(.unknownDictionary)
        /// A newer release wrote the payload.
        public static let formatNewer = Code(.formatNewer)
        /// More than ``PayloadSealer/largestPlain`` bytes.
        public static let tooLarge = Code(.tooLarge)
        /// Memory is used up. Trying again later may help.
        public static let noMemory = Code(.noMemory)

        /// The name, as used in logs and runbooks.
        public var description: String { name.rawValue }
    }

    /// The kind of failure.
    public let code: Code
    /// What happened and what to do.
    public let message: String
    /// The cryptographic library's error, if there is one.
    public let cause: (any Error)?

    init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    /// Code, message and cause on one line.
    public var description: String {
        "\(code): \(message)\(cause.map { " (\($0))" } ?? "")"
    }
}
