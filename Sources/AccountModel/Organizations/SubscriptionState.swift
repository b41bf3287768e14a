/// The state of an organization's subscription.
public enum SubscriptionState: String, Sendable, Codable, CaseIterable {
    case active, suspended, unsubscribed, deleted

    /// What a state does. The one table of it: the scheduler's query, the commands and the tests read it.
    public struct Effect: Sendable, Hashable {
        /// Whether the organization's people and its API token are let in.
        public let allowsSignIn: Bool
        /// Whether backups are made, by schedule or by hand.
        public let runsBackups: Bool
        /// Whether what was backed up is still there.
        public let keepsData: Bool
        /// The states that it can go to.
        public let next: Set<SubscriptionState>
    }

    /// What the state does.
    public var effect: Effect {
        switch self {
        case .active:
            Effect(
                allowsSignIn: true, runsBackups: true, keepsData: true, next: [.suspended, .unsubscribed, .deleted])
        case .suspended:
            Effect(allowsSignIn: false, runsBackups: true, keepsData: true, next: [.active, .unsubscribed, .deleted])
        case .unsubscribed: Effect(allowsSignIn: false, runsBackups: false, keepsData: true, next: [.active, .deleted])
        case .deleted: Effect(allowsSignIn: false, runsBackups: false, keepsData: false, next: [])
        }
    }

    /// What it does, for people: sign-in, backups, data.
    public var summary: String {
        let effect = effect
        return "sign-in is \(effect.allowsSignIn ? "on" : "off"), scheduled backups "
            + "\(effect.runsBackups ? "go on" : "stop"), data is \(effect.keepsData ? "kept" : "erased")"
    }
}
