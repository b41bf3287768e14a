import BackupModel
import Foundation
import Testing

/// Everything is gone: one restore brings it back, and can be undone.
@Suite(.serialized) struct RestoreDisasterTests {
    static let isLarge = ProcessInfo.processInfo.environment["ENTRA_BACKUP_LARGE"] == "1"

    @Test
    func `a small tenant of which everything was deleted comes back with one restore, which is undone`() throws {
        try run(users: 60, groups: 20)
    }

    @Test(.enabled(if: isLarge, "A long one: ENTRA_BACKUP_LARGE=1 runs it"))
    func `10,000 people and 2,000 groups that were deleted come back with one restore, which is undone`() throws {
        let users = ProcessInfo.processInfo.environment["ENTRA_BACKUP_RESTORE_USERS"].flatMap(Int.init) ?? 10_000
        try run(users: users, groups: users / 5)
    }

    private func run(users: Int, groups: Int) throws {
        let seed = seed(79, "disaster")
        let tenant = try StruckTenant(seed: seed, users: users, groups: groups)
        let installation = tenant.installation
        defer { installation.tearDown() }
        let plan = try tenant.plan()
        let job = try tenant.begin(["restore", "apply", plan.id])
        let meter = try RestoreMeter(installation)
        let shown = try tenant.end(job)
        try meter.report("disaster of \(users) people", shown)
        let verdict = try tenant.judge(plan.plan, shown)

        // The next backup says the same.
        let number = try #require(try installation.backUp()["snapshot"]?.int)
        try RestoreTests.compareDiff(installation, from: 1, to: number, RestoredIDs(shown), verdict.excused)
        try tenant.undo(job, RestoredIDs(shown))
    }
}

/// A tenant with a snapshot, of which everything was deleted since.
struct StruckTenant {
    let installation: TestInstallation
    let writer: TenantWriter
    let before: TenantPicture
    let damaged: TenantPicture

    init(seed: Int, users: Int, groups: Int, workers: String = "") throws {
        installation = try RestoreTests.started(
            "{\"seed\":\(seed),\"users\":\(users),\"groups\":\(groups),\"settings\":{\"quotas\":false}}",
            workers: workers)
        do {
            writer = try TenantWriter(installation)
            try writer.grantWriteAccess(installation)
            before = try TenantPicture.truth(installation)
            let clock = ContinuousClock()
            let start = clock.now
            let disaster = try TenantDisaster(writer, installation, seed: seed)
            print("disaster: \(disaster.description); \((clock.now - start).seconds) s")
            try #require(disaster.count >= users)
            damaged = try TenantPicture.truth(installation)
        } catch {
            installation.tearDown()
            throw error
        }
    }

    func plan() throws -> RestoreRun {
        let clock = ContinuousClock()
        let start = clock.now
        let plan = try RestoreRun(installation, to: 1, RestoreTests.whole)
        var codes: [String: Int] = [:]
        for conflict in plan.conflicts + plan.todos { codes[conflict["code"]?.string ?? "", default: 0] += 1 }
        print(
            """
            disaster: planned in \((clock.now - start).seconds) s: \(plan.steps.count) steps, \
            \(codes.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" })
            """)
        return plan
    }

    /// What differs from before, after the restore.
    func judge(_ plan: JSONValue, _ shown: JSONValue) throws -> DisasterVerdict {
        let problems = RestoreRun.problems(shown, plan)
        print("disaster: \(problems.count) steps not done or not read back as written")
        for problem in problems.prefix(40) { print("  step \(problem.prefix(600))") }
        let said = RestoreSayings(plan, shown)
        #expect(problems.isEmpty, "every step is done and reads back as it was written")
        let verdict = DisasterVerdict(before, try TenantPicture.truth(installation), RestoredIDs(shown), said)
        verdict.report("restored")
        for id in verdict.unexplainedIDs.prefix(20) {
            for words in said.words(id) { print("  said of \(id): \(words.prefix(1_500))") }
            for step in RestoreRun.steps(of: id, shown, plan) { print("  step of \(id): \(step.prefix(1_500))") }
        }
        return verdict
    }

    /// Has a restore or an undo begin; the id of its job.
    func begin(_ command: [String]) throws -> String {
        try #require(try installation.command(command)["job"]?["id"]?.string)
    }

    /// Waits for the end of a job and says what came of it.
    func end(_ job: String, seconds: Double = 3_600) throws -> JSONValue {
        var state: String?
        try installation.eventually("the restore ends", seconds: seconds) {
            state = try installation.stateIfReachable(of: job)
            return state != nil && state != "queued" && state != "running"
        }
        #expect(state == "succeeded" || state == "succeededWithWarnings", "\(state ?? "")")
        return try installation.command(["restore", "show", job])
    }

    /// - Parameter ids: what the ids became in the restore that is undone.
    func undo(_ job: String, _ ids: RestoredIDs) throws {
        let rehearsed = try installation.command(["restore", "undo", job, "--dry-run"])
        // Everybody who holds a role is taken away again.
        let undoing = try begin(["restore", "undo", job, "--accept-lock-out"])
        let meter = try RestoreMeter(installation)
        let shown = try end(undoing)
        try meter.report("undo", shown)
        let plan = rehearsed["plan"] ?? .null
        let problems = RestoreRun.problems(shown, plan)
        for problem in problems.prefix(40) { print("  undo step \(problem.prefix(600))") }
        #expect(problems.isEmpty, "every step of the undo is done and reads back as it was written")
        let now = try TenantPicture.truth(installation)
        // What named an object that was gone names what the restore made of it.
        var ids = ids
        ids.add(shown)
        DisasterVerdict(damaged, now, ids, RestoreSayings(plan, shown)).report("undone")
    }
}

/// How long a restore took, and what it cost.
struct RestoreMeter {
    private let installation: TestInstallation

    init(_ installation: TestInstallation) throws {
        self.installation = installation
        try installation.control("DELETE", "stats")
    }

    /// - Parameter pids: restorers; nil for those of the stack.
    func report(_ what: String, _ shown: JSONValue, pids: [Int32]? = nil) throws {
        let job = shown["job"]
        let time = try installation.sql(
            """
            SELECT round(extract(epoch FROM finished_at - started_at), 1) FROM backup.jobs
            WHERE job_id = '\(job?["id"]?.string ?? "")'
            """)
        let seconds = max(0.1, Double(time) ?? 0)
        let (stats, writes) = (try stats(), try writes())
        let results = shown["results"]?.array ?? []
        let done = results.count { $0["outcome"]?.string == "done" }
        let peaks = try (pids ?? restorers()).compactMap(Self.peakMegabytes)
        print(
            """
            \(what): \(job?["state"]?.string ?? ""), \(done) of \(results.count) steps done in \(seconds) s, \
            \(writes) writes, \(Int(Double(writes) / seconds)) writes/s, \(stats["total"]?.int ?? 0) requests in \
            \(stats["batches"]?.int ?? 0) batches, \(stats["faults"]?.int ?? 0) struck by faults, restorer's peak \(peaks.max() ?? 0) MB \
            \(job?["error"].map { $0.isNull ? "" : $0.canonicalText } ?? "")
            """)
    }

    private func stats() throws -> JSONValue {
        try JSONValue(parsing: Array(try installation.control("GET", "stats").utf8))
    }

    /// Requests that write, those in batches one by one, whatever became of them.
    func writes() throws -> Int { try writesByKind().values.reduce(0, +) }

    /// The same by method and kind of path.
    func writesByKind() throws -> [String: Int] {
        let requests = (try stats()["requests"]?.object ?? [:]).filter { !$0.name.hasPrefix("GET ") }
        return Dictionary(requests.map { ($0.name, $0.value.int ?? 0) }) { $0 + $1 }
    }

    private func restorers() throws -> [Int32] {
        let status = try installation.command(["stack", "status", "--data-dir", installation.data], allowing: [0, 7])
        return (status["processes"]?.array ?? []).compactMap { process in
            process["name"]?.string == "restorer" ? process["pid"]?.int.map { Int32($0) } : nil
        }
    }

    /// The most memory that a living process has had.
    static func peakMegabytes(_ pid: Int32) -> Int? {
        let status = (try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        return line?.split(separator: " ").compactMap { Int($0) }.first.map { $0 / 1_024 }
    }
}

extension Duration {
    /// Rounded to tenths.
    var seconds: Double { (self / .milliseconds(100)).rounded() / 10 }
}
