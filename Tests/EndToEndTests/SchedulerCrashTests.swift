import BackupModel
import Foundation
import Testing

/// A scheduler that dies at any point starts every due backup once and loses no message.
@Suite(.serialized) struct SchedulerCrashTests {
    /// How the backup comes to be: its time has come, or somebody asks for it.
    private enum Cause { case due, asked }

    @Test func `a scheduler killed at every point starts each backup once`() throws {
        let seed = seed(37, "scheduler crash")
        let installation = try TestInstallation(
            fixture: "{\"seed\":\(seed),\"users\":50,\"settings\":{\"quotas\":false}}", workers: "scheduler=0")
        defer { installation.tearDown() }
        try installation.makeAccounts()
        let stages = RunningStages(installation)
        defer { stages.stop() }
        let first = try stages.start("scheduler")
        #expect(try installation.activate()["state"]?.string == "succeeded")
        first.end()
        let rounds: [(Cause, String)] = [
            (.due, "before-commit"), (.due, "after-commit"), (.due, "before-publish"), (.due, "after-confirm"),
            (.asked, "before-publish"), (.asked, "after-confirm"),
        ]
        for (number, (cause, point)) in rounds.enumerated() {
            try installation.control("POST", "churn?seed=\(seed + number)&count=20")
            switch cause {
            case .due: try installation.sql("UPDATE backup.schedule SET next_backup_at = now()")
            case .asked: try installation.command(["backup", "start", installation.tenant])
            }
            let victim = try stages.start("scheduler", failpoint: point)
            try installation.eventually("the scheduler dies at \(point)", seconds: 60) { !victim.isRunning }
            try #require(!victim.isRunning, "\(cause) \(point)")
            #expect(victim.terminationReason == .uncaughtSignal, "\(cause) \(point)")
            if point == "before-publish" {
                // What was taken and not published is made up for a minute later; the minute is made to pass.
                try installation.sql("UPDATE backup.messages SET published_at = published_at - interval '1 minute'")
            }
            let healthy = try stages.start("scheduler")
            try installation.eventually("the backup ends after the scheduler died at \(point)", seconds: 60) {
                try installation.sql("SELECT count(*) FROM backup.jobs WHERE state = 'succeeded'") == "\(number + 2)"
            }
            #expect(try installation.sql("SELECT count(*) FROM backup.jobs") == "\(number + 2)", "\(cause) \(point)")
            healthy.end()
        }
        try PipelineCheck.newestEqualsTruth(installation, "after all kills")
        try stages.start("scheduler")
        try PipelineCheck.nothingIsLeft(installation)
    }
}
