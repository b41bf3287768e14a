public import BackupContracts
import BackupModel
import Foundation
import LibPQ

extension PostgresStore: FetchStore {
    /// A delta link counts as current for seven days after a complete listing; from then on the type is read whole.
    /// - Throws: ``FailureCode/credentialsInvalid`` for a tenant without a credential for reading.
    public func opening(_ handling: Message) async throws(StageFailure) -> RoundOpening? {
        try await transaction(of: handling.tenant) { (connection) async throws(StageFailure) in
            let rows = try await connection.rowsOfRunningJob(
                handling,
                """
                UPDATE backup.jobs SET state = 'running', started_at = coalesce(started_at, clock_timestamp())
                WHERE tenant_id = $1 AND job_id = $2 AND epoch = $3 AND state IN ('queued', 'running')
                    AND open_collections IS NULL
                RETURNING types, full_round
                """, [.uuid(handling.tenant.uuid), .uuid(handling.job.uuid), .int32(handling.epoch)])
            guard let job = rows.first else {
                try await connection.consume(handling)
                return nil
            }
            let links = try await connection.rows(
                """
                SELECT type FROM backup.delta_links
                WHERE tenant_id = $1 AND complete_at > now() - interval '7 days'
                """, [.uuid(handling.tenant.uuid)])
            let (access, _) = try await connectionToDirectory(connection, handling.tenant)
            return try decoded { () throws(PostgresError) in
                var linked: Set<UInt16> = []
                for row in links { linked.insert(UInt16(bitPattern: try row.int16("type"))) }
                return RoundOpening(
                    connection: access, types: try job.decode("types", as: [String]?.self),
                    full: try job.bool("full_round"), typesWithDeltaLink: linked)
            }
        }
    }

    /// The tenant's connection with its credential opened, and the keys that opened it.
    func connectionToDirectory(_ connection: PostgresConnection, _ tenant: TenantID) async throws(StageFailure)
        -> (DirectoryConnection, OpenedKeys)
    {
        let keys = try await keys(connection, tenant)
        let rows = try await connection.rows(
            """
            SELECT t.client_id, t.cloud, t.graph_url, t.authority_url, c.sealed
            FROM backup.tenants t JOIN backup.tenant_credentials c ON c.tenant_id = t.tenant_id AND c.purpose = 'read'
            WHERE t.tenant_id = $1
            """, [.uuid(tenant.uuid)])
        guard let row = rows.first else {
            throw StageFailure(.credentialsInvalid, "Tenant \(tenant) has no credential for reading.")
        }
        let sealed = try decoded { () throws(PostgresError) in try row.bytes("sealed") }
        let credential = try SealedCredential.open(sealed, keys)
        let access = try decoded { () throws(PostgresError) in
            DirectoryConnection(
                tenant: tenant, clientID: try row.text("client_id"), credential: credential,
                cloud: try row.named("cloud"), graphURL: try row.optionalText("graph_url"),
                authorityURL: try row.optionalText("authority_url"))
        }
        return (access, keys)
    }

    /// Takes back what an unsealed round has settled, drops the pages of every earlier one, and numbers the snapshot.
    public func openRound(_ handling: Message, _ collections: [CollectionPlan]) async throws(StageFailure) -> [Message]
    {
        try await transaction(of: handling.tenant) { (connection) async throws(StageFailure) in
            try await connection.consume(handling)
            try await connection.lockRounds(of: handling.tenant)
            _ = try await connection.rows("SELECT backup.roll_back_unsealed()")
            let opened = try await connection.rows(
                """
                UPDATE backup.jobs SET open_collections = $4,
                    snapshot = (SELECT coalesce(max(number), 0) + 1 FROM backup.snapshots WHERE tenant_id = $1)
                WHERE tenant_id = $1 AND job_id = $2 AND epoch = $3 AND state = 'running'
                """,
                [
                    .uuid(handling.tenant.uuid), .uuid(handling.job.uuid), .int32(handling.epoch),
                    .int32(Int32(collections.count)),
                ])
            guard opened.affectedRows == 1 else { return [] }
            // What an earlier epoch left.
            for table in ["pages", "collections"] {
                _ = try await connection.rows(
                    "DELETE FROM backup.\(table) WHERE tenant_id = $1", [.uuid(handling.tenant.uuid)])
            }
            _ = try await connection.rows(
                """
                INSERT INTO backup.collections (tenant_id, job_id, epoch, type, mode)
                SELECT $1, $2, $3, type, mode FROM unnest($4::smallint[], $5::text[]) AS c (type, mode)
                """,
                [
                    .uuid(handling.tenant.uuid), .uuid(handling.job.uuid), .int32(handling.epoch),
                    .int16Array(collections.map { Int16(bitPattern: $0.type) }),
                    .textArray(collections.map(\.mode.rawValue)),
                ])
            let walks = collections.map { handling.following(.walkReady, type: $0.type) }
            try await connection.insert(walks)
            return walks
        }
    }

    /// Opens credential, cursor and delta link; writes nothing but the end of a message that has no work.
    public func walk(_ handling: Message) async throws(StageFailure) -> WalkState? {
        try await transaction(of: handling.tenant) { (connection) async throws(StageFailure) in
            let rows = try await connection.rowsOfRunningJob(
                handling,
                """
                SELECT c.mode, c.ordinal, c.cursor, l.sealed AS delta_link, j.snapshot
                FROM backup.collections c
                JOIN backup.jobs j ON j.tenant_id = c.tenant_id AND j.job_id = c.job_id
                LEFT JOIN backup.delta_links l ON l.tenant_id = c.tenant_id AND l.type = c.type
                WHERE c.tenant_id = $1 AND c.job_id = $2 AND c.type = $3 AND c.epoch = $4 AND NOT c.walk_ended
                    AND j.state = 'running'
                """, handling.collectionKey + [.int32(handling.epoch)])
            guard let row = rows.first else {
                try await connection.consume(handling)
                return nil
            }
            let (access, keys) = try await connectionToDirectory(connection, handling.tenant)
            let mode = try decoded { () throws(PostgresError) in try row.named("mode", as: WalkMode.self) }
            let cursor = try decoded { () throws(PostgresError) in try row.optionalBytes("cursor") }
            let link = try decoded { () throws(PostgresError) in try row.optionalBytes("delta_link") }
            let type = handling.type ?? 0
            let position = try link.map { (link) throws(StageFailure) in try keys.openLink(link, type) }
            let isLog = Catalogue.current[type]?.shape == .incremental
            return try decoded { () throws(PostgresError) in
                WalkState(
                    connection: access, type: type, mode: mode, ordinal: try row.int32("ordinal"),
                    cursor: cursor.flatMap { keys.openCursor($0, type) }, deltaLink: mode == .delta ? position : nil,
                    incrementalFrom: isLog ? position : nil, snapshot: try row.int32("snapshot"))
            }
        }
    }

    /// One transaction; what the job has read stays until the next round of the tenant opens.
    public func failJob(_ handling: Message, _ failure: StageFailure) async throws(StageFailure) -> [Message] {
        try await transaction(of: handling.tenant) { (connection) async throws(StageFailure) in
            try await connection.consume(handling)
            let waiting = try await connection.finishJob(handling, .failed, failure: failure)
            try await connection.insert(waiting)
            return waiting
        }
    }
}

extension Message {
    /// Parameters 1 to 3 of statements on one collection.
    var collectionKey: [PostgresValue] {
        [.uuid(tenant.uuid), .uuid(job.uuid), .int16(Int16(bitPattern: type ?? 0))]
    }
}
