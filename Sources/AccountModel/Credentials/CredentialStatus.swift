public import Foundation

/// Whether a tenant's credential can be used.
public enum CredentialStatus: Sendable, Hashable {
    case valid
    /// Ends within ``warningDays``.
    case expiring(days: Int)
    case expired
    /// Microsoft Entra ID does not accept it.
    case rejected
    /// It is accepted, and nobody consented to what it is for.
    case consentMissing
    /// It was never tried.
    case unchecked

    /// From how many days on an end is announced: time enough for a change that has to be approved.
    public static let warningDays = 30

    /// What is known of a credential.
    public struct Facts: Sendable, Hashable {
        /// When it ends; nil when nobody knows, and then only a failure shows the end.
        public var expiresAt: Date?
        /// Whether a token was ever got with it.
        public var isChecked: Bool
        /// Whether that token held a permission for its purpose.
        public var hasConsent: Bool
        /// The failure of the newest job that used it, by its name; nil when that ended well.
        public var lastFailure: String?

        /// Of failures only `credentialsExpired`, `credentialsInvalid` and `consentMissing` mean anything here.
        public init(expiresAt: Date?, isChecked: Bool, hasConsent: Bool, lastFailure: String? = nil) {
            self.expiresAt = expiresAt
            self.isChecked = isChecked
            self.hasConsent = hasConsent
            self.lastFailure = lastFailure
        }
    }

    /// What the facts mean. The worst comes first: what has ended needs no consent.
    public init(_ facts: Facts, now: Date) {
        let left = facts.expiresAt?.timeIntervalSince(now)
        switch facts.lastFailure {
        case _ where left.map { $0 <= 0 } ?? false: self = .expired
        case "credentialsExpired"?: self = .expired
        case "credentialsInvalid"?: self = .rejected
        case "consentMissing"?: self = .consentMissing
        default:
            // A check that found no permission is a finding as well; before any there is nothing to say of consent.
            if facts.isChecked, !facts.hasConsent {
                self = .consentMissing
            } else if let left, left < Double(Self.warningDays) * 86_400 {
                self = .expiring(days: Int(left / 86_400))
            } else {
                self = facts.isChecked ? .valid : .unchecked
            }
        }
    }

    /// A name for scripts.
    public var name: String {
        switch self {
        case .valid: "valid"
        case .expiring: "expiring"
        case .expired: "expired"
        case .rejected: "rejected"
        case .consentMissing: "consentMissing"
        case .unchecked: "unchecked"
        }
    }

    /// Days that are left of one that is expiring.
    public var days: Int? { if case .expiring(let days) = self { days } else { nil } }

    /// For people.
    public var text: String {
        switch self {
        case .valid: "valid"
        case .expiring(let days): days == 0 ? "expires today" : "expiring in \(days) \(days == 1 ? "day" : "days")"
        case .expired: "expired"
        case .rejected: "rejected by Microsoft Entra ID"
        case .consentMissing: "consent missing"
        case .unchecked: "not checked yet"
        }
    }
}
