public import BackupContracts
import BackupModel
public import Foundation
import LibPQ

extension PostgresStore: MessageStore {
    /// One update by primary key. A message that was begun ten times is not begun again: it is parked, its job failed.
    public func start(_ message: Message) async throws(StageFailure) -> MessageStart {
        let rows = try await withConnection { (connection) async throws(StageFailure) in
            try await connection.rows(
                """
                UPDATE backup.messages SET attempts = attempts + 1, started_at = clock_timestamp()
                WHERE id = $1 AND attempts < $2 RETURNING attempts
                """, [.uuid(message.id), .int32(Int32(attemptsBeforeParking))])
        }
        if let row = rows.first {
            let attempt = try decoded { () throws(PostgresError) in try row.int32("attempts") }
            return .proceed(attempt: Int(attempt))
        }
        return try await parkExhausted(message)
    }

    public func renew(_ ids: [UUID]) async throws(StageFailure) {
        guard !ids.isEmpty else { return }
        try await withConnection { (connection) async throws(StageFailure) in
            // A row that is locked is just being handled to its end, which nobody needs to wait for.
            _ = try await connection.rows(
                """
                UPDATE backup.messages SET started_at = clock_timestamp() WHERE id IN (
                    SELECT id FROM backup.messages WHERE id = ANY ($1) AND started_at IS NOT NULL FOR UPDATE SKIP LOCKED)
                """, [.uuidArray(ids)])
        }
    }

    private func parkExhausted(_ message: Message) async throws(StageFailure) -> MessageStart {
        try await transaction(of: message.tenant) { (connection) async throws(StageFailure) in
            let rows = try await connection.rows(
                "SELECT last_error FROM backup.messages WHERE id = $1", [.uuid(message.id)])
            // What failed at the last attempt that could tell is the cause; a worker that died told nothing.
            let last = try decoded { () throws(PostgresError) in try rows.first?.optionalText("last_error") ?? nil }
            let cause = last.map { "the last error: \($0)" } ?? "none of them told an error: its workers died"
            let failure = StageFailure(
                .attemptsExhausted, "The message was begun \(attemptsBeforeParking) times; \(cause)")
            return try await connection.park(message, failure) ? .parked : .alreadyHandled
        }
    }

    /// One transaction. Parked at once where the failure says so, at the tenth attempt otherwise.
    public func fail(_ message: Message, _ failure: StageFailure, delay: Duration) async throws(StageFailure) -> Bool {
        try await transaction(of: message.tenant) { (connection) async throws(StageFailure) in
            if failure.disposition == .park { return try await connection.park(message, failure) }
            let rows = try await connection.rows(
                """
                UPDATE backup.messages
                SET visible_at = clock_timestamp() + make_interval(secs => $2), published_at = NULL,
                    started_at = NULL, last_error = $3
                WHERE id = $1 RETURNING attempts
                """,
                [.uuid(message.id), .double(delay / .seconds(1)), .text("\(failure.code): \(failure.message)")])
            guard let row = rows.first else { return false }
            let attempts = try decoded { () throws(PostgresError) in try row.int32("attempts") }
            guard attempts >= attemptsBeforeParking else { return false }
            return try await connection.park(message, failure)
        }
    }

    /// One update for all of them; none without ids.
    public func markPublished(_ ids: [UUID]) async throws(StageFailure) {
        guard !ids.isEmpty else { return }
        try await withConnection { (connection) async throws(StageFailure) in
            _ = try await connection.rows(
                "UPDATE backup.messages SET published_at = clock_timestamp() WHERE id = ANY($1)", [.uuidArray(ids)])
        }
    }

    /// Keeps the first 4,096 bytes as text, under tenant and job zero: no job fails by it.
    public func parkUndecodable(_ body: [UInt8], queue: BackupContracts.Queue) async throws(StageFailure) {
        let text = String(decoding: body.prefix(4_096), as: UTF8.self).replacing("\0", with: "")
        try await withConnection { (connection) async throws(StageFailure) in
            _ = try await connection.rows(
                """
                INSERT INTO backup.dead_letters
                    (id, queue, tenant_id, job_id, epoch, body, attempts, error_code, error_message, created_at)
                VALUES ($1, $2, $3, $3, 0, $4, 1, $5, $6, now())
                """,
                [
                    .uuid(UUID()), .text(queue.rawValue), .uuid(ObjectKey.zero.uuid), .text(text),
                    .text(FailureCode.messageUndecodable.name),
                    .text("The body is no message of a kind and version that this stage knows."),
                ])
        }
    }
}

extension PostgresConnection {
    /// Moves a message's row to the dead letters and fails its job. Returns whether the row was there.
    func park(_ message: Message, _ failure: StageFailure) async throws(StageFailure) -> Bool {
        let rows = try await rows(
            """
            WITH gone AS (DELETE FROM backup.messages WHERE id = $1 RETURNING *)
            INSERT INTO backup.dead_letters
                (id, queue, tenant_id, job_id, epoch, body, attempts, error_code, error_message, created_at)
            SELECT id, queue, tenant_id, job_id, epoch, body, attempts, $2, coalesce(last_error, $3), created_at FROM gone
            RETURNING id
            """, [.uuid(message.id), .text(failure.code.name), .text(failure.message)])
        guard !rows.isEmpty else { return false }
        try await holdJob(message)
        let waiting = try await finishJob(message, .failed, failure: failure, parked: true)
        try await insert(waiting)
        return true
    }

    /// Deletes the row of the message in hand: the proof, committed with the result, that it was handled once.
    /// - Throws: ``FailureCode/unitFenced`` when another worker was faster.
    func consume(_ message: Message) async throws(StageFailure) {
        let gone = try await rows("DELETE FROM backup.messages WHERE id = $1", [.uuid(message.id)])
        guard gone.affectedRows == 1 else {
            throw StageFailure(.unitFenced, "The message was handled by another worker.")
        }
    }

    /// Holds the row of a message's job to the end of the transaction. Who takes a parked job up again holds it too, and
    /// makes the messages that are missing: it must not count on one that is just being deleted, nor may who deletes
    /// one count on a state that is just being changed.
    func holdJob(_ message: Message) async throws(StageFailure) {
        _ = try await rows(
            "SELECT FROM backup.jobs WHERE tenant_id = $1 AND job_id = $2 FOR NO KEY UPDATE",
            [.uuid(message.tenant.uuid), .uuid(message.job.uuid)])
    }

    /// Rows of a statement on a job that runs. Where there are none it is asked again with the job held: only then may
    /// the message be deleted as one that has nothing left to do.
    func rowsOfRunningJob(_ message: Message, _ sql: String, _ parameters: [PostgresValue])
        async throws(StageFailure) -> PostgresRows
    {
        let found = try await rows(sql, parameters)
        guard found.isEmpty else { return found }
        try await holdJob(message)
        return try await rows(sql, parameters)
    }

    /// Makes rows for messages, to be published after the commit.
    func insert(_ messages: [Message], after delay: Duration? = nil) async throws(StageFailure) {
        guard !messages.isEmpty else { return }
        _ = try await rows(
            """
            INSERT INTO backup.messages (id, queue, tenant_id, job_id, epoch, body, visible_at)
            SELECT id, queue, tenant_id, job_id, epoch, body, clock_timestamp() + make_interval(secs => $7)
            FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::uuid[], $5::integer[], $6::text[])
                AS m (id, queue, tenant_id, job_id, epoch, body)
            """,
            [
                .uuidArray(messages.map(\.id)), .textArray(messages.map(\.kind.queue.rawValue)),
                .uuidArray(messages.map(\.tenant.uuid)), .uuidArray(messages.map(\.job.uuid)),
                .int32Array(messages.map(\.epoch)),
                .textArray(messages.map { String(decoding: $0.encoded(), as: UTF8.self) }),
                .double((delay ?? .zero) / .seconds(1)),
            ])
    }

    /// Ends a job and lets the one that waits for it begin. A job that has ended stays as it is.
    /// - Returns: the message of the job that waited, whose row is still to be inserted.
    func finishJob(
        _ message: Message, _ state: JobState, failure: StageFailure? = nil, parked: Bool = false,
        warnings: String = "[]"
    ) async throws(StageFailure) -> [Message] {
        let ended = try await rows(
            """
            UPDATE backup.jobs SET state = $3, finished_at = clock_timestamp(), error_code = $4, error_message = $5,
                parked = $6, warnings = $7::jsonb
            WHERE tenant_id = $1 AND job_id = $2 AND epoch = $8 AND state IN ('queued', 'running') RETURNING kind
            """,
            [
                .uuid(message.tenant.uuid), .uuid(message.job.uuid), .text(state.rawValue), .text(failure?.code.name),
                .text(failure?.message), .bool(parked), .text(warnings), .int32(message.epoch),
            ])
        guard let job = ended.first else { return [] }
        if try decoded({ () throws(PostgresError) in try job.text("kind") }) == JobKind.restore.rawValue {
            return try await releaseRestores(behind: message)
        }
        let waiting = try await rows(
            """
            UPDATE backup.jobs SET waiting_for = NULL
            WHERE tenant_id = $1 AND waiting_for = $2 AND state = 'queued' RETURNING job_id, epoch, trace
            """, [.uuid(message.tenant.uuid), .uuid(message.job.uuid)])
        return try decoded { () throws(PostgresError) in
            var messages: [Message] = []
            for row in waiting {
                messages.append(
                    Message(
                        kind: .backupRequested, tenant: message.tenant, job: JobID(uuid: try row.uuid("job_id")),
                        epoch: try row.int32("epoch"), trace: try row.text("trace")))
            }
            return messages
        }
    }
}
