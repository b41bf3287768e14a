public import Foundation

/// A `timestamptz`: a moment, in whole microseconds. Not rounded, as a `Date` is.
public struct PostgresTimestamp: Hashable, Comparable, Sendable {
    /// Microseconds since 1970-01-01T00:00:00Z. `Int64.max` and `Int64.min` stand for the server's infinities.
    public let microsecondsSince1970: Int64

    /// Creates a timestamp from microseconds since 1970-01-01T00:00:00Z.
    public init(microsecondsSince1970: Int64) {
        self.microsecondsSince1970 = microsecondsSince1970
    }

    /// Creates a timestamp from a date, rounded to the nearest microsecond; dates out of range become infinities.
    public init(_ date: Date) {
        let microseconds = (date.timeIntervalSince1970 * 1_000_000).rounded()
        microsecondsSince1970 = Int64(exactly: microseconds) ?? (microseconds < 0 ? .min : .max)
    }

    /// `infinity`, later than all others.
    public static let infinity = PostgresTimestamp(microsecondsSince1970: .max)
    /// `-infinity`, earlier than all others.
    public static let negativeInfinity = PostgresTimestamp(microsecondsSince1970: .min)

    /// The moment as a date, with a double's precision.
    public var date: Date { Date(timeIntervalSince1970: Double(microsecondsSince1970) / 1_000_000) }

    /// Earlier first.
    public static func < (left: PostgresTimestamp, right: PostgresTimestamp) -> Bool {
        left.microsecondsSince1970 < right.microsecondsSince1970
    }

    // The server counts from 2000-01-01.
    private static let epochDifference: Int64 = 946_684_800_000_000

    /// The number the server uses; `nil` when out of its range.
    var wire: Int64? {
        if self == .infinity || self == .negativeInfinity { return microsecondsSince1970 }
        let (value, overflow) = microsecondsSince1970.subtractingReportingOverflow(Self.epochDifference)
        return overflow ? nil : value
    }

    init?(wire: Int64) {
        if wire == .max || wire == .min {
            self.init(microsecondsSince1970: wire)
            return
        }
        let (value, overflow) = wire.addingReportingOverflow(Self.epochDifference)
        if overflow { return nil }
        self.init(microsecondsSince1970: value)
    }
}
