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
        try check(installation)
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
        let snapshot = try TenantPicture.snapshot(nil, installation)
        let differences = snapshot.differences(from: try TenantPicture.truth(installation))
        #expect(differences.isEmpty, "\(stage) at \(point): \(differences.joined(separator: "; "))")
    }

    @Test func `a stage stopped past its time-out and woken writes nothing twice`() throws {
        let seed = seed(31, "zombie")
        let installation = try TestInstallation(
            fixture: "{\"seed\":\(seed),\"users\":1500,\"settings\":{\"quotas\":false,\"deltaPageSize\":20}}",
            workers: "fetcher=2,differ=2,persister=2", settings: ["ENTRA_BACKUP_BROKER_HEARTBEAT_SECONDS": "1"])
        defer { installation.tearDown() }
        try installation.makeAccounts()
        let started = try installation.command(["tenant", "activate", installation.tenant])
        let id = try #require(started["job"]?["id"]?.string)
        try installation.eventually("the round has begun") {
            try installation.sql("SELECT count(*) FROM backup.collections WHERE ordinal > 0") != "0"
        }
        let stopped = try ["fetcher", "differ"].map { try pid(installation, $0) }
        for process in stopped { Foundation.kill(process, SIGSTOP) }
        try installation.eventually("the others finish", seconds: 240) {
            try installation.command(["job", "show", id])["job"]?["state"]?.string == "succeeded"
        }
        for process in stopped { Foundation.kill(process, SIGCONT) }
        #expect(try installation.backUp()["state"]?.string == "succeeded")
        let snapshot = try TenantPicture.snapshot(nil, installation)
        #expect(snapshot.differences(from: try TenantPicture.truth(installation)).isEmpty)
        try check(installation)
    }

    private func pid(_ installation: TestInstallation, _ name: String) throws -> Int32 {
        let status = try installation.command(["stack", "status", "--data-dir", installation.data], allowing: [0, 7])
        let process = status["processes"]?.array?.first { $0["name"]?.string == name }
        return Int32(try #require(process?["pid"]?.int))
    }

    /// No version doubled, no message left, nothing parked.
    private func check(_ installation: TestInstallation) throws {
        #expect(try installation.sql("SELECT count(*) FROM backup.dead_letters") == "0")
        let doubled = try installation.sql(
            """
            SELECT count(*) FROM (SELECT FROM backup.object_versions WHERE to_snapshot = 2147483647
                GROUP BY tenant_id, type, object_id, facet HAVING count(*) > 1) d
            """)
        #expect(doubled == "0")
        try installation.eventually("all messages are consumed", seconds: 90) {
            try installation.sql("SELECT count(*) FROM backup.messages") == "0"
        }
        #expect(try installation.sql("SELECT count(*) FROM backup.pages") == "0")
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
            let snapshot = try TenantPicture.snapshot(nil, installation)
            let differences = snapshot.differences(from: try TenantPicture.truth(installation))
            #expect(differences.isEmpty, "\(victim): \(differences.joined(separator: "; "))")
            try installation.control("POST", "churn?seed=\(seed + round)&count=50")
        }
        try check(installation)
    }
}

/// Stage programs beside a stack that runs none of them.
private final class RunningStages {
    static let names = ["fetcher", "differ", "persister"]
    private let installation: TestInstallation
    private var processes: [String: Process] = [:]

    init(_ installation: TestInstallation) { self.installation = installation }

    /// Starts a stage in place of the one that runs.
    @discardableResult
    func start(_ stage: String, failpoint: String? = nil) throws -> Process {
        if let old = processes[stage], old.isRunning {
            old.terminate()
            old.waitUntilExit()
        }
        var environment = installation.environment
        environment["ENTRA_BACKUP_DATABASE_PASSWORD_FILE"] = "\(installation.data)/secrets/\(stage)-password"
        environment["ENTRA_BACKUP_GRAPH_RESPECTS_QUOTAS"] = "false"
        environment["ENTRA_BACKUP_FAILPOINT"] = failpoint
        let process = try Programs.start("entra-backup-\(stage)", environment: environment)
        processes[stage] = process
        return process
    }

    func stop() {
        for process in processes.values where process.isRunning {
            process.terminate()
            process.waitUntilExit()
        }
    }
}
