import BackupContracts
import BackupModel
import Foundation
import PostgresStore

/// The state of a tenant as it is now, as a snapshot: a backup of the types in question (D11).
///
/// What has to be read is what changed since the last round, so that the comparison of "now" with any snapshot costs by
/// the number of changes.
struct LiveRound {
    let store: PostgresStore
    let output: Output

    /// What was read.
    struct Result {
        var snapshot: SnapshotNumber
        /// Types that could not be read: their objects are in the snapshot as they were before.
        var unread: [Unread]
    }

    struct Unread: Hashable {
        var type: String
        var reason: String

        var json: JSONValue { ["type": .string(type), "reason": .string(reason)] }
    }

    /// How long nothing may move before it counts as stuck: nobody takes the job, or nobody works on it. Graph may ask
    /// for pauses of minutes.
    private static let patience: (queued: Duration, running: Duration) = (.seconds(60), .seconds(300))

    /// Reads the types and waits for the end.
    ///
    /// A round that runs already began before the question was asked: its end is awaited, and another one started. One
    /// that has not begun is joined.
    func take(_ tenant: TenantRecord, types: [String]) async throws -> Result {
        // Reading is no change: a rehearsal reads as well.
        try await PostgresStore.$isDryRun.withValue(false) { try await read(tenant, types) }
    }

    private func read(_ tenant: TenantRecord, _ types: [String]) async throws -> Result {
        guard tenant.state != .inactive else { throw CommandFailure.inactive(tenant) }
        var earlier: JobRecord?
        while true {
            let (job, joined) = try await store.audited("backup.start", tenant.id.description, reason: "live state") {
                try await store.startBackup(tenant.id, types: types, full: false)
            }
            let isLate = joined && job.state == .running && !Self.began(job, after: earlier)
            output.progress(
                isLate
                    ? "Waiting for the backup \(job.id), which began before."
                    : "Reading \(Self.phrase(types)) as now: backup \(job.id).")
            let ended = try await end(of: job)
            guard isLate else { return try await result(tenant, ended, types) }
            earlier = ended
        }
    }

    private static func began(_ job: JobRecord, after earlier: JobRecord?) -> Bool {
        guard let earlier = earlier?.finishedAt, let started = job.startedAt else { return false }
        return started >= earlier
    }

    private static func phrase(_ types: [String]) -> String {
        types.count > 4 ? "\(types.count) types" : types.joined(separator: ", ")
    }

    // MARK: Waiting

    private func end(of job: JobRecord) async throws -> JobRecord {
        var moved = (signs: "", at: ContinuousClock.now)
        return try await JobWatch(store: store, output: output).end(of: job) { current in
            let signs = try await signs(of: current)
            if signs != moved.signs { moved = (signs, .now) }
            let patience = current.state == .queued ? Self.patience.queued : Self.patience.running
            if moved.at.duration(to: .now) > patience { throw Self.stuck(current, patience) }
        }
    }

    /// What changes while somebody works on the job, or on the one that it waits for.
    private func signs(of job: JobRecord) async throws -> String {
        var jobs = [job]
        if job.state == .queued {
            jobs += try await store.jobs(kind: .backup, state: .running, tenant: job.tenant, limit: 1)
        }
        return jobs.map { "\($0.id) \($0.state) \($0.done) \($0.stages.map(\.items))" }.joined(separator: "; ")
    }

    private static func stuck(_ job: JobRecord, _ patience: Duration) -> CommandFailure {
        CommandFailure(
            7, "stagesIdle",
            """
            The tenant cannot be read as it is now: the backup \(job.id) is \(job.state.rawValue), and for \
            \(patience.components.seconds) s nothing has moved.
            """,
            hint: "See that scheduler, fetcher, differ and persister run: `entra-backup doctor`. The backup goes on.",
            runbook: "stage-failing")
    }

    // MARK: Result

    private func result(_ tenant: TenantRecord, _ job: JobRecord, _ types: [String]) async throws -> Result {
        guard let number = job.snapshot, job.state == .succeeded || job.state == .succeededWithWarnings else {
            let why = job.errorMessage.map { ": \($0)" } ?? "."
            throw CommandFailure(
                1, job.errorCode ?? "liveReadFailed",
                "The tenant could not be read as it is now: the backup \(job.id) is \(job.state.rawValue)\(why)",
                hint: "See `entra-backup job show \(job.id)`, mend the cause and run the command again.")
        }
        let record = try await store.snapshot(tenant.id, number)
        let unread = types.compactMap { name -> Unread? in
            let collection = record.collections.first { Catalogue.current[$0.type]?.name == name }
            let outcome = collection?.outcome ?? CollectionOutcome.notRead.rawValue
            guard !CollectionOutcome.isRead(outcome) else { return nil }
            return Unread(type: name, reason: collection?.reason ?? "it was not read (\(outcome))")
        }
        for item in unread { output.progress("\(item.type) could not be read: \(item.reason)") }
        return Result(snapshot: number, unread: unread)
    }
}

extension TenantRecord {
    /// Whether a backup may read the type, as far as it is known from the last check.
    func mayRead(_ type: String) -> Bool {
        Catalogue.current[type]?.isGranted(by: Set(permissions)) ?? false
    }

    /// The types, and the audits that tell who changed objects, where they may be read.
    func withAudits(_ types: [String]) -> [String] {
        let audits = "directoryAudit"
        return types.contains(audits) || !mayRead(audits) ? types : types + [audits]
    }
}
