import ArgumentParser
import BackupModel
import Foundation

/// One side of a comparison: a snapshot by its number, the tenant as it is now, or a time, which stands for the newest
/// snapshot from then or before.
enum DiffPoint: ExpressibleByArgument, Hashable {
    case reference(SnapshotReference)
    case time(Date)

    init?(argument: String) { self.init(argument, now: .now) }

    init?(_ text: String, now: Date) {
        if let reference = SnapshotReference(argument: text) {
            self = .reference(reference)
        } else if let time = PastTime.date(text, now: now) {
            self = .time(time)
        } else {
            return nil
        }
    }

    var number: SnapshotNumber? {
        if case .reference(let reference) = self { reference.number } else { nil }
    }

    var isLive: Bool { self == .reference(.live) }
}
