public import Foundation

/// Where a chain of the audit breaks, and how.
public struct AuditBreak: Sendable, Hashable {
    /// What was done to a chain, as far as hashes, seals, head and checkpoints tell. Commands print the raw value.
    public enum Kind: String, Sendable, CaseIterable {
        /// An entry, the head of a chain or a checkpoint is not what was written.
        case edited
        /// An entry was taken away.
        case missing
        /// An entry stands at another place than its own.
        case swapped
        /// An entry was added by somebody else than the program.
        case inserted
        /// From here on another chain was written in place of the one that was there.
        case fork
        /// The newest entries were cut off.
        case tailCut
    }

    /// Decided at the first place that does not fit; what else is wrong behind it is not looked for.
    public var kind: Kind
    /// The first place where the chain is not as it was written; `nil` when that is before every place.
    public var position: Int64?
    /// For people: places and numbers of entries, nothing of what an entry says.
    public var message: String
}

/// What was found of one chain.
public struct AuditVerdict: Sendable {
    /// Whose chain it is; `nil` for the operator's.
    public var partner: UUID?
    /// Entries that are as they were written, from the first on up to the break.
    public var entries: Int64
    /// How many checkpoints agree with the chain.
    public var checkpoints: Int
    /// The first break; `nil` for a chain that is whole.
    public var firstBreak: AuditBreak?
}

/// How far a chain was at a time, signed with the installation's signing key.
public struct AuditCheckpoint: Sendable, Hashable {
    /// Why it was made.
    public enum Cause: String, Sendable {
        case daily
        /// When the scheduler ended.
        case close
        case export
    }

    /// Whose chain it is of; `nil` for the operator's.
    public var partner: UUID?
    /// Of the newest entry.
    public var position: Int64
    /// Of the newest entry.
    public var hash: [UInt8]
    /// Microseconds since 1970.
    public var at: Int64
    /// Ed25519 by the installation's signing key, over all other parts.
    public var signature: [UInt8]

    /// A checkpoint of the given parts, for instance out of a file.
    public init(partner: UUID?, position: Int64, hash: [UInt8], at: Int64, signature: [UInt8]) {
        self.partner = partner
        self.position = position
        self.hash = hash
        self.at = at
        self.signature = signature
    }
}
