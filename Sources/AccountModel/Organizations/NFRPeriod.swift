public import Foundation

/// How long an organization may be NFR (not for resale): a partner's own trial, with Entra, unbilled.
public enum NFRPeriod {
    /// When none is named.
    public static let standardDays = 30
    /// A trial is no tariff.
    public static let longestDays = 365

    /// The end of a period that begins now and whose last day is not named.
    public static func standardEnd(from now: Date) -> Date { now.addingTimeInterval(Double(standardDays) * 86_400) }

    /// Whether a period may end then.
    public static func allows(_ end: Date, from now: Date) -> Bool {
        end > now && end <= now.addingTimeInterval(Double(longestDays + 1) * 86_400)
    }
}
