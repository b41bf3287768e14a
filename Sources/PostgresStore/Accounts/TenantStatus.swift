public import AccountModel
public import BackupContracts
public import BackupModel
public import Foundation
import LibPQ

/// How a tenant stands with its jobs of one kind, as they are recorded; what to think of it is not said here.
public struct TenantStatus: Sendable, Hashable {
    /// The last job that did all that the tenant is configured for.
    public struct Good: Sendable, Hashable {
        /// The one that ended last.
        public var job: JobID
        /// What a backup sealed, or a download is of; nil for a restore.
        public var snapshot: SnapshotNumber?
        /// When a stage took it up; when it was asked for, if that was not noted.
        public var startedAt: Date
        /// When it came to its end, by the database's clock.
        public var finishedAt: Date
        /// Objects read or written; steps of a restore.
        public var objects: Int64
        /// How many it ended with; 0 when it succeeded without.
        public var warnings: Int32

        /// All fields as given.
        public init(
            job: JobID, snapshot: SnapshotNumber?, startedAt: Date, finishedAt: Date, objects: Int64, warnings: Int32
        ) {
            self.job = job
            self.snapshot = snapshot
            self.startedAt = startedAt
            self.finishedAt = finishedAt
            self.objects = objects
            self.warnings = warnings
        }
    }

    /// The last job that failed.
    public struct Failed: Sendable, Hashable {
        /// The one that failed last.
        public var job: JobID
        /// When it failed, by the database's clock.
        public var finishedAt: Date
        /// Name of the failure; `failed` for a job that has none.
        public var code: String
        /// For people; empty for a job that has none.
        public var message: String

        /// All fields as given.
        public init(job: JobID, finishedAt: Date, code: String, message: String) {
            self.job = job
            self.finishedAt = finishedAt
            self.code = code
            self.message = message
        }
    }

    /// A job that has not ended.
    public struct Open: Sendable, Hashable {
        /// The one that runs, else the oldest that is queued.
        public var job: JobID
        /// `queued` or `running`.
        public var state: JobState

        /// Both as given.
        public init(job: JobID, state: JobState) {
            self.job = job
            self.state = state
        }
    }

    /// Whose jobs are told of.
    public var tenant: TenantID
    /// Chosen by an administrator; need not be unique. The order of lists.
    public var name: String
    /// Only jobs of an active one start by themselves.
    public var state: TenantRecord.State
    /// `every 15m`…`every 24h`, `daily HH:MM` or `off`, whatever the state.
    public var schedule: String
    /// The first activation; nil for a tenant that was never checked.
    public var activatedAt: Date?
    /// The customer that the tenant belongs to.
    public var organization: UUID
    /// Need not be unique.
    public var organizationName: String
    /// With ``includesEntra`` it decides whether backups are made.
    public var subscription: SubscriptionState
    /// Whether plan or trial include Entra.
    public var includesEntra: Bool
    /// The reseller that the organization is a customer of now.
    public var partner: UUID
    /// Unique over the installation, whatever its case.
    public var partnerName: String
    /// nil when none ended well; a backup that left out a type of the tenant's does not count.
    public var good: Good?
    /// nil when none failed; may be older than ``good``.
    public var failed: Failed?
    /// nil when none is queued or running.
    public var open: Open?
    /// When the next one starts by itself: backups only.
    public var nextDueAt: Date?
    /// When this was read, by the clock that made the other times.
    public var readAt: Date

    /// All fields as given.
    public init(
        tenant: TenantID, name: String, state: TenantRecord.State, schedule: String, activatedAt: Date?,
        organization: UUID, organizationName: String, subscription: SubscriptionState, includesEntra: Bool = true,
        partner: UUID, partnerName: String, good: Good? = nil, failed: Failed? = nil, open: Open? = nil,
        nextDueAt: Date? = nil,
        readAt: Date
    ) {
        self.tenant = tenant
        self.name = name
        self.state = state
        self.schedule = schedule
        self.activatedAt = activatedAt
        self.organization = organization
        self.organizationName = organizationName
        self.subscription = subscription
        self.includesEntra = includesEntra
        self.partner = partner
        self.partnerName = partnerName
        self.good = good
        self.failed = failed
        self.open = open
        self.nextDueAt = nextDueAt
        self.readAt = readAt
    }
}

extension PostgresStore {
    /// How the tenants stand with their jobs of a kind, by name. One statement, which looks at three jobs of each tenant
    /// whatever number it has. Compiling it would take longer than running it.
    public func status(_ kind: JobKind, _ filter: TenantFilter = TenantFilter()) async throws(AccountError)
        -> [TenantStatus]
    {
        try await administer(.standard.setting("jit", to: "off")) { (connection) async throws(AccountError) in
            try all(
                try await connection.checked(
                    TenantStatus.statement(own: own(.tenant)), filter.parameters + [.text(kind.rawValue)]),
                TenantStatus.init(row:))
        }
    }
}

extension TenantStatus {
    /// A backup of some types only, such as a comparison with the live tenant makes, is not what the schedule promises.
    fileprivate static func statement(own: String) -> String {
        """
        WITH chosen AS (SELECT tenant_id, organization_id, name, state, schedule, types, activated_at
            FROM backup.tenants WHERE \(own) AND \(TenantFilter.condition))
        SELECT t.tenant_id, t.name, t.state, t.schedule, t.activated_at, o.id AS organization_id,
            o.name AS organization, o.state AS subscription, \(Coverage.includesEntra) AS includes_entra,
            r.id AS partner_id, r.name AS partner,
            CASE WHEN $6 = 'backup' AND t.state = 'active' AND \(Coverage.condition)
                THEN s.next_backup_at END AS next_at, now() AS read_at,
            g.job_id AS good_job, g.snapshot, coalesce(g.started_at, g.created_at) AS good_started,
            g.finished_at AS good_finished, g.objects, g.warnings,
            f.job_id AS failed_job, f.finished_at AS failed_at, f.error_code, f.error_message,
            u.job_id AS open_job, u.state AS open_state
        FROM chosen t
        JOIN backup.organizations o ON o.id = t.organization_id
        JOIN backup.partners r ON r.id = o.partner_id
        JOIN backup.plans p ON p.id = o.plan_id
        LEFT JOIN backup.schedule s ON s.tenant_id = t.tenant_id
        LEFT JOIN LATERAL (SELECT j.job_id, j.snapshot, j.created_at, j.started_at, j.finished_at, j.objects,
                jsonb_array_length(j.warnings) AS warnings
            FROM backup.jobs j WHERE j.tenant_id = t.tenant_id AND j.kind = $6
                AND j.state IN ('succeeded', 'succeededWithWarnings')
                AND (j.kind <> 'backup' OR j.types IS NULL OR coalesce(j.types @> t.types, false))
            ORDER BY j.finished_at DESC LIMIT 1) g ON true
        LEFT JOIN LATERAL (SELECT j.job_id, j.finished_at, j.error_code, j.error_message
            FROM backup.jobs j WHERE j.tenant_id = t.tenant_id AND j.kind = $6 AND j.state = 'failed'
            ORDER BY j.finished_at DESC LIMIT 1) f ON true
        LEFT JOIN LATERAL (SELECT j.job_id, j.state FROM backup.jobs j
            WHERE j.tenant_id = t.tenant_id AND j.kind = $6 AND j.state IN ('queued', 'running')
            ORDER BY j.state DESC, j.created_at LIMIT 1) u ON true
        ORDER BY t.name, t.tenant_id
        """
    }

    fileprivate init(row: PostgresRow) throws(PostgresError) {
        self.init(
            tenant: TenantID(uuid: try row.uuid("tenant_id")), name: try row.text("name"),
            state: try row.named("state"), schedule: try row.text("schedule"),
            activatedAt: try row.optionalTimestamp("activated_at")?.date,
            organization: try row.uuid("organization_id"), organizationName: try row.text("organization"),
            subscription: try row.named("subscription"),
            includesEntra: try row.bool("includes_entra"), partner: try row.uuid("partner_id"),
            partnerName: try row.text("partner"),
            nextDueAt: try row.optionalTimestamp("next_at")?.date, readAt: try row.timestamp("read_at").date)
        if let job = try row.optionalUUID("good_job") {
            good = Good(
                job: JobID(uuid: job), snapshot: try row.optionalInt32("snapshot"),
                startedAt: try row.timestamp("good_started").date,
                finishedAt: try row.timestamp("good_finished").date, objects: try row.int64("objects"),
                warnings: try row.int32("warnings"))
        }
        if let job = try row.optionalUUID("failed_job") {
            failed = Failed(
                job: JobID(uuid: job), finishedAt: try row.timestamp("failed_at").date,
                code: try row.optionalText("error_code") ?? "failed",
                message: try row.optionalText("error_message") ?? "")
        }
        if let job = try row.optionalUUID("open_job") {
            open = Open(job: JobID(uuid: job), state: try row.named("open_state"))
        }
    }
}
