public import BackupContracts
public import BackupModel
public import Foundation
import LibPQ

/// A job as administrators see it.
public struct JobRecord: Sendable, Hashable {
    public struct StageTime: Sendable, Hashable {
        public var stage: String
        public var startedAt: String?
        public var finishedAt: String?
        public var items: Int64
    }

    public struct Warning: Sendable, Hashable {
        public var code: String
        public var message: String
    }

    public var id: JobID
    public var tenant: TenantID
    public var kind: JobKind
    public var state: JobState
    public var parked: Bool
    public var waitingFor: JobID?
    public var snapshot: SnapshotNumber?
    public var createdAt: Date
    public var startedAt: Date?
    public var finishedAt: Date?
    /// Objects read so far; steps of a restore that are done with.
    public var done: Int64
    /// Objects of the newest snapshot: what a round will read, about. `nil` before the first. The steps of a restore,
    /// `nil` where jobs of all tenants are listed.
    public var total: Int64?
    public var stages: [StageTime]
    public var warnings: [Warning]
    public var errorCode: String?
    public var errorMessage: String?
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
        kind = JobKind(rawValue: try row.text("kind")) ?? .backup
        state = JobState(rawValue: try row.text("state")) ?? .failed
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
