public import BackupContracts
import Foundation
import Logging
import StageRuntime

/// Calls the scheduler's turn again and again and tells the metrics what it did.
public struct SchedulerLoop: Sendable {
    let context: StageContext

    /// Metrics, logger and the pause between two turns are those of the context.
    public init(context: StageContext) { self.context = context }

    /// Sweeps between two turns.
    private static let sweeps = 10

    /// Runs until the task is cancelled.
    public func run(
        _ turn: @Sendable () async throws(StageFailure) -> ScheduleReport,
        sweep: @Sendable () async throws(StageFailure) -> Int
    ) async {
        while !Task.isCancelled {
            do {
                tell(try await turn())
                for _ in 0..<Self.sweeps where !Task.isCancelled {
                    try? await Task.sleep(for: context.configuration.schedulerTurn / Self.sweeps)
                    context.metrics.count("entra_backup_messages_swept_total", by: Double(try await sweep()))
                }
            } catch let failure {
                context.metrics.count("entra_backup_scheduler_turns_failed_total")
                context.logger.warning(
                    "turn failed", metadata: ["error": "\(failure.code)", "detail": "\(failure.message)"])
                try? await Task.sleep(for: context.configuration.schedulerTurn)
            }
        }
    }

    private func tell(_ report: ScheduleReport) {
        let metrics = context.metrics
        metrics.set("entra_backup_scheduler_is_leader", report.isLeader ? 1 : 0)
        metrics.set("entra_backup_scheduler_last_turn_timestamp_seconds", Date.now.timeIntervalSince1970)
        metrics.count("entra_backup_backups_started_total", by: Double(report.started))
        metrics.count("entra_backup_messages_swept_total", by: Double(report.swept))
        metrics.count("entra_backup_messages_republished_total", by: Double(report.republished))
        for queue in Queue.allCases {
            let backlog = report.backlog.first { $0.queue == queue }
            let name = ["queue": queue.rawValue]
            metrics.set("entra_backup_queue_oldest_age_seconds", backlog?.oldestAgeSeconds ?? 0, labels: name)
            for (state, count) in [("unpublished", backlog?.unpublished), ("published", backlog?.published)] {
                metrics.set(
                    "entra_backup_queue_messages", Double(count ?? 0),
                    labels: name.merging(["state": state]) { $1 })
            }
        }
        metrics.count("entra_backup_audit_checkpoints_total", by: Double(report.audit.made))
        metrics.count("entra_backup_audit_chains_broken_total", by: Double(report.audit.broken))
        metrics.set("entra_backup_audit_chains_unsigned", Double(report.audit.unsigned))
        if report.audit.broken > 0 {
            context.logger.error(
                "audit broken",
                metadata: ["error": "\(FailureCode.auditBroken)", "chains": "\(report.audit.broken)"])
        }
        metrics.set("entra_backup_dead_letters", Double(report.health.deadLetters))
        metrics.set("entra_backup_tenants_overdue", Double(report.health.tenantsOverdue))
        metrics.set("entra_backup_jobs_failed_last_day", Double(report.health.jobsFailedLastDay))
        metrics.set("entra_backup_erasures_unfinished", Double(report.health.erasuresUnfinished))
        metrics.count("entra_backup_mails_handed_over_total", by: Double(report.mailsHandedOver))
        if let failure = report.mailFailure {
            context.logger.warning(
                "mail not handed over", metadata: ["error": "\(failure.code)", "detail": "\(failure.message)"])
        }
        if report.trialsEnded > 0 { context.logger.info("trials ended", metadata: ["count": "\(report.trialsEnded)"]) }
        if report.started + report.swept + report.republished > 0 {
            context.logger.info(
                "turn",
                metadata: [
                    "started": "\(report.started)", "swept": "\(report.swept)", "republished": "\(report.republished)",
                ])
        }
    }
}
