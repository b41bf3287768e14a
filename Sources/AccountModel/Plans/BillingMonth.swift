/// A calendar month, in UTC: what is billed by. Pure.
public struct BillingMonth: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// Of the Gregorian calendar, from 1.
    public let year: Int
    /// 1 to 12.
    public let month: Int

    /// Reads `2026-03`.
    public init?(_ text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].count == 4, parts[1].count == 2,
            text.utf8.allSatisfy({ $0 == UInt8(ascii: "-") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let year = Int(parts[0]), let month = Int(parts[1]), year >= 1, (1...12).contains(month)
        else { return nil }
        self.year = year
        self.month = month
    }

    private init(year: Int, month: Int) {
        self.year = year
        self.month = month
    }

    /// The month after it; after December that of the next year.
    public var next: BillingMonth {
        month == 12 ? BillingMonth(year: year + 1, month: 1) : BillingMonth(year: year, month: month + 1)
    }

    public var description: String {
        let year = String(year), month = String(month)
        return String(repeating: "0", count: 4 - min(4, year.count)) + year + (month.count == 1 ? "-0" : "-") + month
    }

    public static func < (a: BillingMonth, b: BillingMonth) -> Bool { (a.year, a.month) < (b.year, b.month) }
}
