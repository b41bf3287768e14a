import Foundation

/// What Graph keeps for a device and gives out one at a time: a BitLocker recovery key, or the passwords of a local
/// administrator (LAPS). In no snapshot; never printed but by the command made for it.
public struct DeviceSecret: Sendable, Hashable, Codable, CustomStringConvertible, CustomDebugStringConvertible {
    /// Which of the two; the raw value is the word on the command line and in the database.
    public enum Kind: String, Sendable, Codable, CaseIterable {
        case bitlocker
        case laps

        /// The catalogue's name of the type whose objects have such a secret.
        public var typeName: String {
            switch self {
            case .bitlocker: "bitlockerRecoveryKey"
            case .laps: "deviceLocalCredentialInfo"
            }
        }
    }

    /// A password of a local account.
    public struct Password: Sendable, Hashable, Codable, CustomStringConvertible, CustomDebugStringConvertible {
        /// Name of the local account on the device; empty when Graph does not say it.
        public var account: String
        /// The password in clear; in no description of this value.
        public var text: String
        /// When the device handed it in, as Graph writes it.
        public var backedUpAt: String

        public var description: String { "<password>" }
        public var debugDescription: String { "<password>" }
    }

    /// The recovery key: eight groups of six digits.
    public private(set) var key: String?
    /// Newest first.
    public private(set) var passwords: [Password] = []

    public var description: String { "<secret>" }
    public var debugDescription: String { "<secret>" }

    /// Reads what Graph answers for one key id or one device; nil when no secret is in it.
    ///
    /// Passwords come as UTF-16LE in Base64. The documents show the object in a member `value` as well:
    /// <https://learn.microsoft.com/graph/api/devicelocalcredentialinfo-get>.
    public init?(_ kind: Kind, answer: JSONValue) {
        let object = answer["value"]?.object == nil ? answer : answer["value"] ?? .null
        switch kind {
        case .bitlocker:
            guard let key = object["key"]?.string, !key.isEmpty else { return nil }
            self.key = key
        case .laps:
            passwords = (object["credentials"]?.array ?? []).compactMap { item in
                guard let data = item["passwordBase64"]?.string.flatMap({ Data(base64Encoded: $0) }),
                    let text = String(data: data, encoding: .utf16LittleEndian), !text.isEmpty
                else { return nil }
                return Password(
                    account: item["accountName"]?.string ?? "", text: text,
                    backedUpAt: item["backupDateTime"]?.string ?? "")
            }
            guard !passwords.isEmpty else { return nil }
            sort()
        }
    }

    /// Whether a device has handed in a newer password at `lastBackup`, as Graph writes that time. Seconds are compared:
    /// Graph gives the fractions in one place and not in the other.
    public func isOlder(than lastBackup: String) -> Bool {
        guard let newest = passwords.first else { return false }
        return newest.backedUpAt.prefix(19) < lastBackup.prefix(19)
    }

    /// Adds the passwords of an earlier reading that Graph has forgotten since.
    public mutating func add(_ earlier: DeviceSecret) {
        passwords += earlier.passwords.filter { !passwords.contains($0) }
        sort()
    }

    private mutating func sort() {
        passwords.sort { ($0.backedUpAt, $0.account) > ($1.backedUpAt, $1.account) }
    }
}
