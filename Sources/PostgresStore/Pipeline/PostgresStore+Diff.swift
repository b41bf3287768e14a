public import BackupContracts
import BackupModel
import Foundation
import LibPQ
import Sealing

extension PostgresStore: DiffStore {
    /// One statement for page, collection and keys; the page is opened after the transaction.
    public func page(_ handling: Message) async throws(StageFailure) -> DiffInput? {
        let type = handling.type ?? 0
        let found = try await transaction(of: handling.tenant) {
            (connection) async throws(StageFailure) -> (WalkMode, [UInt8], OpenedKeys, Bool)? in
            let rows = try await connection.rows(
                """
                SELECT c.mode, p.content, k.wrapped, j.snapshot IS NOT DISTINCT FROM 1 AS is_first FROM backup.pages p
                JOIN backup.collections c USING (tenant_id, job_id, type)
                JOIN backup.jobs j USING (tenant_id, job_id)
                LEFT JOIN backup.tenant_keys k USING (tenant_id)
                WHERE p.tenant_id = $1 AND p.job_id = $2 AND p.type = $3 AND p.ordinal = $4 AND p.content IS NOT NULL
                    AND c.epoch = $5
                """, handling.collectionKey + [.int32(handling.page ?? -1), .int32(handling.epoch)])
            guard let row = rows.first else {
                try await connection.consume(handling)
                return nil
            }
            let (mode, content, wrapped, isFirst) = try decoded { () throws(PostgresError) in
                (
                    try row.named("mode", as: WalkMode.self), try row.bytes("content"),
                    try row.optionalBytes("wrapped"), try row.bool("is_first")
                )
            }
            return (mode, content, try await self.keys(handling.tenant, wrapped: wrapped), isFirst)
        }
        guard let (mode, sealed, keys, isFirst) = found else { return nil }
        let content = try keys.open(sealed, "page", type)
        return DiffInput(type: type, mode: mode, content: content, digester: keys, isFirst: isFirst)
    }

    /// One transaction where all contents are there already, or are taken for new; else a second one. New ones are
    /// sealed before: that is the expensive part and needs no transaction.
    public func storeSightings(_ handling: Message, _ output: DiffOutput) async throws(StageFailure) -> [Message] {
        let keys = try await recentKeys(handling.tenant)
        let type = handling.type ?? 0
        var page = PreparedPage(
            sightings: try keys.seal(output.sightings.bytes, "sightings", type, kind: .incompressible),
            sightingCount: output.sightings.count, listing: output.listing, contents: [])
        let missing: Set<Digest>
        if output.areNew {
            missing = Set(output.contents.map(\.digest))
        } else {
            let digests = output.digests
            // Most pages of most rounds bring nothing new: one transaction finds that out and stores the page.
            let attempt = try await transaction(of: handling.tenant) {
                [page] (connection) async throws(StageFailure) -> StoringAttempt in
                let missing = try await connection.missing(handling.tenant, digests)
                return missing.isEmpty ? .stored(try await connection.store(handling, page)) : .isMissing(missing)
            }
            switch attempt {
            case .stored(let following): return following
            case .isMissing(let found): missing = found
            }
        }
        page.contents = try SealedContents.parts(output, missing, tenant: handling.tenant, type: type, keys)
        return try await transaction(of: handling.tenant) { [page] (connection) async throws(StageFailure) in
            try await connection.store(handling, page)
        }
    }

    /// Ends the message and nothing else when the collection is being settled, or has come to a bad end already.
    public func failCollection(_ handling: Message, _ failure: StageFailure) async throws(StageFailure) -> [Message] {
        try await transaction(of: handling.tenant) { (connection) async throws(StageFailure) in
            try await connection.consume(handling)
            let failed = try await connection.rows(
                """
                UPDATE backup.collections SET walk_ended = true, outcome = 'failed', reason_code = $5, reason = $6,
                    cursor = NULL, held_baton = NULL, done = ordinal
                WHERE tenant_id = $1 AND job_id = $2 AND type = $3 AND epoch = $4
                    AND outcome IN ('pending', 'complete', 'delta') AND chunks IS NULL
                """,
                handling.collectionKey + [
                    .int32(handling.epoch), .text(failure.code.name), .text(failure.message),
                ])
            guard failed.affectedRows == 1 else { return [] }
            _ = try await connection.rows(
                "DELETE FROM backup.pages WHERE tenant_id = $1 AND job_id = $2 AND type = $3", handling.collectionKey)
            let next = [handling.following(.collectionWalked, type: handling.type)]
            try await connection.insert(next)
            return next
        }
    }
}

extension DiffOutput {
    /// The digests of the contents, sorted, each once.
    fileprivate var digests: [Digest] {
        var unique: [Digest] = []
        unique.reserveCapacity(contents.count)
        for digest in contents.map(\.digest).sorted() where digest != unique.last { unique.append(digest) }
        return unique
    }
}

/// What came of storing a page as if it brought nothing new.
private enum StoringAttempt: Sendable {
    case stored([Message])
    case isMissing(Set<Digest>)
}

private struct PreparedPage: Sendable {
    var sightings: [UInt8]
    var sightingCount: Int
    var listing: ListingSum?
    var contents: [SealedContents]
}

/// New contents as arrays of columns, sorted by digest: rows are locked in one order by all differs.
private struct SealedContents: Sendable {
    /// Of payloads in one statement, about. A connection keeps buffers as large as the largest statement it has sent,
    /// and a page of users has over a megabyte.
    private static let fullAt = 256 << 10

    let tenant: TenantID
    let type: UInt16
    private(set) var digests = PostgresArray(.bytea)
    private(set) var facets = PostgresArray(.int16)
    private(set) var objects = PostgresArray(.uuid)
    private(set) var payloads = PostgresArray(.bytea)
    private(set) var tokens = PostgresArray(.text)
    private let kind: PayloadKind

    private init(tenant: TenantID, type: UInt16) {
        self.tenant = tenant
        self.type = type
        let hasPolicies = Catalogue.current[type].map { $0.throttle == .intune || $0.throttle == .conditionalAccess }
        kind = hasPolicies == true ? .policy : .directory
    }

    /// Seals those contents of a page whose digests are given.
    static func parts(
        _ output: DiffOutput, _ missing: Set<Digest>, tenant: TenantID, type: UInt16, _ keys: OpenedKeys
    ) throws(StageFailure) -> [SealedContents] {
        var places: [Digest: Int] = [:]
        for (place, content) in output.contents.enumerated() where missing.contains(content.digest) {
            places[content.digest] = place
        }
        var parts: [SealedContents] = []
        var part = SealedContents(tenant: tenant, type: type)
        for (_, place) in places.sorted(by: { $0.key < $1.key }) {
            try part.append(output.contents[place], output.canonical, keys)
            guard part.payloads.byteCount >= fullAt else { continue }
            parts.append(part)
            part = SealedContents(tenant: tenant, type: type)
        }
        return part.digests.count == 0 ? parts : parts + [part]
    }

    private mutating func append(_ content: SeenContent, _ canonical: [UInt8], _ keys: OpenedKeys) throws(StageFailure)
    {
        let sealed: [UInt8]
        do {
            sealed = try canonical.withUnsafeBytes { (bytes) throws(SealingError) in
                try keys.sealer.seal(
                    UnsafeRawBufferPointer(rebasing: bytes[content.range]), type: type, digest: content.digest.bytes,
                    kind: kind)
            }
        } catch {
            throw StageFailure(.stageDefect, "A content could not be sealed: \(error)")
        }
        content.digest.withBytes { digests.append(bytes: $0) }
        facets.append(int16: Int16(bitPattern: content.facet))
        content.object.withBytes { objects.append(uuidBytes: $0) }
        payloads.append(bytes: sealed)
        // unnest flattens arrays of arrays, so a row's tokens travel as the text of an array.
        let found = content.words.map(keys.searchTokens) ?? []
        if found.isEmpty {
            tokens.appendNull()
        } else {
            var text = "{"
            for token in found {
                if text.utf8.count > 1 { text += "," }
                text += String(token)
            }
            tokens.append(text: text + "}")
        }
    }
}

extension PostgresConnection {
    /// Which of the digests the tenant has no content of.
    fileprivate func missing(_ tenant: TenantID, _ digests: [Digest]) async throws(StageFailure) -> Set<Digest> {
        guard !digests.isEmpty else { return [] }
        var wanted = PostgresArray(.bytea, capacity: digests.count, elementSize: 32)
        for digest in digests { digest.withBytes { wanted.append(bytes: $0) } }
        let rows = try await rows(
            """
            SELECT w.digest FROM unnest($2::bytea[]) AS w (digest) LEFT JOIN LATERAL (
                SELECT true AS is_there FROM backup.contents k WHERE k.tenant_id = $1 AND k.digest = w.digest OFFSET 0
            ) AS c ON true WHERE c.is_there IS NULL
            """, [.uuid(tenant.uuid), .array(wanted)])
        return try decoded { () throws(PostgresError) in
            var missing = Set<Digest>(minimumCapacity: rows.count)
            for row in rows { missing.insert(try row.digest("digest")) }
            return missing
        }
    }

    fileprivate func store(_ handling: Message, _ page: PreparedPage) async throws(StageFailure) -> [Message] {
        try await consume(handling)
        for part in page.contents { try await insert(part) }
        let kept = try await rows(
            """
            UPDATE backup.pages SET sightings = $5, listing = $6, content = NULL
            WHERE tenant_id = $1 AND job_id = $2 AND type = $3 AND ordinal = $4 AND sightings IS NULL
            """,
            handling.collectionKey + [
                .int32(handling.page ?? -1), .bytea(page.sightings), .bytea(page.listing?.bytes),
            ])
        // The page was dropped while it was worked on: its walk started again or came to nothing.
        guard kept.affectedRows == 1 else { return [] }
        return try await countPage(handling, sightings: page.sightingCount)
    }

    fileprivate func insert(_ contents: SealedContents) async throws(StageFailure) {
        _ = try await rows(
            """
            INSERT INTO backup.contents (tenant_id, type, digest, facet, object_id, payload, tokens)
            SELECT $1, $2, digest, facet, object_id, payload, tokens::integer[]
            FROM unnest($3::bytea[], $4::smallint[], $5::uuid[], $6::bytea[], $7::text[])
                AS c (digest, facet, object_id, payload, tokens)
            ON CONFLICT DO NOTHING
            """,
            [
                .uuid(contents.tenant.uuid), .int16(Int16(bitPattern: contents.type)), .array(contents.digests),
                .array(contents.facets), .array(contents.objects), .array(contents.payloads), .array(contents.tokens),
            ])
    }

    /// Counts a page as sighted; the row lock decides who saw the last one (D4).
    fileprivate func countPage(_ handling: Message, sightings: Int) async throws(StageFailure) -> [Message] {
        let rows = try await rows(
            """
            UPDATE backup.collections SET done = done + 1, sightings = sightings + $4,
                diff_started_at = coalesce(diff_started_at, clock_timestamp()), diff_finished_at = clock_timestamp()
            WHERE tenant_id = $1 AND job_id = $2 AND type = $3 AND epoch = $5
            RETURNING done, ordinal, walk_ended, held_baton
            """, handling.collectionKey + [.int64(Int64(sightings)), .int32(handling.epoch)])
        guard let row = rows.first else { return [] }
        let (undiffed, ended, held) = try decoded { () throws(PostgresError) in
            (
                try row.int32("ordinal") - (try row.int32("done")), try row.bool("walk_ended"),
                try row.optionalText("held_baton")
            )
        }
        var following: [Message] = []
        if ended, undiffed == 0 {
            following.append(handling.following(.collectionWalked, type: handling.type))
        }
        if let held, undiffed <= PostgresStore.undiffedPagesAllowed, let baton = Message(decoding: Array(held.utf8)) {
            _ = try await self.rows(
                "UPDATE backup.collections SET held_baton = NULL WHERE tenant_id = $1 AND job_id = $2 AND type = $3",
                handling.collectionKey)
            following.append(baton)
        }
        try await insert(following)
        return following
    }
}

extension PostgresRow {
    /// A `bytea` of 32 bytes.
    func digest(_ column: PostgresColumn) throws(PostgresError) -> Digest {
        guard let digest = Digest(bytes: try bytes(column)) else {
            throw PostgresError(code: .decodingFailed, message: "A digest does not have 32 bytes.")
        }
        return digest
    }

    /// A value that is kept by its name. Another is never taken for one that this version does not know: of a cloud, the
    /// credential would be sent to the wrong one.
    func named<T: RawRepresentable<String>>(_ column: PostgresColumn, as _: T.Type = T.self) throws(PostgresError) -> T
    {
        let name = try text(column)
        guard let value = T(rawValue: name) else {
            throw PostgresError(code: .decodingFailed, message: "A \(T.self) is stored that is not known, \(name).")
        }
        return value
    }

    /// The same, of a column that may be NULL.
    func optionallyNamed<T: RawRepresentable<String>>(
        _ column: PostgresColumn, as _: T.Type = T.self
    ) throws(PostgresError) -> T? {
        try isNull(column) ? nil : try named(column)
    }

    /// A `uuid` as an object's key.
    func objectKey(_ column: PostgresColumn) throws(PostgresError) -> ObjectKey {
        ObjectKey(try uuid(column))
    }
}
