public import BackupContracts
import Foundation
import LibPQ

extension PostgresStore {
    /// Rows stay locked while `transport` has them; after a crash a message goes out again, under the same id.
    public func handOverMail(to transport: any MailTransport, limit: Int) async throws(StageFailure) -> Int {
        // Nothing waits at nearly all times.
        let waiting = try await withConnection { (connection) async throws(StageFailure) in
            try await connection.rows("SELECT FROM backup.outgoing_mails LIMIT 1")
        }
        guard !waiting.isEmpty else { return 0 }
        return try await transaction { (connection) async throws(StageFailure) in
            let rows = try await connection.rows(
                """
                SELECT id, message FROM backup.outgoing_mails ORDER BY created_at LIMIT $1 FOR UPDATE SKIP LOCKED
                """, [.int64(Int64(limit))])
            let mails = try decoded { () throws(PostgresError) in
                try rows.map { (row) throws(PostgresError) in
                    OutgoingMail(id: try row.uuid("id"), message: try row.text("message"))
                }
            }
            // A crash between the two leaves the row: the message goes out again under its id, and is the same one.
            for mail in mails {
                try await transport.send(mail)
                _ = try await connection.rows("DELETE FROM backup.outgoing_mails WHERE id = $1", [.uuid(mail.id)])
            }
            return mails.count
        }
    }

    /// One call of a function with the owner's rights: the scheduler's role may not change organizations.
    public func endTrials() async throws(StageFailure) -> Int {
        let rows = try await withConnection { (connection) async throws(StageFailure) in
            try await connection.rows("SELECT backup.end_trials() AS ended")
        }
        return try decoded { () throws(PostgresError) in Int(try rows.first?.int64("ended") ?? 0) }
    }
}
