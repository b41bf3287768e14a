import BackupModel
import Foundation
import Testing

/// Restorers die, answers are lost, Graph asks to wait: the tenant comes back all the same, and nothing comes twice.
@Suite(.serialized) struct RestoreCrashTests {
    /// Where a restorer is killed: all that it passes.
    private static let points: [(name: String, isOften: Bool, isInWork: Bool)] = [
        ("before-start", false, true), ("after-start", false, true), ("before-commit", true, true),
        ("after-commit", true, true), ("before-write", true, true), ("after-write", true, true),
        ("before-record", true, true),
        // What follows the work comes only when the rest is put off, and at the end.
        ("before-publish", false, false), ("after-confirm", false, false), ("before-acknowledge", false, false),
        ("after-acknowledge", false, false),
    ]

    /// Lost answers at 10 % of writes, and the request to wait for longer than a restorer does.
    private static func faults(_ seed: Int, putsOff: Bool) -> String {
        var rules = ["POST", "PATCH", "PUT", "DELETE"].map { rule(["effect": "lostAnswer"], $0, seed) }
        if putsOff {
            rules.insert(["status": 429, "retryAfter": 2, "path": "^/[a-zA-Z]", "method": "POST", "count": 1], at: 0)
        }
        return JSONValue.array(rules).canonicalText
    }

    /// Lost answers at 10 % of writes, 429 and 503 together at as many.
    private static func faults(_ seed: Int) -> String {
        let methods = ["POST", "PATCH", "PUT", "DELETE"]
        let rules = methods.flatMap { method -> [JSONValue] in
            [
                rule(["effect": "lostAnswer"], method, seed),
                rule(["status": 429, "retryAfter": 1], method, seed + 1), rule(["status": 503], method, seed + 2),
            ]
        }
        return JSONValue.array(rules).canonicalText
    }

    private static func rule(_ effect: JSONObject, _ method: String, _ seed: Int) -> JSONValue {
        var rule = effect
        rule["method"] = .string(method)
        rule["share"] = .number(effect["status"] == nil ? "0.1" : "0.05")
        rule["seed"] = .number(String(seed))
        return .object(rule)
    }

    @Test func `a restorer killed at every point, with lost answers and refusals, makes nothing twice`() throws {
        let seed = seed(83, "restore crash")
        let tenant = try StruckTenant(seed: seed, users: 40, groups: 12, workers: "restorer=0")
        let installation = tenant.installation
        defer { installation.tearDown() }
        // A longer wait than this puts the rest off, so that there is something to publish.
        let stages = RunningStages(
            installation,
            settings: ["ENTRA_BACKUP_GRAPH_PATIENCE_SECONDS": "1", "ENTRA_BACKUP_BROKER_HEARTBEAT_SECONDS": "1"])
        let patient = RunningStages(installation)
        defer { [stages, patient].forEach { $0.stop() } }
        let plan = try tenant.plan()
        let id = try tenant.begin(["restore", "apply", plan.id])
        let meter = try RestoreMeter(installation)
        for (round, point) in Self.points.enumerated() {
            try installation.control("DELETE", "faults")
            try installation.control("POST", "faults", body: Self.faults(seed + round, putsOff: !point.isInWork))
            let failpoint = "\(point.name):\(point.isOften ? 1 + round % 3 : 1)"
            let victim = try stages.start("restorer", failpoint: failpoint)
            try installation.eventually("the restorer dies at \(failpoint)", seconds: 120) { !victim.isRunning }
            try #require(!victim.isRunning, "\(failpoint)")
            #expect(victim.terminationReason == .uncaughtSignal, "\(failpoint)")
        }
        try installation.control("DELETE", "faults")
        let state = try installation.stateIfReachable(of: id)
        #expect(state == "running", "the restore was to be under way at the last kill: \(state ?? "")")
        let zombie = try stages.start("restorer", failpoint: "before-write:3:stop")
        try installation.eventually("the restorer stops before its writes", seconds: 60) {
            try String(contentsOfFile: "/proc/\(zombie.processIdentifier)/stat", encoding: .utf8).contains(") T ")
        }
        try installation.control("POST", "faults", body: Self.faults(seed))
        let last = try patient.start("restorer")
        let shown = try tenant.end(id, seconds: 300)
        try meter.report("killed at \(Self.points.count) points", shown, pids: [last.processIdentifier])
        try installation.control("DELETE", "faults")
        try wake(zombie, stages, installation, meter)
        _ = try tenant.judge(plan.plan, shown)
    }

    /// A restorer that wakes when others have done its work writes nothing.
    private func wake(
        _ zombie: Process, _ stages: RunningStages, _ installation: TestInstallation, _ meter: RestoreMeter
    ) throws {
        let writes = try meter.writesByKind()
        Foundation.kill(zombie.processIdentifier, SIGCONT)
        try installation.eventually("the woken restorer has ended what it had in hand") {
            try stages.deliveriesInHand("restorer") == 0
        }
        #expect(try meter.writesByKind() == writes)
        #expect(try stages.outcomes("restorer")["fenced", default: 0] == 1)
    }
}

// MARK: Random kills

extension RestoreCrashTests {
    private static let kills =
        ProcessInfo.processInfo.environment["ENTRA_BACKUP_RESTORE_KILLS"].flatMap(Int.init) ?? 100

    @Test(.enabled(if: RestoreDisasterTests.isLarge, "A long one: ENTRA_BACKUP_LARGE=1 runs it"))
    func `100 kills at random, lost answers and refusals in a restore of 12,000 objects make nothing twice`() throws {
        let seed = seed(89, "restore kills")
        let users = ProcessInfo.processInfo.environment["ENTRA_BACKUP_RESTORE_USERS"].flatMap(Int.init) ?? 10_000
        let tenant = try StruckTenant(seed: seed, users: users, groups: users / 5, workers: "restorer=0")
        let installation = tenant.installation
        defer { installation.tearDown() }
        let stages = RunningStages(installation)
        defer { stages.stop() }
        let plan = try tenant.plan()
        let id = try tenant.begin(["restore", "apply", plan.id])
        let meter = try RestoreMeter(installation)
        try installation.control("POST", "faults", body: Self.faults(seed))
        let (killed, last) = try Self.strike(installation, stages, id, SplitMix(seed: UInt64(seed)))
        let shown = try tenant.end(id)
        try meter.report("\(killed) kills", shown, pids: [last.processIdentifier])
        #expect(killed == Self.kills)
        try installation.control("DELETE", "faults")
        _ = try tenant.judge(plan.plan, shown)
    }

    /// Kills the restorer over and over while the job runs. One that is struck without end does nothing: after three
    /// blows in vain it is left in peace until something was done.
    private static func strike(
        _ installation: TestInstallation, _ stages: RunningStages, _ id: String, _ chance: SplitMix
    ) throws -> (Int, Process) {
        var random = chance
        var (killed, inVain, done) = (0, 0, -1)
        var process = try stages.start("restorer")
        func job() throws -> JSONValue? { try installation.command(["job", "show", id])["job"] }
        while killed < kills {
            usleep(UInt32.random(in: 300_000..<3_000_000, using: &random))
            let now = try job()
            guard ["queued", "running"].contains(now?["state"]?.string) else { break }
            let position = now?["progress"]?["done"]?.int ?? 0
            inVain = position == done ? inVain + 1 : 0
            done = position
            if inVain >= 3 { continue }
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
            killed += 1
            if killed % 10 == 0 { print("restore kills: \(killed) at step \(position)") }
            process = try stages.start("restorer")
        }
        return (killed, process)
    }
}
