import ArgumentParser
import Foundation

/// A time as people type it.
struct PastTime: ExpressibleByArgument, Hashable {
    let date: Date

    init?(argument: String) {
        guard let date = Self.date(argument, now: .now) else { return nil }
        self.date = date
    }

    /// `24h`, `90m`, `7d`: so long ago; `today`, `yesterday`, `2026-03-01`: its midnight, UTC; or RFC 3339.
    static func date(_ text: String, now: Date) -> Date? {
        let day: TimeInterval = 86_400
        let midnight = Date(timeIntervalSince1970: (now.timeIntervalSince1970 / day).rounded(.down) * day)
        switch text {
        case "today": return midnight
        case "yesterday": return midnight.addingTimeInterval(-day)
        default: break
        }
        let units: [Character: TimeInterval] = ["m": 60, "h": 3_600, "d": day]
        if let unit = text.last.flatMap({ units[$0] }), let number = Int32(text.dropLast()), number > 0,
            text.first?.isNumber == true
        {
            return now.addingTimeInterval(-Double(number) * unit)
        }
        guard let first = text.first, first.isNumber else { return nil }
        if text.contains("T") { return Moment.date(text) }
        // A day that the calendar does not have would be taken for one of the next month.
        return Moment.date(text + "T00:00:00Z").flatMap { Moment.text($0).hasPrefix(text + "T") ? $0 : nil }
    }
}
