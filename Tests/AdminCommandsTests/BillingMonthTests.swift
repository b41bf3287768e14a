import AccountModel
import Testing

/// Months of bills.
@Suite struct BillingMonthTests {
    @Test(arguments: [
        ("2026-03", "2026-04"), ("2026-12", "2027-01"), ("0999-12", "1000-01"), ("2026-13", nil), ("2026-00", nil),
        ("2026-3", nil), ("26-03", nil), ("2026-03-01", nil), ("2026/03", nil), ("", nil), ("+026-03", nil),
    ])
    func `a month is a year and a month`(text: String, next: String?) {
        #expect(BillingMonth(text).map { $0.next.description } == next)
        if next != nil { #expect(BillingMonth(text)?.description == text) }
    }
}
