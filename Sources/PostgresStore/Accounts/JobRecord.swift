public import BackupContracts
public import BackupModel
public import Foundation
import LibPQ

/// A job as administrators see it.
public struct JobRecord: Sendable, Hashable {
    /// What one stage did for a job; noted when the job comes to its end.
    public struct StageTime: Sendable, Hashable {
        /// `fetcher`, `differ`, `persister`, `downloader` or `restorer`.
        public var stage: String
        /// When its first unit began, ISO 8601 as PostgreSQL writes it into JSON; nil when it had nothing to do.
        public var startedAt: String?
        /// The end of its last unit, in the same form; of the persister the moment of sealing.
        public var finishedAt: String?
        /// Items read (fetcher, differ), changes (persister), objects in the archive, steps that are done with.
        public var items: Int64
    }

    /// What a job left undone, or is not sure of, although it came to its end.
    public struct Warning: Sendable, Hashable {
        /// A name for scripts: a failure's code for a collection; `stepsFailed`, `todos` and the like for a restore.
        public var code: String
        /// For people: types, counts and causes, nothing of the directory.
        public var message: String
    }

    /// Drawn at random; unique over all tenants.
    public var id: JobID
    /// Whose data it works on; of a restore across tenants the one that is written to.
    public var tenant: TenantID
    /// Decides which stages work on it; a retry keeps it.
    public var kind: JobKind
    /// Moves by D10; a retry takes a failed or cancelled one back to `queued`.
    public var state: JobState
    /// Failed with a message among the dead letters: `dead-letters retry` lets it go on where it stood.
    public var parked: Bool
    /// The job that it was queued behind: a backup behind the one that runs, a restore behind one that touches a same
    /// object. Cleared when that one ends, not when this one is cancelled.
    public var waitingFor: JobID?
    /// Of a backup the number that it seals, set when the round opens: a failed one has sealed none under it. Of a
    /// download its source; nil for a restore.
    public var snapshot: SnapshotNumber?
    /// When it was asked for or fell due, by the database's clock.
    public var createdAt: Date
    /// When a stage first took it up; nil before, and again after a retry.
    public var startedAt: Date?
    /// When it came to a final state; nil before, and again after a retry.
    public var finishedAt: Date?
    /// Objects read so far; steps of a restore that are done with.
    public var done: Int64
    /// Objects of the newest snapshot: what a round will read, about; `nil` before the first. Steps of a restore, objects
    /// of a download.
    public var total: Int64?
    /// In the order of the work; empty until a backup is sealed, an archive whole, or a restore out of steps.
    public var stages: [StageTime]
    /// Empty for a job that succeeded; a restore may have some that failed or was cancelled.
    public var warnings: [Warning]
    /// Name of the failure that ended it; nil unless it failed.
    public var errorCode: String?
    /// For people, beside ``errorCode``; nothing of the directory.
    public var errorMessage: String?
    /// W3C trace id, 32 hexadecimal digits: of all its messages and log lines, those of a retry too.
    public var trace: String
}

extension JobRecord {
    /// Columns of a query on `backup.jobs j`.
    static let columns = """
        j.job_id, j.tenant_id, j.kind, j.state, j.parked, j.waiting_for, j.snapshot, j.created_at, j.started_at,
        j.finished_at, j.trace, j.error_code, j.error_message, j.warnings::text AS warnings, j.stages::text AS stages,
        CASE WHEN j.state = 'running' AND j.kind = 'backup' THEN (SELECT coalesce(sum(c.items), 0)::bigint FROM backup.collections c
            WHERE c.tenant_id = j.tenant_id AND c.job_id = j.job_id) ELSE j.objects END AS done,
        CASE WHEN j.kind = 'restore' THEN (SELECT p.steps::bigint FROM backup.restore_plans p
            WHERE p.tenant_id = j.tenant_id AND p.job_id = j.job_id)
            WHEN j.kind = 'download' THEN (SELECT d.objects FROM backup.downloads d
            WHERE d.tenant_id = j.tenant_id AND d.job_id = j.job_id)
            ELSE (SELECT s.objects FROM backup.snapshots s WHERE s.tenant_id = j.tenant_id ORDER BY s.number DESC LIMIT 1)
            END AS total
        """

    init(row: PostgresRow) throws(PostgresError) {
        id = JobID(uuid: try row.uuid("job_id"))
        tenant = TenantID(uuid: try row.uuid("tenant_id"))
        kind = try row.named("kind")
        state = try row.named("state")
        parked = try row.bool("parked")
        waitingFor = try row.optionalUUID("waiting_for").map { JobID(uuid: $0) }
        snapshot = try row.optionalInt32("snapshot")
        createdAt = try row.timestamp("created_at").date
        startedAt = try row.optionalTimestamp("started_at")?.date
        finishedAt = try row.optionalTimestamp("finished_at")?.date
        done = try row.int64("done")
        total = try row.optionalInt64("total")
        errorCode = try row.optionalText("error_code")
        errorMessage = try row.optionalText("error_message")
        trace = try row.text("trace")
        warnings = Self.items(try row.text("warnings")).map {
            Warning(code: $0["code"]?.string ?? "", message: $0["message"]?.string ?? "")
        }
        stages = Self.items(try row.text("stages")).map {
            StageTime(
                stage: $0["stage"]?.string ?? "", startedAt: $0["startedAt"]?.string,
                finishedAt: $0["finishedAt"]?.string, items: Int64($0["items"]?.int ?? 0))
        }
    }

    private static func items(_ json: String) -> [JSONValue] {
        (try? JSONValue(parsing: Array(json.utf8)))?.array ?? []
    }
}
