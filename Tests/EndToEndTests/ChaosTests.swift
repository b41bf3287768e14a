import BackupModel
import Foundation
import Testing

/// Random kills over many rounds change nothing but the time (D1, D4, D10).
@Suite(.serialized) struct ChaosTests {
    /// A long test: `ENTRA_BACKUP_CHAOS=1` runs it, `ENTRA_BACKUP_CHAOS_KILLS` sets the number of kills.
    private static let isOn = ProcessInfo.processInfo.environment["ENTRA_BACKUP_CHAOS"] != nil
    private static let kills =
        ProcessInfo.processInfo.environment["ENTRA_BACKUP_CHAOS_KILLS"].flatMap(Int.init) ?? 200

    private enum Blow: String { case stage, broker, database }

    @Test(.enabled(if: isOn, "takes up to an hour; ENTRA_BACKUP_CHAOS=1 runs it"))
    func `kills at random lose no job, double no version and park no message`() throws {
        let seed = seed(47, "chaos")
        var random = SplitMix(seed: UInt64(seed))
        let rare = max(2, Self.kills / 20)
        var blows = Array(repeating: Blow.stage, count: Self.kills) + Array(repeating: Blow.broker, count: rare)
        blows = (blows + Array(repeating: Blow.database, count: rare)).shuffled(using: &random)
        let installation = try TestInstallation(
            fixture: "{\"seed\":\(seed),\"users\":2000,\"settings\":{\"quotas\":false}}",
            workers: "fetcher=2,differ=2,persister=2", settings: ["ENTRA_BACKUP_BROKER_HEARTBEAT_SECONDS": "5"])
        defer { installation.tearDown() }
        try installation.makeAccounts()
        #expect(try installation.activate()["state"]?.string == "succeeded")
        var round = 0, landed: [String: Int] = [:]
        while !blows.isEmpty {
            round += 1
            try installation.control("POST", "churn?seed=\(seed + round)&count=100")
            let job = try start(installation, isFull: round % 3 != 0)
            var inRound = 0
            try installation.eventually("round \(round) ends", seconds: 600) {
                // A round that is struck without end does not end: after some blows it is left in peace.
                if inRound < 12, let blow = blows.last {
                    usleep(UInt32.random(in: 100_000..<900_000, using: &random))
                    if try strike(blow, installation, &random) {
                        blows.removeLast()
                        landed[blow.rawValue, default: 0] += 1
                        inRound += 1
                    }
                }
                let state = try installation.stateIfReachable(of: job)
                if state == "failed" || state == "succeededWithWarnings" { throw Ended(round: round, state: state) }
                return state == "succeeded"
            }
            print("chaos: round \(round) took \(inRound) blows, \(blows.count) are left")
            try PipelineCheck.newestEqualsTruth(installation, "round \(round)", countsExtensions: false)
            #expect(try installation.sql("SELECT count(*) FROM backup.dead_letters") == "0", "round \(round)")
        }
        print("chaos: \(round) rounds, \(landed.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" })")
        try PipelineCheck.nothingIsLeft(installation)
        #expect(try installation.sql("SELECT count(*) FROM backup.jobs") == "\(round + 1)", "one job a round")
    }

    private struct Ended: Error {
        var round: Int
        var state: String?
    }

    /// Starts a backup; while the database recovers the command is said again.
    private func start(_ installation: TestInstallation, isFull: Bool) throws -> String {
        var job: String?
        try installation.eventually("a backup can be started", seconds: 60) {
            let arguments = ["backup", "start", installation.tenant, "--json"] + (isFull ? ["--full"] : [])
            let result = try Programs.run("entra-backup", arguments, environment: installation.environment)
            if result.status == 0 { job = try result.json()["job"]?["id"]?.string }
            return job != nil
        }
        return try #require(job)
    }

    /// Kills one process.
    /// - Returns: false when it was not running just now.
    private func strike(
        _ blow: Blow, _ installation: TestInstallation, _ random: inout SplitMix
    ) throws -> Bool {
        let status = try installation.command(["stack", "status", "--data-dir", installation.data], allowing: [0, 7])
        let names: Set<String>
        switch blow {
        case .stage: names = ["fetcher", "differ", "persister", "scheduler"]
        case .broker: names = ["rabbitmq"]
        case .database: names = ["postgres"]
        }
        let running = (status["processes"]?.array ?? []).filter {
            names.contains($0["name"]?.string ?? "") && $0["state"]?.string == "running" && $0["pid"]?.int != nil
        }
        guard let victim = running.randomElement(using: &random), let pid = victim["pid"]?.int else { return false }
        kill(Int32(pid), SIGKILL)
        if blow == .broker { try? FileManager.default.removeItem(atPath: installation.data + "/rabbitmq/mnesia") }
        print("chaos: \(victim["name"]?.string ?? "") \(victim["index"]?.int ?? 0) killed")
        return true
    }
}

/// A small generator whose numbers follow from its seed alone.
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
