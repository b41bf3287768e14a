import AccountModel
import BackupContracts
import BackupModel
import Foundation
import PostgresStore

/// What to think of a tenant's status. Pure.
struct StatusJudgement: Sendable, Hashable {
    /// In the order in which people should look at them.
    enum Verdict: String, Sendable, CaseIterable, Comparable {
        /// The last one failed.
        case failed
        /// The last good one is older than its target, or there is none in that time.
        case late
        /// The last one left something out.
        case warnings
        /// There was none yet, and it is not late.
        case waiting
        case good
        /// None was ever asked for: downloads and restores.
        case none
        /// Backups do not start by themselves; `reason` says why.
        case off

        static func < (a: Verdict, b: Verdict) -> Bool {
            (allCases.firstIndex(of: a) ?? 0) < (allCases.firstIndex(of: b) ?? 0)
        }
    }

    var kind: JobKind
    var status: TenantStatus
    var verdict: Verdict
    /// Why it is as it is, in a few words; empty when all is well.
    var reason: String
    /// Seconds since the last good one.
    var age: Int?
    /// The age that is in order: the schedule's, with a tenth for the spreading of starts, and a quarter of an hour to run
    /// in. None where nothing starts by itself.
    var target: Int?
    /// Older than the target, whatever else.
    var isLate: Bool

    init(_ status: TenantStatus, _ kind: JobKind) {
        self.kind = kind
        self.status = status
        let stopped = kind == .backup ? Self.stopped(status) : nil
        target = kind == .backup && stopped == nil ? Self.target(status.schedule) : nil
        age = status.good.map { max(0, Int(status.readAt.timeIntervalSince($0.finishedAt))) }
        // Before the first good one it counts from when the tenant was activated.
        let waited = age ?? status.activatedAt.map { Int(status.readAt.timeIntervalSince($0)) } ?? 0
        isLate = target.map { waited > $0 } ?? false
        (verdict, reason) = Self.judge(status, kind, isLate: isLate, stopped: stopped)
    }

    private static func judge(
        _ status: TenantStatus, _ kind: JobKind, isLate: Bool, stopped: String?
    ) -> (Verdict, String) {
        if let failed = status.failed, failed.finishedAt > status.good?.finishedAt ?? .distantPast {
            // What is stopped on purpose is no problem, whatever it ended with.
            return (stopped == nil ? .failed : .off, stopped ?? "\(failed.code): \(failed.message)")
        }
        if let stopped { return (.off, stopped) }
        if isLate {
            return (.late, status.good == nil ? "none since the activation" : "older than the schedule promises")
        }
        guard let good = status.good else {
            return kind == .backup ? (.waiting, "none yet") : (.none, "none yet")
        }
        return good.warnings > 0 ? (.warnings, "\(good.warnings) warnings") : (.good, "")
    }

    /// Why no backup starts by itself.
    private static func stopped(_ status: TenantStatus) -> String? {
        if !status.subscription.effect.runsBackups { return "organization \(status.subscription.rawValue)" }
        if !status.includesEntra { return "plan without Entra" }
        switch status.state {
        case .added: return "never activated"
        case .inactive: return "tenant inactive"
        case .active: return BackupSchedule(status.schedule) == .off ? "schedule off" : nil
        }
    }

    private static func target(_ schedule: String) -> Int? {
        let interval: Int32? =
            switch BackupSchedule(schedule) {
            case .every(let seconds)?: seconds
            case .daily?: 86_400
            case .off?, nil: nil
            }
        return interval.map { Int($0) + Int($0) / 10 + 900 }
    }

    /// Objects per second of the last good one.
    var throughput: Double? {
        guard let good = status.good else { return nil }
        let seconds = good.finishedAt.timeIntervalSince(good.startedAt)
        return seconds > 0 ? (Double(good.objects) / seconds * 10).rounded() / 10 : nil
    }

    /// Problems first, the oldest of them before the others.
    static func sorted(_ items: [StatusJudgement]) -> [StatusJudgement] {
        items.sorted {
            if $0.verdict != $1.verdict { return $0.verdict < $1.verdict }
            if $0.verdict < .good, $0.age != $1.age { return $0.age ?? .max > $1.age ?? .max }
            return ($0.status.name, $0.status.tenant.description) < ($1.status.name, $1.status.tenant.description)
        }
    }
}
