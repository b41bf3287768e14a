import AccountModel
import Testing

/// The sixteen changes of an organization's product.
@Suite struct PlanChangeTests {
    /// As it is published; rows from, columns to: Backup, Archive, Backup + Entra, Archive + Entra.
    private static let published: [(ProductType, String)] = [
        (.backup, "– yes yes yes"), (.archive, "ticket – ticket yes"), (.backupEntra, "ticket ticket – yes"),
        (.archiveEntra, "ticket ticket ticket –"),
    ]

    @Test func `each change is as published`() {
        let columns: [ProductType] = [.backup, .archive, .backupEntra, .archiveEntra]
        for (from, row) in Self.published {
            for (to, cell) in zip(columns, row.split(separator: " ")) {
                let found =
                    switch from.change(to: to) {
                    case .same: "–"
                    case .selfService: "yes"
                    case .ticket: "ticket"
                    }
                #expect(found == cell, "\(from) to \(to)")
            }
        }
    }

    @Test func `a ticket is needed exactly where something is lost, and the reason names what`() {
        func isArchive(_ product: ProductType) -> Bool { product == .archive || product == .archiveEntra }
        for from in ProductType.allCases {
            for to in ProductType.allCases {
                var lost: Set<PlanChange.Loss> = []
                if from.includesEntra, !to.includesEntra { lost.insert(.entra) }
                if isArchive(from), !isArchive(to) { lost.insert(.archive) }
                let change = from.change(to: to)
                #expect(change.needsTicket == !lost.isEmpty, "\(from) to \(to)")
                if case .ticket(let losses) = change { #expect(losses == lost, "\(from) to \(to)") }
                for loss in PlanChange.Loss.allCases {
                    #expect(change.reason?.contains(loss.sentence) ?? false == lost.contains(loss), "\(from) to \(to)")
                }
            }
        }
    }
}
