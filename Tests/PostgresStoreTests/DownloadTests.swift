import BackupContracts
import BackupModel
import Foundation
import LibPQ
import PostgresStore
import Testing

/// Downloads in the store: what is written, by whom, for how long, and for whom.
@Suite(.timeLimit(.minutes(5))) struct DownloadTests {
    private static let users = (1...5).map { ObjectKey(high: 9, low: UInt64($0)) }
    private static let first = Listing(
        Dictionary(uniqueKeysWithValues: users.map { ($0, #"{"displayName":"one"}"#) }))

    /// A tenant with two snapshots: five users, then four.
    private func tenant(_ database: TestDatabase) async throws -> TenantID {
        let tenant = try await database.addTenant()
        try await database.backUp(tenant, [Types.user: Self.first])
        var second = Self.first
        second.objects[Self.users[0]] = nil
        second.objects[Self.users[1]] = #"{"displayName":"two"}"#
        try await database.backUp(tenant, [Types.user: second])
        return tenant
    }

    private func start(
        _ database: TestDatabase, _ tenant: TenantID, snapshot: SnapshotNumber? = nil, types: [String]? = nil,
        ids: [String]? = nil
    ) async throws -> (job: JobRecord, message: Message) {
        let job = try await database.admin.startDownload(
            tenant, snapshot: snapshot, format: .json, types: types, ids: ids)
        return (job, try #require(try await database.messages(of: job.id).first))
    }

    private func documents(_ store: PostgresStore, _ message: Message, _ order: DownloadOrder) async throws
        -> [String: String]
    {
        var found: [String: String] = [:]
        for type in Catalogue.current.types where order.types?.contains(type.name) ?? true {
            try await store.documents(message, order, type) { (document, _) async throws(StageFailure) in
                let name = (try? document.parsed().displayName) ?? "not JSON"
                #expect(found.updateValue(name, forKey: document.id) == nil)
            }
        }
        return found
    }

    private func bytes(_ database: TestDatabase, _ job: JobID, from offset: Int64 = 0) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        try await database.admin.read(try await database.admin.download(job), from: offset) { bytes += $0 }
        return bytes
    }

    private func piece(_ count: Int, _ value: UInt8) -> [UInt8] { Array(repeating: value, count: count) }

    @Test func `a download is ordered, written in pieces and fetched from any byte`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await tenant(database)
            let (job, message) = try await start(database, tenant)
            #expect(job.kind == .download && job.state == .queued && job.snapshot == 2 && job.total == 4)
            #expect(try await failureCode { _ = try await database.admin.download(job.id) } == "downloadNotFinished")

            let order = try #require(try await database.downloader.order(message))
            #expect(order.snapshot == 2 && order.format == .json && order.types == nil && order.ids == nil)
            let snapshot = try await database.admin.snapshot(tenant, 2)
            #expect(order.signature == hexadecimal(snapshot.signature))
            let found = try await documents(database.downloader, message, order)
            #expect(found.count == 4 && found[Self.users[1].description] == "two")

            let size = DownloadOrder.pieceSize
            try await database.downloader.storePiece(message, order, ordinal: 0, piece(size, 1), objects: 3)
            #expect(try await database.admin.job(job.id).done == 3)
            try await database.downloader.storePiece(message, order, ordinal: 1, piece(10, 2), objects: 4)
            let result = DownloadResult(pieces: 2, bytes: Int64(size) + 10, sha256: [7], objects: 4)
            try await database.downloader.finish(message, order, result)

            let ended = try await database.admin.job(job.id)
            #expect(ended.state == .succeeded && ended.done == 4 && ended.stages.map(\.stage) == ["downloader"])
            #expect(try await database.messages(of: job.id) == [])
            let whole = piece(size, 1) + piece(10, 2)
            for offset in [0, 1, size - 1, size, size + 3, size + 10] {
                #expect(try await bytes(database, job.id, from: Int64(offset)) == Array(whole[offset...]), "\(offset)")
            }
            let stored = try await database.sql("SELECT payload FROM backup.download_chunks WHERE ordinal = 1")
            #expect(try !stored.onlyRow().bytes(0).starts(with: [2, 2]))
        }
    }

    @Test func `an older snapshot, types and ids are the scope, and ids that are not there are named`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await tenant(database)
            let gone = Self.users[0].description
            let (job, message) = try await start(database, tenant, snapshot: 1, types: ["user"], ids: [gone])
            #expect(job.snapshot == 1 && job.total == 1)
            let order = try #require(try await database.downloader.order(message))
            #expect(try await documents(database.downloader, message, order) == [gone: "one"])
            #expect(order.types == ["user"] && order.ids == [gone])
            // The ids are not in the clear.
            let scope = try await database.sql("SELECT scope FROM backup.downloads").onlyRow().bytes(0)
            #expect(!String(decoding: scope, as: UTF8.self).contains(gone))

            for (snapshot, types, ids) in [
                (nil, nil, [gone, Self.users[2].description]), (1, ["group"], [gone]), (nil, nil, ["contoso.example"]),
            ] as [(SnapshotNumber?, [String]?, [String])] {
                let code = try await failureCode {
                    _ = try await database.admin.startDownload(
                        tenant, snapshot: snapshot, format: .csv, types: types, ids: ids)
                }
                #expect(code == "objectsNotFound")
            }
            #expect(
                try await failureCode {
                    _ = try await database.admin.startDownload(tenant, snapshot: 9, format: .csv, types: nil, ids: nil)
                } == "snapshotNotFound")
            #expect(try await database.number("SELECT count(*) FROM backup.downloads") == 1)
        }
    }

    @Test func `an attempt that was begun anew is fenced in all it does`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await tenant(database)
            let (job, message) = try await start(database, tenant)
            let store = database.downloader
            let old = try #require(try await store.order(message))
            try await store.storePiece(message, old, ordinal: 0, [1], objects: 1)
            let new = try #require(try await database.another("downloader").order(message))
            #expect(new.attempt == old.attempt + 1)
            #expect(try await database.number("SELECT count(*) FROM backup.download_chunks") == 0)
            let result = DownloadResult(pieces: 1, bytes: 1, sha256: [1], objects: 1)
            for ordinal: Int32 in [0, 1] {
                let code = try await failureCode {
                    try await store.storePiece(message, old, ordinal: ordinal, [1], objects: 1)
                }
                #expect(code == "unitFenced")
            }
            try await store.storePiece(message, new, ordinal: 0, [2], objects: 1)
            // Neither twice, nor one that is not the next, nor an end by the old one or with pieces missing.
            for ordinal: Int32 in [0, 2] {
                let code = try await failureCode {
                    try await store.storePiece(message, new, ordinal: ordinal, [2], objects: 1)
                }
                #expect(code == "unitFenced")
            }
            #expect(try await failureCode { try await store.finish(message, old, result) } == "unitFenced")
            var short = result
            short.bytes = 2
            #expect(try await failureCode { try await store.finish(message, new, short) } == "stageDefect")
            try await store.finish(message, new, result)
            #expect(try await bytes(database, job.id) == [2])
            #expect(try await failureCode { try await store.finish(message, new, result) } == "unitFenced")
            // A reminder that comes late finds nothing to do.
            let late = try await database.twin(of: message)
            #expect(try await store.order(late) == nil)
            #expect(try await bytes(database, job.id) == [2])
            #expect(try await database.messages(of: job.id) == [])
        }
    }

    @Test func `a cancelled or parked download leaves nothing, and can be started again`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await tenant(database)
            let (job, message) = try await start(database, tenant)
            let order = try #require(try await database.downloader.order(message))
            try await database.downloader.storePiece(message, order, ordinal: 0, [1], objects: 1)
            #expect(try await database.admin.cancelJob(job.id).state == .cancelled)
            #expect(try await database.number("SELECT count(*) FROM backup.download_chunks") == 0)
            let late = try await failureCode {
                try await database.downloader.storePiece(message, order, ordinal: 1, [1], objects: 1)
            }
            #expect(late == "unitFenced")

            #expect(try await database.admin.retryJob(job.id).state == .queued)
            let again = try #require(try await database.messages(of: job.id).first)
            #expect(again.kind == .downloadRequested && again.epoch == 2)
            // A backup that runs meanwhile is in nobody's way.
            _ = try await database.openRound(tenant, [Types.user])
            let failure = StageFailure(.keyWrong, "The key store is another one.")
            #expect(try await database.downloader.fail(again, failure, delay: .zero))
            #expect(try await database.admin.job(job.id).parked)
            #expect(try await database.admin.retryDeadLetter(again.id) == [again.id])
            let second = try #require(try await database.downloader.order(again))
            try await database.downloader.storePiece(again, second, ordinal: 0, [3], objects: 1)
            try await database.downloader.finish(
                again, second, DownloadResult(pieces: 1, bytes: 1, sha256: [3], objects: 1))
            #expect(try await bytes(database, job.id) == [3])
        }
    }

    @Test func `retention keeps the snapshot of a download under way, and takes away what has expired`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await tenant(database)
            let (job, message) = try await start(database, tenant, snapshot: 1)
            func age() async throws -> [SnapshotNumber] {
                try await database.sql("UPDATE backup.snapshots SET sealed_at = now() - interval '91 days'")
                try await database.sql("UPDATE backup.schedule SET next_retention_at = now() - interval '1 s'")
                _ = try await database.scheduler.applyRetention()
                return try await database.admin.snapshots(tenant).map(\.number)
            }
            #expect(try await age() == [2, 1])
            let order = try #require(try await database.downloader.order(message))
            #expect(try await age() == [2, 1])
            try await database.downloader.storePiece(message, order, ordinal: 0, [1], objects: 5)
            try await database.downloader.finish(
                message, order, DownloadResult(pieces: 1, bytes: 1, sha256: [1], objects: 5))
            #expect(try await age() == [2])
            // The archive outlives its snapshot, for a week.
            #expect(try await bytes(database, job.id) == [1])
            #expect(
                try await database.number("SELECT extract(epoch FROM expires_at - now()) / 86400 FROM backup.downloads")
                    == 7)
            let record = try await database.admin.download(job.id)
            try await database.sql("UPDATE backup.downloads SET expires_at = now()")
            #expect(try await failureCode { _ = try await database.admin.download(job.id) } == "downloadExpired")
            _ = try await database.scheduler.applyRetention()
            #expect(try await database.number("SELECT count(*) FROM backup.downloads") == 0)
            #expect(try await database.number("SELECT count(*) FROM backup.download_chunks") == 0)
            let expired = try await failureCode { try await database.admin.read(record, from: 0) { _ in } }
            #expect(expired == "downloadExpired")

            // A download of a snapshot that is gone fails by name.
            let (lost, again) = try await start(database, tenant)
            try await database.sql("DELETE FROM backup.snapshots")
            let code = try await failureCode { _ = try await database.downloader.order(again) }
            #expect(code == "snapshotRemoved")
            #expect(try await database.downloader.fail(again, StageFailure(.snapshotRemoved, ""), delay: .zero))
            #expect(try await database.admin.job(lost.id).state == .failed)
        }
    }

    @Test func `a download that is asked for while retention waits keeps its snapshot`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await tenant(database)
            try await database.sql("UPDATE backup.snapshots SET sealed_at = now() - interval '91 days'")
            try await database.sql("UPDATE backup.schedule SET next_retention_at = now() - interval '1 s'")
            let blocker = try await database.server.connect(database: database.name)
            try await blocker.execute(
                """
                BEGIN; SELECT pg_catalog.pg_advisory_xact_lock(
                    pg_catalog.hashtextextended('rounds of \(tenant)', 0))
                """)
            let (admin, scheduler) = (database.admin, database.scheduler)
            async let started = admin.startDownload(tenant, snapshot: 1, format: .json, types: nil, ids: nil)
            try await eventually { try await database.isWaiting("operator") }
            // No job is there yet: the tenant is chosen, and retention waits behind the download.
            async let retained = scheduler.applyRetention()
            try await eventually { try await database.isWaiting("scheduler") }
            try await blocker.execute("ROLLBACK")
            await blocker.close()
            #expect(try await started.snapshot == 1)
            #expect(try await retained)
            #expect(try await database.admin.snapshots(tenant).map(\.number) == [2, 1])
        }
    }

    @Test func `an archive is its tenant's, and a piece that was moved or changed does not open`() async throws {
        try await TestDatabase.with { database in
            let (a, b) = (try await tenant(database), try await database.addTenant())
            let (job, message) = try await start(database, a)
            let order = try #require(try await database.downloader.order(message))
            for ordinal: Int32 in 0..<2 {
                try await database.downloader.storePiece(
                    message, order, ordinal: ordinal, piece(DownloadOrder.pieceSize, UInt8(ordinal)), objects: 4)
            }
            try await database.downloader.finish(
                message, order,
                DownloadResult(pieces: 2, bytes: Int64(2 * DownloadOrder.pieceSize), sha256: [1], objects: 4))

            // Row-level security: another tenant sees nothing of it, and nobody without a tenant does.
            for role in ["downloader", "operator"] {
                let connection = try await database.connect(role)
                for tenant in [b.description, ""] {
                    for table in ["downloads", "download_chunks"] {
                        try await connection.execute("SET backup.tenant = '\(tenant)'")
                        let rows = try await connection.query("SELECT FROM backup.\(table)")
                        #expect(rows.isEmpty, "\(role) \(table)")
                    }
                }
            }
            var manifest = ArchiveManifest(format: "json", snapshot: 2, tenant: a, signature: "00")
            manifest.mark = try await database.downloader.mark(message, manifest.markedBytes)
            #expect(try await database.admin.hasMade(manifest))
            var forged = manifest
            forged.snapshot = 1
            #expect(try await !database.admin.hasMade(forged))
            forged = manifest
            forged.tenant = b
            #expect(try await !database.admin.hasMade(forged))

            try await database.sql("UPDATE backup.download_chunks SET ordinal = ordinal + 10")
            try await database.sql("UPDATE backup.download_chunks SET ordinal = 11 - ordinal")
            #expect(try await failureCode { _ = try await bytes(database, job.id) } == "storedDataDamaged")
        }
    }
}
