import ArgumentParser
import BackupModel

/// A snapshot by its number, or the tenant as it is now.
enum SnapshotReference: ExpressibleByArgument, Hashable {
    case number(SnapshotNumber)
    case live

    init?(argument: String) {
        if argument == "live" {
            self = .live
        } else if let number = SnapshotNumber(argument) {
            self = .number(number)
        } else {
            return nil
        }
    }

    var number: SnapshotNumber? {
        if case .number(let number) = self { number } else { nil }
    }

    var json: JSONValue {
        switch self {
        case .number(let number): JSONValue(number)
        case .live: "live"
        }
    }

    /// `snapshot 3`, `now`.
    var phrase: String { number.map { "snapshot \($0)" } ?? "now" }
}
