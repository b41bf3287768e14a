import BackupContracts
import Foundation
import PostgresStore

/// What is wrong with the work: due backups, messages on their way, what waits for a person.
enum WorkJudgement {
    static func scheduler(hasLeader: Bool) -> Finding {
        hasLeader
            ? .ok("scheduler", "A scheduler leads.")
            : .failed(
                "scheduler", "No scheduler leads: no backup starts by itself.", hint: "Start a scheduler.",
                runbook: "scheduler-stalled")
    }

    /// One that goes on right now is not told from one that was cut short: for a person there is one thing to do.
    static func erasures(_ open: [OpenErasure], now: Date) -> Finding {
        guard !open.isEmpty else { return .ok("erasures", "No erasure of an organization is unfinished.") }
        let names = open.map { "\($0.organization.text) (begun \(Moment.relative($0.startedAt, now: now)))" }
        return .warning(
            "erasures", "Erasures of organizations that have not ended: \(names.shortList).",
            hint: "Run `entra-backup organization delete` of each again: it goes on where it is.",
            runbook: "erasure-unfinished")
    }

    static func findings(_ health: FleetHealth, _ backlog: [QueueBacklog]) -> [Finding] {
        [
            count(
                "deadLetters", health.deadLetters, "Messages that wait for a person", "No message waits for a person.",
                hint: "See `entra-backup dead-letters list`.", runbook: "dead-letters"),
            count(
                "jobs", health.jobsFailedLastDay, "Jobs that failed in the last day", "No job failed in the last day.",
                hint: "See `entra-backup job list --state failed`.", runbook: "jobs-failed"),
            count(
                "tenantsOverdue", health.tenantsOverdue, "Active tenants without a backup that is new enough",
                "Every active tenant has its backup.", hint: "See `entra-backup job list` for what keeps them back.",
                runbook: "backups-overdue"),
            self.backlog(backlog),
        ]
    }

    private static func count(
        _ check: String, _ number: Int, _ what: String, _ well: String, hint: String, runbook: String
    ) -> Finding {
        number == 0 ? .ok(check, well) : .warning(check, "\(what): \(number).", hint: hint, runbook: runbook)
    }

    /// The same quarter of an hour as the alert `EntraBackupQueueBacklog`.
    private static let patience = 900.0

    private static func backlog(_ backlog: [QueueBacklog]) -> Finding {
        let long = backlog.filter { $0.oldestAgeSeconds > patience }
        guard !long.isEmpty else {
            return .ok("backlog", "No message waits for longer than \(Int(patience / 60)) minutes.")
        }
        let names = long.map {
            "\($0.queue.rawValue) (\($0.unpublished + $0.published), oldest \(Moment.span(Int($0.oldestAgeSeconds))))"
        }
        return .warning(
            "backlog", "Messages wait for long: \(names.shortList).",
            hint: "Run more copies of the stage, or see what holds it up.", runbook: "queue-backlog")
    }
}
