/// What went wrong with a key or with the key store, and what the operator does next.
///
/// Texts name files, key numbers and tenant ids, never a key.
public struct KeyError: Error, Sendable, CustomStringConvertible {
    /// The kind of failure. Names are part of the interface: runbooks and alerts refer to them.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Name: String {
            case keyStoreMissing, keyStoreExists, keyStoreUnreadable, keyStoreUnwritable, keyMissing, keyDamaged
            case keyFormatUnknown, keyPermissionsTooOpen, wrongKey, tenantSecretDestroyed
        }

        private let name: Name

        private init(_ name: Name) { self.name = name }

        /// There is no key store at the configured place. Nothing can be sealed or opened until it is mounted.
        public static let keyStoreMissing = Code(.keyStoreMissing)
        /// A key store is there already; `create` never overwrites one.
        public static let keyStoreExists = Code(.keyStoreExists)
        /// The operating system refused to read the store. Retrying helps if the volume comes back.
        public static let keyStoreUnreadable = Code(.keyStoreUnreadable)
        /// The operating system refused to write to the store. No key was changed.
        public static let keyStoreUnwritable = Code(.keyStoreUnwritable)
        /// One key is not in a store that is otherwise there.
        public static let keyMissing = Code(.keyMissing)
        /// A key file or wrapped tenant keys are cut short or altered. Only a copy helps.
        public static let keyDamaged = Code(.keyDamaged)
        /// A newer release wrote the file. Use that release.
        public static let keyFormatUnknown = Code(.keyFormatUnknown)
        /// Others than the owner may read the file or folder. Refused, because the key may be known by now.
        public static let keyPermissionsTooOpen = Code(.keyPermissionsTooOpen)
        /// The key is sound, but not the one that is asked for: another number, kind, tenant or installation.
        public static let wrongKey = Code(.wrongKey)
        /// The tenant's secret was destroyed on purpose. Its backups cannot be opened by anybody, for ever.
        public static let tenantSecretDestroyed = Code(.tenantSecretDestroyed)

        /// The name, as used in logs and runbooks.
        public var description: String { name.rawValue }

        /// The runbook for this failure; nil where nothing has to be mended.
        public var runbook: String? {
            switch name {
            case .keyStoreMissing, .keyStoreUnreadable, .keyStoreUnwritable, .keyMissing, .keyPermissionsTooOpen:
                "key-store-unavailable"
            case .keyDamaged, .keyFormatUnknown, .wrongKey: "key-wrong"
            case .keyStoreExists, .tenantSecretDestroyed: nil
            }
        }

        /// What to do next, in one sentence.
        public var hint: String {
            switch name {
            case .keyStoreMissing: "Mount the key store, or create one if this is a new installation."
            case .keyStoreExists: "Keep it: its keys open the existing backups. Choose another folder for a new one."
            case .keyStoreUnreadable: "Check that the volume is mounted and that this user may read it."
            case .keyStoreUnwritable: "Check free space, that the volume is writable and that it allows hard links."
            case .keyMissing: "Restore the file from the copy of the key store; do not create a new key in its place."
            case .keyDamaged: "Restore it from the copy of the key store or of the database."
            case .keyFormatUnknown: "Run the release that wrote it, or a newer one."
            case .keyPermissionsTooOpen:
                "Set files to 0600 and folders to 0700; if others could have read the key, rotate it."
            case .wrongKey: "Mount the key store that belongs to this database."
            case .tenantSecretDestroyed: "Nothing can be done: destroying the secret destroys the tenant's backups."
            }
        }
    }

    /// The kind of failure.
    public let code: Code
    /// What happened, with the file, number or tenant.
    public let message: String
    /// The operating system's or library's error, if there is one.
    public let cause: (any Error)?

    init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    /// What to do next, in one sentence.
    public var hint: String { code.hint }

    /// The runbook for this failure; nil where nothing has to be mended.
    public var runbook: String? { code.runbook }

    /// Code, message, cause and hint on one line.
    public var description: String {
        let reason = cause.map { " (\($0))" } ?? ""
        return "\(code): \(message)\(reason) \(hint)"
    }
}
