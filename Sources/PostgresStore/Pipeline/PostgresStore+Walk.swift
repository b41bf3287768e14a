public import BackupContracts
public import BackupModel
import Foundation
import LibPQ
import Sealing

extension PostgresStore {
    /// Undiffed pages at which a baton is held back: two batons of twenty pages (D14).
    static let undiffedPagesAllowed: Int32 = 40

    /// Seals before the transaction. A baton is held back while more than 40 pages wait for a differ (D14).
    public func storePage(
        _ handling: Message, _ state: WalkState, _ page: FetchedPage?, _ step: WalkStep
    ) async throws(StageFailure) -> [Message] {
        let sealedPage = try await sealPage(handling, state, page, step)
        return try await transaction(of: handling.tenant) { (connection) async throws(StageFailure) in
            let progress = try await connection.advance(handling, state, page, step, sealedPage)
            var following: [Message] = []
            if let content = sealedPage.content {
                _ = try await connection.rows(
                    """
                    INSERT INTO backup.pages (tenant_id, job_id, type, ordinal, content) VALUES ($1, $2, $3, $4, $5)
                    """, handling.collectionKey + [.int32(state.ordinal), .bytea(content)])
                following.append(handling.following(.pageFetched, type: state.type, page: state.ordinal))
            }
            switch step {
            case .goesOn: break
            case .passesBaton(_, let delay):
                try await connection.consume(handling)
                let baton = handling.following(.walkReady, type: state.type)
                if let delay {
                    try await connection.insert([baton], after: delay)
                } else if progress.undiffed > Self.undiffedPagesAllowed {
                    try await connection.hold(baton, handling)
                } else {
                    following.append(baton)
                }
            case .ends(let end):
                try await connection.consume(handling)
                if try await connection.finishWalk(handling, end, progress) {
                    following.append(handling.following(.collectionWalked, type: state.type))
                }
            }
            try await connection.insert(following)
            return following
        }
    }

    /// Sealing is the expensive part and needs no transaction.
    private func sealPage(_ handling: Message, _ state: WalkState, _ page: FetchedPage?, _ step: WalkStep)
        async throws(StageFailure) -> SealedPage
    {
        let keys = try await recentKeys(handling.tenant)
        var sealed = SealedPage()
        if let page, !page.content.isEmpty {
            // A dictionary is for small things: with it a page takes twice as long and comes out no smaller.
            sealed.content = try keys.seal(page.content, "page", state.type, kind: .none)
        }
        switch step {
        case .goesOn(let cursor), .passesBaton(let cursor, _):
            sealed.cursor = try keys.sealCursor(cursor, state.type)
        case .ends(let end):
            if let link = end.deltaLink { sealed.deltaLink = try keys.seal(Array(link.utf8), "delta link", state.type) }
        }
        return sealed
    }

    /// Moves the ordinal on, so that a page that is still on its way is fenced.
    /// - Throws: ``FailureCode/unitFenced`` when the walk went on elsewhere.
    public func restartWalk(_ handling: Message, _ state: WalkState, from cursor: WalkCursor)
        async throws(StageFailure) -> [Message]
    {
        let sealed = try await recentKeys(handling.tenant).sealCursor(cursor, state.type)
        return try await transaction(of: handling.tenant) { (connection) async throws(StageFailure) in
            // The ordinal is raised, so that a page of the walk before, which is on its way still, is fenced.
            let restarted = try await connection.rows(
                """
                UPDATE backup.collections SET mode = 'complete', cursor = $6, ordinal = ordinal + 1,
                    done = ordinal + 1, sightings = 0, items = 0, held_baton = NULL
                WHERE tenant_id = $1 AND job_id = $2 AND type = $3 AND epoch = $4 AND ordinal = $5 AND NOT walk_ended
                """, handling.collectionKey + [.int32(handling.epoch), .int32(state.ordinal), .bytea(sealed)])
            guard restarted.affectedRows == 1 else { throw StageFailure(.unitFenced, "The walk went on elsewhere.") }
            _ = try await connection.rows(
                "DELETE FROM backup.pages WHERE tenant_id = $1 AND job_id = $2 AND type = $3", handling.collectionKey)
            try await connection.consume(handling)
            let next = [handling.following(.walkReady, type: state.type)]
            try await connection.insert(next)
            return next
        }
    }
}

/// What a step of a walk writes, sealed.
struct SealedPage {
    var content: [UInt8]?
    var cursor: [UInt8]?
    var deltaLink: [UInt8]?
}

/// Where a walk stands after a step.
private struct WalkProgress {
    var ordinal: Int32
    var done: Int32
    var undiffed: Int32 { ordinal - done }
}

extension PostgresConnection {
    /// Moves the walk on by one step; the fence is the ordinal.
    fileprivate func advance(
        _ handling: Message, _ state: WalkState, _ page: FetchedPage?, _ step: WalkStep, _ sealed: SealedPage
    ) async throws(StageFailure) -> WalkProgress {
        let rows = try await rows(
            """
            UPDATE backup.collections c SET
                ordinal = ordinal + $6, pages = pages + $7, requests = requests + $8, items = items + $9,
                cursor = coalesce($10, cursor), delta_link = coalesce($11, delta_link),
                fetch_started_at = coalesce(fetch_started_at, clock_timestamp()), fetch_finished_at = clock_timestamp()
            WHERE tenant_id = $1 AND job_id = $2 AND type = $3 AND epoch = $4 AND ordinal = $5 AND NOT walk_ended
                AND EXISTS (SELECT FROM backup.jobs j WHERE j.tenant_id = c.tenant_id AND j.job_id = c.job_id
                            AND j.state = 'running' AND j.epoch = c.epoch)
            RETURNING ordinal, done
            """,
            handling.collectionKey + [
                .int32(handling.epoch), .int32(state.ordinal), .int32(sealed.content == nil ? 0 : 1),
                .int32(page == nil ? 0 : 1), .int32(Int32(page?.requests ?? 0)), .int64(Int64(page?.items ?? 0)),
                .bytea(sealed.cursor), .bytea(sealed.deltaLink),
            ])
        guard let row = rows.first else { throw StageFailure(.unitFenced, "The page was stored by another worker.") }
        return try decoded { () throws(PostgresError) in
            WalkProgress(ordinal: try row.int32("ordinal"), done: try row.int32("done"))
        }
    }

    /// Keeps a baton until the differ has caught up.
    fileprivate func hold(_ baton: Message, _ handling: Message) async throws(StageFailure) {
        _ = try await rows(
            """
            UPDATE backup.collections SET held_baton = $4 WHERE tenant_id = $1 AND job_id = $2 AND type = $3
            """, handling.collectionKey + [.text(String(decoding: baton.encoded(), as: UTF8.self))])
    }

    /// Ends the walk. Returns whether all its pages are sighted already.
    fileprivate func finishWalk(_ handling: Message, _ end: WalkEnd, _ progress: WalkProgress)
        async throws(StageFailure) -> Bool
    {
        let isGood = end.outcome == .complete || end.outcome == .delta
        if !isGood {
            // Nothing is settled from a walk that did not come to its end (D5).
            _ = try await rows(
                "DELETE FROM backup.pages WHERE tenant_id = $1 AND job_id = $2 AND type = $3", handling.collectionKey)
        }
        _ = try await rows(
            """
            UPDATE backup.collections SET walk_ended = true, outcome = $4, reason_code = $5, reason = $6, cursor = NULL,
                done = CASE WHEN $7 THEN done ELSE ordinal END
            WHERE tenant_id = $1 AND job_id = $2 AND type = $3
            """,
            handling.collectionKey + [
                .text(end.outcome.rawValue), .text(end.reason?.code.name), .text(end.reason?.message), .bool(isGood),
            ])
        return !isGood || progress.undiffed == 0
    }
}
