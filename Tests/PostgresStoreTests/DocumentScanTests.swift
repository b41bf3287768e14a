import BackupContracts
import BackupModel
import Foundation
import PostgresStore
import Testing

/// Types are read in batches of even size: nothing is lost or told twice where one ends.
@Suite(.timeLimit(.minutes(5))) struct DocumentScanTests {
    private static func key(_ number: Int) -> ObjectKey { ObjectKey(high: 10, low: UInt64(number)) }

    /// Adds so many members to a group that is in snapshot 1.
    private func addMembers(_ count: Int, to group: ObjectKey, _ tenant: TenantID, _ database: TestDatabase)
        async throws
    {
        try await database.sql(
            """
            INSERT INTO backup.link_versions (tenant_id, object_id, target_id, from_snapshot, type, relationship)
            SELECT '\(tenant)', '\(group)', lpad(to_hex(i), 32, '0')::uuid, 1, \(Types.group), \(Types.members)
            FROM generate_series(1, \(count)) AS i
            """)
    }

    @Test func `groups with more members than a batch has room for come whole and once`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            let groups = (1...300).map(Self.key)
            try await database.backUp(
                tenant, [Types.group: Listing(Dictionary(uniqueKeysWithValues: groups.map { ($0, #"{"a":1}"#) }))])
            // Larger than a batch, together larger, exactly as large, and at the end.
            let members = [2: 60_000, 3: 30_000, 4: 30_000, 5: 1, 200: 50_000, 299: 20_000, 300: 49_999]
            for (number, count) in members {
                try await addMembers(count, to: Self.key(number), tenant, database)
            }
            let type = try #require(Catalogue.current[Types.group])
            var found: [ObjectKey] = []
            try await database.admin.documents(tenant, type, at: 1) { stored in
                found.append(stored.key)
                let targets = stored.document.links["members"] ?? []
                let wanted = members[Int(stored.key.low)] ?? 0
                #expect(targets.count == wanted && targets.last == (wanted > 0 ? key(wanted).description : nil))
            }
            #expect(found == groups)
        }
    }

    private func key(_ number: Int) -> ObjectKey { ObjectKey(high: 0, low: UInt64(number)) }

    @Test func `objects of very different size come whole and once, to downloads as well`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            var listing = Listing()
            for number in 1...1_500 {
                // Text that does not compress: long ones in the middle.
                let length = (600..<700).contains(number) ? 1_000 : 1
                let text = (0..<length).map { _ in UUID().uuidString }.joined()
                listing.objects[Self.key(number)] = #"{"displayName":"\#(text)"}"#
            }
            try await database.backUp(tenant, [Types.user: listing])
            #expect(try await database.listing(tenant, Types.user, at: 1) == listing)

            let job = try await database.admin.startDownload(
                tenant, snapshot: nil, format: .json, types: ["user"], ids: nil)
            let message = try #require(try await database.messages(of: job.id).first)
            let order = try #require(try await database.downloader.order(message))
            let type = try #require(Catalogue.current[Types.user])
            var found: [(key: ObjectKey, text: String)] = []
            try await database.downloader.documents(message, order, type) {
                (document, _) async throws(StageFailure) in
                guard let key = ObjectKey(document.id) else { return }
                found.append((key, String(decoding: document.attributes.bytes, as: UTF8.self)))
            }
            #expect(found.map(\.key) == listing.objects.keys.sorted())
            #expect(found.allSatisfy { listing.objects[$0.key] == $0.text })
        }
    }

    @Test func `a content that is no object is damage, not an object less`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            try await database.backUp(tenant, [Types.user: Listing([Self.key(1): "[]"])])
            let type = try #require(Catalogue.current[Types.user])
            let code = try await failureCode {
                try await database.admin.documents(tenant, type, at: 1) { _ in }
            }
            #expect(code == "storedDataDamaged")
        }
    }
}
