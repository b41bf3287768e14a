public import BackupContracts
public import BackupModel
public import Foundation
import LibPQ

/// A message that was parked, as administrators see it.
public struct DeadLetter: Sendable, Hashable {
    /// The message's id; drawn when it was parked for a body that is no message.
    public var id: UUID
    /// Name of the queue that it came from.
    public var queue: String
    /// `nil` for a body that is no message of this version.
    public var kind: MessageKind?
    /// `nil` where ``kind`` is.
    public var tenant: TenantID?
    /// `nil` where ``kind`` is.
    public var job: JobID?
    /// How often a worker has begun it; 1 for a body that is no message.
    public var attempts: Int32
    /// Name of the failure that parked it; `attemptsExhausted` where the tenth attempt never told its end.
    public var errorCode: String
    /// The last failure that a worker noted, with its name; else what parked it.
    public var errorMessage: String
    /// When the message was made; when it was parked, for a body that is none.
    public var createdAt: Date
    /// By the database's clock; lists show the newest first.
    public var parkedAt: Date
    /// What was parked: ids and numbers, or the beginning of what could not be decoded.
    public var body: String
}

extension DeadLetter {
    static let columns =
        "id, queue, tenant_id, job_id, epoch, body, attempts, error_code, error_message, created_at, parked_at"

    init(row: PostgresRow) throws(PostgresError) {
        id = try row.uuid("id")
        queue = try row.text("queue")
        body = try row.text("body")
        let message = Message(decoding: Array(body.utf8))
        let tenant = try row.uuid("tenant_id")
        let isOurs = message != nil && tenant != ObjectKey.zero.uuid
        kind = isOurs ? message?.kind : nil
        self.tenant = isOurs ? TenantID(uuid: tenant) : nil
        job = isOurs ? JobID(uuid: try row.uuid("job_id")) : nil
        attempts = try row.int32("attempts")
        errorCode = try row.text("error_code")
        errorMessage = try row.text("error_message")
        createdAt = try row.timestamp("created_at").date
        parkedAt = try row.timestamp("parked_at").date
    }
}

extension PostgresStore {
    /// Newest first.
    public func deadLetters(limit: Int) async throws(AccountError) -> [DeadLetter] {
        try await administer { (connection) async throws(AccountError) in
            try all(
                try await connection.checked(
                    "SELECT \(DeadLetter.columns) FROM backup.dead_letters ORDER BY parked_at DESC, id LIMIT $1",
                    [.int64(Int64(limit))]), DeadLetter.init(row:))
        }
    }

    /// The ids of all, newest first.
    public func deadLetterIDs() async throws(AccountError) -> [UUID] {
        try await administer { (connection) async throws(AccountError) in
            try all(
                try await connection.checked("SELECT id FROM backup.dead_letters ORDER BY parked_at DESC, id", [])
            ) { (row) throws(PostgresError) in try row.uuid("id") }
        }
    }

    /// One dead letter; only the operator's role may.
    /// - Throws: `deadLetterNotFound`.
    public func deadLetter(_ id: UUID) async throws(AccountError) -> DeadLetter {
        try await administer { (connection) async throws(AccountError) in try await connection.deadLetter(id) }
    }

    /// Takes a dead letter away. Its job stays failed.
    public func discardDeadLetter(_ id: UUID) async throws(AccountError) -> DeadLetter {
        try await administer { (connection) async throws(AccountError) in
            let letter = try await connection.deadLetter(id)
            _ = try await connection.checked("DELETE FROM backup.dead_letters WHERE id = $1", [.uuid(id)])
            return letter
        }
    }

    /// Lets the job of a dead letter go on where it stood, in the same epoch.
    ///
    /// A round needs all its messages, so all dead letters of the job come back, and with them what the stages have
    /// thrown away since the job failed: each collection's next step is made again where no message asks for it.
    /// Two messages for one step do no harm, since steps are fenced.
    /// - Returns: the ids that came back.
    /// - Throws: a conflict when the job did not fail by parking, when its round is gone, or when another backup of
    ///   the tenant is under way: then the job can only be started anew.
    public func retryDeadLetter(_ id: UUID) async throws(AccountError) -> [UUID] {
        try await administer { (connection) async throws(AccountError) in
            let letter = try await connection.deadLetter(id)
            guard let tenant = letter.tenant, let job = letter.job,
                let message = Message(decoding: Array(letter.body.utf8))
            else {
                throw AccountError(
                    .conflict, "messageUndecodable", "The dead letter \(id) is no message of this version.",
                    hint:
                        "Its row is published again by itself; discard this: `entra-backup dead-letters discard \(id.text)`."
                )
            }
            try await connection.tenantScope(tenant)
            try await connection.resume(job, of: message)
            if message.kind == .restoreReady { try await connection.keepApart(job, tenant) }
            let back = try await connection.unpark(job, of: tenant)
            try await connection.remakeSteps(of: message)
            return back
        }
    }
}

extension PostgresConnection {
    fileprivate func deadLetter(_ id: UUID) async throws(AccountError) -> DeadLetter {
        let rows = try await checked(
            "SELECT \(DeadLetter.columns) FROM backup.dead_letters WHERE id = $1 FOR UPDATE", [.uuid(id)])
        guard !rows.isEmpty else {
            throw AccountError(
                .notFound, "deadLetterNotFound", "There is no dead letter \(id.text).",
                hint: "See `entra-backup dead-letters list`.")
        }
        return try only(rows, DeadLetter.init(row:))
    }

    /// Sets a job that failed by parking to what it was before.
    fileprivate func resume(_ job: JobID, of message: Message) async throws(AccountError) {
        let again = "Start it anew: `entra-backup job retry \(job)`."
        let key: [PostgresValue] = [.uuid(message.tenant.uuid), .uuid(job.uuid)]
        let states = try await checked(
            """
            SELECT state, parked, epoch, open_collections IS NOT NULL AS opened,
                EXISTS (SELECT FROM backup.collections c WHERE c.tenant_id = j.tenant_id AND c.job_id = j.job_id
                    AND c.epoch = j.epoch) AS has_round,
                (SELECT o.job_id FROM backup.jobs o WHERE o.tenant_id = j.tenant_id AND o.kind = 'backup'
                    AND j.kind = 'backup'
                    AND o.job_id <> j.job_id AND o.state IN ('queued', 'running') LIMIT 1) AS other
            FROM backup.jobs j WHERE tenant_id = $1 AND job_id = $2 FOR UPDATE
            """, key)
        guard !states.isEmpty else {
            throw AccountError(
                .conflict, "jobNotFound", "The job \(job) is gone.", hint: "Discard the dead letter; nothing needs it.")
        }
        let job = try only(states) { (row) throws(PostgresError) in
            (
                id: job, state: try row.named("state", as: JobState.self), parked: try row.bool("parked"),
                epoch: try row.int32("epoch"), isOpened: try row.bool("opened"), hasRound: try row.bool("has_round"),
                other: try row.optionalUUID("other")
            )
        }
        guard job.epoch == message.epoch else {
            throw AccountError(
                .conflict, "jobRestarted", "The job \(job.id) was started anew since.",
                hint: "Discard the dead letter; nothing needs it.")
        }
        if job.state == .running || job.state == .queued { return }
        guard job.state == .failed, job.parked else {
            throw AccountError(
                .conflict, "jobNotParked", "The job \(job.id) is \(job.state.rawValue), and not by this dead letter.",
                hint: again)
        }
        if let other = job.other {
            throw AccountError(
                .conflict, "backupUnderWay",
                "Another backup of the tenant is under way: job \(JobID(uuid: other)). It takes the place of the round.",
                hint:
                    "It reads the tenant too. If this job is needed all the same, then: `entra-backup job retry \(job.id)`."
            )
        }
        guard job.hasRound || !job.isOpened else {
            throw AccountError(
                .conflict, "roundDropped", "What the job \(job.id) had read was dropped by a later backup.", hint: again
            )
        }
        _ = try await unique(
            """
            UPDATE backup.jobs SET state = CASE WHEN started_at IS NULL THEN 'queued' ELSE 'running' END,
                parked = false, finished_at = NULL, error_code = NULL, error_message = NULL
            WHERE tenant_id = $1 AND job_id = $2
            """, key, "backupUnderWay", "Another backup of the tenant has just begun.")
    }

    /// A restore that is taken up again must not meet another one that has begun since on a same object.
    fileprivate func keepApart(_ job: JobID, _ tenant: TenantID) async throws(AccountError) {
        let other: UUID?
        do throws(StageFailure) {
            other = try await restoreInTheWay(of: job, tenant)
        } catch {
            throw AccountError(error)
        }
        guard let other else { return }
        throw AccountError(
            .conflict, "restoreUnderWay",
            "Another restore is under way that touches a same object: job \(JobID(uuid: other)).",
            hint: "When that one has ended: `entra-backup dead-letters retry`, or `entra-backup job retry \(job)`.")
    }

    /// Moves the job's dead letters back to the messages, as if never tried and due for the next sweep.
    fileprivate func unpark(_ job: JobID, of tenant: TenantID) async throws(AccountError) -> [UUID] {
        let rows = try await checked(
            """
            WITH gone AS (DELETE FROM backup.dead_letters WHERE tenant_id = $1 AND job_id = $2 RETURNING *)
            INSERT INTO backup.messages (id, queue, tenant_id, job_id, epoch, body, created_at, visible_at)
            SELECT id, queue, tenant_id, job_id, epoch, body, created_at, clock_timestamp() - interval '10 seconds'
            FROM gone RETURNING id
            """, [.uuid(tenant.uuid), .uuid(job.uuid)])
        return try all(rows) { (row) throws(PostgresError) in try row.uuid("id") }
    }

    /// Makes the messages of an open round that no row asks for.
    fileprivate func remakeSteps(of message: Message) async throws(AccountError) {
        // The lock keeps a differ from counting its page as the last one at the same time.
        let rows = try await checked(
            """
            WITH c AS MATERIALIZED (SELECT * FROM backup.collections
                WHERE tenant_id = $1 AND job_id = $2 AND epoch = $3 FOR UPDATE),
            steps AS (
                SELECT 'walk.ready.v1' AS kind, type, NULL::integer AS page FROM c
                    WHERE NOT walk_ended AND held_baton IS NULL
                UNION ALL SELECT 'page.fetched.v1', p.type, p.ordinal FROM backup.pages p JOIN c ON c.type = p.type
                    WHERE p.tenant_id = $1 AND p.job_id = $2 AND p.content IS NOT NULL
                UNION ALL SELECT 'collection.walked.v1', type, NULL FROM c
                    WHERE walk_ended AND done >= ordinal AND NOT finished
                UNION ALL SELECT 'round.settled.v1', NULL, NULL FROM backup.jobs
                    WHERE tenant_id = $1 AND job_id = $2 AND open_collections = 0)
            SELECT kind, type, page FROM steps s WHERE NOT EXISTS (SELECT FROM backup.messages m
                WHERE m.job_id = $2 AND m.epoch = $3 AND m.body::jsonb->>'kind' = s.kind
                    AND (m.body::jsonb->>'type')::integer IS NOT DISTINCT FROM s.type::integer
                    AND (m.body::jsonb->>'page')::integer IS NOT DISTINCT FROM s.page)
            """, [.uuid(message.tenant.uuid), .uuid(message.job.uuid), .int32(message.epoch)])
        let steps = try all(rows) { (row) throws(PostgresError) -> Message? in
            guard let kind = MessageKind(rawValue: try row.text("kind")) else { return nil }
            return message.following(
                kind, type: try row.optionalInt16("type").map { UInt16(bitPattern: $0) },
                page: try row.optionalInt32("page"))
        }
        do throws(StageFailure) {
            try await insert(steps.compactMap { $0 }, after: .seconds(-10))
        } catch {
            throw AccountError(error)
        }
    }
}
