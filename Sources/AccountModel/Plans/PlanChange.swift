/// Whether an organization may go from one product to another, and why not by itself.
public enum PlanChange: Sendable, Hashable {
    /// Both are the same product: another plan of it may be chosen at any time.
    case same
    /// The partner does it without asking.
    case selfService
    /// An operator does it, with the number of a support ticket.
    case ticket(Set<Loss>)

    /// What an organization has before the change and not after it.
    public enum Loss: String, Sendable, CaseIterable, Comparable {
        /// Entra ID is no longer backed up.
        case entra
        /// What only Archive keeps is no longer covered.
        case archive

        /// What the change would bring, as the rest of a sentence.
        public var sentence: String {
            switch self {
            case .entra: "the backups of its Entra tenants would stop"
            case .archive: "what Archive keeps would no longer be covered"
            }
        }

        public static func < (a: Loss, b: Loss) -> Bool { a.rawValue < b.rawValue }
    }

    /// Whether an operator has to do it.
    public var needsTicket: Bool { if case .ticket = self { true } else { false } }

    /// Why it is refused in self-service; nil where it is not.
    public var reason: String? {
        guard case .ticket(let losses) = self else { return nil }
        return losses.sorted().map(\.sentence).joined(separator: ", and ")
    }
}

extension ProductType {
    /// The product's name for people.
    public var title: String {
        switch self {
        case .backup: "Backup"
        case .archive: "Archive"
        case .backupEntra: "Backup + Entra"
        case .archiveEntra: "Archive + Entra"
        }
    }

    /// The table of the sixteen changes, line by line from the product, column by column to it.
    public func change(to other: ProductType) -> PlanChange {
        let row: [PlanChange] =
            switch self {
            // Backup, Archive, Backup + Entra, Archive + Entra
            case .backup: [.same, .selfService, .selfService, .selfService]
            case .archive: [.ticket([.archive]), .same, .ticket([.archive]), .selfService]
            case .backupEntra: [.ticket([.entra]), .ticket([.entra]), .same, .selfService]
            case .archiveEntra: [.ticket([.archive, .entra]), .ticket([.entra]), .ticket([.archive]), .same]
            }
        return switch other {
        case .backup: row[0]
        case .archive: row[1]
        case .backupEntra: row[2]
        case .archiveEntra: row[3]
        }
    }
}
