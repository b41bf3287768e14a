import Foundation

/// Where an append-only log is read again: an hour before the newest entry known, since entries arrive late. What is read
/// twice has the same digest and changes nothing.
enum Overlap {
    static func start(_ newest: String) -> String? {
        let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
        // Graph writes seven digits of a second; dates are compared to the second here.
        let seconds = newest.prefix(19) + "Z"
        guard let date = try? Date(String(seconds), strategy: .iso8601) else { return nil }
        return date.addingTimeInterval(-3_600).formatted(style)
    }
}
