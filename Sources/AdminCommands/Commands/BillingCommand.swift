import AccountModel
import ArgumentParser
import BackupModel
import Foundation
import PostgresStore

/// What each organization has used in a month.
struct BillingCommand: AdminCommand {
    static let configuration = CommandConfiguration(
        commandName: "billing", abstract: "Shows the protected users and seats of each organization in a month.",
        discussion: """
            A protected user is one that the newest snapshot of a tenant has, enabled or not, member or guest; those in \
            the recycle bin are not. The peak is the most that an organization's tenants had together at any one time of \
            the month (UTC); current is now, or the month's end. A tenant counts from its first snapshot until its \
            backups are stopped. Plan and seats are those that the month ended with. Each protected user takes a seat.

            NFR organizations do not bill and are listed apart. Plans have no price: there are no amounts.
            """)
    @OptionGroup var options: GlobalOptions
    @Option(help: "The month, such as 2026-03.") var month: String
    @Option(help: "Only organizations of this partner, by id or name.") var partner: String?
    @Flag(help: "Print a table as RFC 4180 has it, of what bills.") var csv = false

    func validate() throws {
        if csv, options.json { throw ValidationError("--csv does not go with --json.") }
    }

    var access: Access { .feature(.viewBilling) }

    func perform(_ output: Output) async throws -> Int32 {
        guard let month = BillingMonth(month) else {
            throw Check.invalid("monthMalformed", "--month \(month): a month such as 2026-03 is expected.")
        }
        let lines = try await options.withStore { store, _ in
            guard try await month <= store.currentMonth() else {
                throw Check.invalid("monthNotBegun", "--month \(month): the month has not begun.")
            }
            var id: UUID?
            if let partner { id = try await store.partner(partner).id }
            return try await store.bill(month, partner: id)
        }
        let bill = Bill(month: month, lines: lines)
        if csv {
            output.write(bill.csv)
        } else {
            output.show(bill.json) { bill.text }
        }
        return 0
    }
}

/// A month's lines, those that bill apart from those that do not.
struct Bill {
    let month: BillingMonth
    let billed: [BillLine]
    let notBilled: [BillLine]

    init(month: BillingMonth, lines: [BillLine]) {
        self.month = month
        billed = lines.filter { !$0.isNFR }
        notBilled = lines.filter(\.isNFR)
    }

    var json: JSONValue {
        [
            "month": .string(month.description), "items": .array(billed.map(\.json)), "total": total,
            "notBilled": .array(
                notBilled.map { line in
                    var object = line.json.object ?? [:]
                    object["reason"] = "nfr"
                    return .object(object)
                }),
        ]
    }

    private var total: JSONValue {
        [
            "organizations": JSONValue(billed.count), "peakUsers": JSONValue(billed.reduce(0) { $0 + $1.peakUsers }),
            "currentUsers": JSONValue(billed.reduce(0) { $0 + $1.currentUsers }),
            "seatsBought": JSONValue(billed.reduce(0) { $0 + Int64($1.seatsBought ?? 0) }),
            "seatsUsed": JSONValue(billed.reduce(0) { $0 + $1.seatsUsed }),
        ]
    }

    var csv: String {
        var table = CSVText(["month"] + BillLine.columns)
        for line in billed { table.add([month.description] + line.record) }
        return table.text
    }

    var text: String {
        var table = Table([
            "partner", "organization", "plan", "product", "peak users", "current users", "seats bought", "seats used",
            "seats short",
        ])
        for line in billed { table.add(line.cells) }
        let count = "\(month): \(billed.count) organizations"
        let free = notBilled.isEmpty ? "." : "; \(notBilled.count) NFR, which do not bill."
        return (table.isEmpty ? "" : table.text + "\n") + count + free
    }
}

extension BillLine {
    fileprivate var json: JSONValue {
        [
            "organization": .string(organization.text), "name": JSONValue(name), "partner": .string(partner.text),
            "partnerName": JSONValue(partnerName), "plan": .string(plan.text), "planName": JSONValue(planName),
            "product": JSONValue(product?.rawValue), "currency": JSONValue(currency),
            "periodicity": JSONValue(periodicity?.rawValue), "state": .string(state.rawValue),
            "peakUsers": JSONValue(peakUsers), "currentUsers": JSONValue(currentUsers),
            "seatsBought": seatsBought.map { JSONValue($0) } ?? .null, "seatsUsed": JSONValue(seatsUsed),
            "seatsShort": seatsShort.map { JSONValue($0) } ?? .null,
        ]
    }

    fileprivate static let columns = [
        "organization", "name", "partner", "partnerName", "plan", "planName", "product", "currency", "periodicity",
        "state", "peakUsers", "currentUsers", "seatsBought", "seatsUsed", "seatsShort",
    ]

    fileprivate var record: [String] {
        [
            organization.text, name ?? "", partner.text, partnerName ?? "", plan.text, planName ?? "",
            product?.rawValue ?? "", currency ?? "", periodicity?.rawValue ?? "", state.rawValue, String(peakUsers),
            String(currentUsers), seatsBought.map(String.init) ?? "", String(seatsUsed),
            seatsShort.map(String.init) ?? "",
        ]
    }

    fileprivate var cells: [String] {
        [
            partnerName ?? partner.text, name ?? organization.text, planName ?? "-", product?.rawValue ?? "-",
            String(peakUsers), String(currentUsers), seatsBought.map(String.init) ?? "-", String(seatsUsed),
            seatsShort.map(String.init) ?? "-",
        ]
    }
}
