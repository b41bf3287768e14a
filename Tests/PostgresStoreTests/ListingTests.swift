import BackupContracts
import BackupModel
import LibPQ
import PostgresStore
import Testing

/// A complete listing that says what the one before it said has nothing to settle; any other is settled.
@Suite(.timeLimit(.minutes(5))) struct ListingTests {
    private static let keys = (1...6).map { ObjectKey(high: UInt64($0) << 60, low: UInt64($0)) }
    private static let listing = Listing(
        Dictionary(uniqueKeysWithValues: keys.map { ($0, #"{"displayName":"\#($0.low)"}"#) }),
        links: [LinkHead(object: keys[0], relationship: Types.members, target: keys[1])])

    /// Settles a round of one collection up to its seal. Returns whether there was nothing to settle.
    private func round(
        _ database: TestDatabase, _ tenant: TenantID, _ pages: [Listing], seals: Bool = true,
        dependsOnOrder: Bool = false
    ) async throws -> Bool {
        let walked = try await walked(database, tenant, pages)
        var settlement = try #require(try await database.persister.settlement(walked))
        let nothingToSettle = settlement.chunks == 0
        var following: [Message] = []
        repeat {
            var changes = nothingToSettle ? VersionChanges() : try await database.changes(walked, settlement)
            changes.dependsOnOrder = dependsOnOrder
            following = try await database.persister.settleChunk(walked, settlement, changes, passesBaton: false)
            settlement.settled += 1
        } while settlement.settled < settlement.chunks
        if seals { _ = try await database.persister.seal(try #require(following.first)) }
        return nothingToSettle
    }

    /// Fetches and sights the pages of a complete listing, the last page first.
    private func walked(_ database: TestDatabase, _ tenant: TenantID, _ pages: [Listing]) async throws -> Message {
        let (_, walks) = try await database.openRound(tenant, [Types.group])
        let walk = try #require(walks.first)
        var fetched: [Message] = []
        for page in pages.indices {
            let state = try #require(try await database.fetcher.walk(walk))
            let isLast = page == pages.count - 1
            fetched += try await database.fetcher.storePage(
                walk, state, .test(items: 1),
                isLast ? .ends(WalkEnd(outcome: .complete)) : .goesOn(WalkCursor(pass: page + 1)))
        }
        var following: [Message] = []
        for (message, page) in zip(fetched, pages).reversed() {
            following += try await database.sight(message, page)
        }
        return try #require(following.first)
    }

    private func versions(_ database: TestDatabase) async throws -> Int64 {
        try await database.number(
            "SELECT (SELECT count(*) FROM backup.object_versions) + (SELECT count(*) FROM backup.link_versions)")
    }

    @Test func `a listing that is listed again is not settled again, whatever the order of its pages`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            let half = Listing(
                Self.listing.objects.filter { $0.key < Self.keys[3] }, links: Self.listing.links)
            let rest = Listing(Self.listing.objects.filter { $0.key >= Self.keys[3] })
            #expect(try await !round(database, tenant, [Self.listing]))
            let before = try await versions(database)
            for pages in [[Self.listing], [half, rest], [rest, half]] {
                #expect(try await round(database, tenant, pages) == true)
            }
            #expect(try await versions(database) == before)
            let snapshots = try await database.admin.snapshots(tenant)
            #expect(snapshots.map(\.number).sorted() == [1, 2, 3, 4])
            for number in 1...4 as ClosedRange<SnapshotNumber> {
                #expect(try await database.listing(tenant, Types.group, at: number) == Self.listing)
                #expect(try await database.admin.verify(tenant, number).isSound)
            }
        }
    }

    @Test func `whatever differs is settled, and so is the way back`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            var added = Self.listing
            added.objects[ObjectKey(high: 99, low: 99)] = #"{"displayName":"99"}"#
            var changed = Self.listing
            changed.objects[Self.keys[2]] = #"{"displayName":"x"}"#
            var swapped = Self.listing
            swapped.objects[Self.keys[2]] = Self.listing.objects[Self.keys[4]]
            swapped.objects[Self.keys[4]] = Self.listing.objects[Self.keys[2]]
            var removed = Self.listing
            removed.objects[Self.keys[5]] = nil
            var linked = Self.listing
            linked.links.insert(LinkHead(object: Self.keys[3], relationship: Types.members, target: Self.keys[0]))
            var relinked = Self.listing
            relinked.links = [LinkHead(object: Self.keys[0], relationship: Types.members, target: Self.keys[2])]
            #expect(try await !round(database, tenant, [Self.listing]))
            var number: SnapshotNumber = 1
            for other in [added, changed, swapped, removed, linked, relinked] {
                for state in [other, Self.listing] {
                    number += 1
                    #expect(try await !round(database, tenant, [state]), "\(number)")
                    #expect(try await database.listing(tenant, Types.group, at: number) == state, "\(number)")
                }
                number += 1
                #expect(try await round(database, tenant, [Self.listing]))
            }
        }
    }

    @Test func `after a round by delta query that changed something the listing is settled`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            #expect(try await !round(database, tenant, [Self.listing]))
            // A delta round that finds nothing leaves the listing valid.
            try await delta(database, tenant, Listing())
            #expect(try await round(database, tenant, [Self.listing]))
            try await delta(database, tenant, Listing([Self.keys[1]: #"{"displayName":"new"}"#]))
            #expect(try await !round(database, tenant, [Self.listing]), "the delta round's change is to be undone")
            #expect(try await database.listing(tenant, Types.group, at: 5) == Self.listing)
        }
    }

    /// A round by delta query that sights the attributes of some objects.
    private func delta(_ database: TestDatabase, _ tenant: TenantID, _ sighted: Listing) async throws {
        let (_, walks) = try await database.openRound(tenant, [Types.group], mode: .delta)
        let page = try await database.fetch(try #require(walks.first), outcome: .delta)
        let walked = try #require(try await database.sight(page, sighted).first)
        let settlement = try #require(try await database.persister.settlement(walked))
        var changes = VersionChanges()
        try await database.persister.sightings(walked) { list in
            list.forEach { sighting in
                guard case .attributes(let object, let digest) = sighting else { return }
                changes.begun.append(VersionHead(object: object, facet: 0, digest: digest))
                changes.updated += 1
            }
        }
        let sealing = try await database.persister.settleChunk(walked, settlement, changes, passesBaton: false)
        _ = try await database.persister.seal(try #require(sealing.first))
    }

    @Test func `a round that was taken back leaves the listing of the sealed one`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            #expect(try await !round(database, tenant, [Self.listing]))
            let other = Listing([Self.keys[0]: #"{"displayName":"other"}"#])
            #expect(try await !round(database, tenant, [other], seals: false))
            try await database.sql("UPDATE backup.jobs SET state = 'cancelled' WHERE state = 'running'")
            #expect(try await round(database, tenant, [Self.listing]), "opening the round took the other one back")
            #expect(try await database.listing(tenant, Types.group, at: 2) == Self.listing)
            // And the one that was taken back is no listing that counts.
            #expect(try await !round(database, tenant, [other]))
            #expect(try await database.listing(tenant, Types.group, at: 3) == other)
        }
    }

    @Test func `a listing in which the order of pages made a difference does not count`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            #expect(try await !round(database, tenant, [Self.listing], dependsOnOrder: true))
            #expect(try await !round(database, tenant, [Self.listing]))
            #expect(try await round(database, tenant, [Self.listing]))
        }
    }

    @Test func `collections that were refused, carried or kept by retention keep their listing`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            #expect(try await !round(database, tenant, [Self.listing]))
            let (_, walks) = try await database.openRound(tenant, [Types.group])
            let refused = try await database.fetch(try #require(walks.first), outcome: .refused)
            let settlement = try #require(try await database.persister.settlement(refused))
            let sealing = try await database.persister.settleChunk(
                refused, settlement, VersionChanges(), passesBaton: false)
            _ = try await database.persister.seal(try #require(sealing.first))
            try await database.backUp(tenant, [Types.user: Listing([Self.keys[0]: "{}"])])
            try await database.sql("UPDATE backup.snapshots SET sealed_at = now() - interval '91 days'")
            try await database.sql("UPDATE backup.schedule SET next_retention_at = now() - interval '1 s'")
            #expect(try await database.scheduler.applyRetention())
            #expect(try await database.admin.snapshots(tenant).map(\.number) == [3])
            #expect(try await round(database, tenant, [Self.listing]))
            #expect(try await database.listing(tenant, Types.group, at: 4) == Self.listing)
            #expect(try await database.admin.verify(tenant, 4).isSound)
        }
    }

    @Test func `a page without a sum makes the listing one to be settled`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            #expect(try await !round(database, tenant, [Self.listing]))
            let walked = try await walked(database, tenant, [Self.listing])
            try await database.sql("UPDATE backup.pages SET listing = NULL")
            let settlement = try #require(try await database.persister.settlement(walked))
            #expect(settlement.chunks == 1)
        }
    }
}
