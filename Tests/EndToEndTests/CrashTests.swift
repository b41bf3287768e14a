import BackupModel
import Foundation
import Testing

/// A crash at any point changes nothing (D1, D4, D10): real processes, real servers, SIGKILL.
@Suite(.serialized) struct CrashTests {
    private static let points = [
        "before-start", "after-start", "before-commit", "after-commit", "before-publish", "after-confirm",
        "before-acknowledge", "after-acknowledge",
    ]

    @Test func `a stage killed at every point leaves a snapshot that equals the truth`() throws {
        let seed = seed(23, "crash")
        let installation = try TestInstallation(
            fixture: "{\"seed\":\(seed),\"users\":100,\"settings\":{\"quotas\":false}}",
            workers: "fetcher=0,differ=0,persister=0")
        defer { installation.tearDown() }
        try installation.makeAccounts()
        let stages = RunningStages(installation)
        defer { stages.stop() }
        for stage in RunningStages.names { try stages.start(stage) }
        #expect(try installation.activate()["state"]?.string == "succeeded")
        var round = 0
        for stage in RunningStages.names {
            for point in Self.points {
                round += 1
                try installation.control("POST", "churn?seed=\(seed + round)&count=20")
                // The persister publishes once a round, at its end.
                let isRare = stage == "persister" && (point == "before-publish" || point == "after-confirm")
                try kill(installation, stages, stage, at: point, after: isRare ? 1 : 1 + (round * 7) % 5)
            }
        }
        try PipelineCheck.nothingIsLeft(installation, seconds: 90)
    }

    /// Replaces the stage by one that kills itself at the point, then by a healthy one, and lets the backup end.
    private func kill(
        _ installation: TestInstallation, _ stages: RunningStages, _ stage: String, at point: String, after count: Int
    ) throws {
        let victim = try stages.start(stage, failpoint: "\(point):\(count)")
        let started = try installation.command(["backup", "start", installation.tenant])
        let id = try #require(started["job"]?["id"]?.string)
        try installation.eventually("\(stage) dies at \(point)", seconds: 60) { !victim.isRunning }
        try #require(!victim.isRunning, "\(stage) at \(point)")
        #expect(victim.terminationReason == .uncaughtSignal, "\(stage) at \(point)")
        try stages.start(stage)
        try installation.eventually("the backup ends after \(stage) died at \(point)", seconds: 180) {
            try installation.command(["job", "show", id])["job"]?["state"]?.string == "succeeded"
        }
        try PipelineCheck.newestEqualsTruth(installation, "\(stage) at \(point)")
    }

    @Test func `a stage stopped past its time-out and woken writes nothing twice`() throws {
        let seed = seed(31, "zombie")
        let installation = try TestInstallation(
            fixture: "{\"seed\":\(seed),\"users\":200,\"settings\":{\"quotas\":false}}",
            workers: "fetcher=0,differ=0,persister=0")
        defer { installation.tearDown() }
        try installation.makeAccounts()
        let stages = RunningStages(
            installation,
            settings: [
                "ENTRA_BACKUP_BROKER_HEARTBEAT_SECONDS": "1", "ENTRA_BACKUP_DATABASE_IDLE_IN_TRANSACTION_SECONDS": "1",
            ])
        defer { stages.stop() }
        for stage in RunningStages.names { try stages.start(stage) }
        #expect(try installation.activate()["state"]?.string == "succeeded")
        // Before its unit is begun, with a unit read but not written, and with locks held in a transaction.
        for (round, point) in ["before-start", "after-start", "before-commit"].enumerated() {
            for (index, stage) in RunningStages.names.enumerated() {
                try installation.control("POST", "churn?seed=\(seed + 3 * round + index)&count=20")
                try stop(installation, stages, stage, at: "\(point):\(1 + (round + index) % 3):stop")
            }
        }
        try PipelineCheck.nothingIsLeft(installation, seconds: 90)
    }

    /// Stops the stage at the point, lets another copy end the backup, wakes the stopped one and has it work on.
    private func stop(
        _ installation: TestInstallation, _ stages: RunningStages, _ stage: String, at point: String
    ) throws {
        let zombie = try stages.start(stage, failpoint: point)
        let started = try installation.command(["backup", "start", installation.tenant])
        let id = try #require(started["job"]?["id"]?.string)
        try installation.eventually("\(stage) stops at \(point)", seconds: 60) {
            try String(contentsOfFile: "/proc/\(zombie.processIdentifier)/stat", encoding: .utf8).contains(") T ")
        }
        let other = try stages.startBeside(stage)
        try installation.eventually("another \(stage) ends the backup in place of the one stopped at \(point)") {
            try installation.command(["job", "show", id])["job"]?["state"]?.string == "succeeded"
        }
        let versions = try installation.sql("SELECT count(*) FROM backup.object_versions")
        Foundation.kill(zombie.processIdentifier, SIGCONT)
        try installation.eventually("the woken \(stage) has ended what it had in hand") {
            try stages.deliveriesInHand(stage) == 0
        }
        #expect(try installation.sql("SELECT count(*) FROM backup.object_versions") == versions, "\(stage) at \(point)")
        other.end()
        // The woken one is alone now, and of use.
        #expect(try installation.backUp()["state"]?.string == "succeeded", "\(stage) at \(point)")
        try PipelineCheck.newestEqualsTruth(installation, "\(stage) at \(point)")
        let outcomes = try stages.outcomes(stage)
        print("zombie: \(stage) at \(point): \(outcomes)")
        // Its unit was done by the other one: its own writing was refused, or it found nothing left to do. Both are counted.
        #expect(outcomes["fenced", default: 0] + outcomes["duplicate", default: 0] > 0, "\(stage) at \(point)")
    }

    private func pid(_ installation: TestInstallation, _ name: String) throws -> Int32 {
        let status = try installation.command(["stack", "status", "--data-dir", installation.data], allowing: [0, 7])
        let process = status["processes"]?.array?.first { $0["name"]?.string == name }
        return Int32(try #require(process?["pid"]?.int))
    }

    @Test func `a wiped broker and a killed database in mid-run lose nothing`() throws {
        let seed = seed(29, "wipe")
        let installation = try TestInstallation(
            fixture: "{\"seed\":\(seed),\"users\":2000,\"settings\":{\"quotas\":false}}",
            settings: ["ENTRA_BACKUP_BROKER_HEARTBEAT_SECONDS": "5"])
        defer { installation.tearDown() }
        try installation.makeAccounts()
        for round in 0..<4 {
            let started =
                round == 0
                ? try installation.command(["tenant", "activate", installation.tenant])
                : try installation.command(["backup", "start", installation.tenant, "--full"])
            let id = try #require(started["job"]?["id"]?.string)
            try installation.eventually("the round has begun", seconds: 60) {
                try installation.sql("SELECT count(*) FROM backup.collections WHERE ordinal > 0") != "0"
            }
            let victim = round % 2 == 0 ? "rabbitmq" : "postgres"
            Foundation.kill(try pid(installation, victim), SIGKILL)
            if victim == "rabbitmq" {
                try? FileManager.default.removeItem(atPath: installation.data + "/rabbitmq/mnesia")
            }
            try installation.eventually("the backup ends after \(victim) died", seconds: 240) {
                // While the database recovers the command exits with 7, which is no failure here.
                try installation.stateIfReachable(of: id) == "succeeded"
            }
            try PipelineCheck.newestEqualsTruth(installation, "\(victim)")
            try installation.control("POST", "churn?seed=\(seed + round)&count=50")
        }
        try PipelineCheck.nothingIsLeft(installation, seconds: 90)
    }
}
