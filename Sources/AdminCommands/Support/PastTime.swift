import ArgumentParser
import Foundation

/// A time that has passed: RFC 3339, or how long ago: `90m`, `24h`, `7d`.
struct PastTime: ExpressibleByArgument {
    let date: Date

    init?(argument: String) { self.init(argument, now: .now) }

    init?(_ text: String, now: Date) {
        if let date = Moment.date(text) {
            self.date = date
            return
        }
        let units: [Character: Double] = ["m": 60, "h": 3_600, "d": 86_400]
        guard let unit = text.last.flatMap({ units[$0] }), let count = Int(text.dropLast()),
            (0...1_000_000).contains(count)
        else { return nil }
        date = now.addingTimeInterval(-unit * Double(count))
    }
}
