import BackupContracts
import BackupModel
import LibPQ
import PostgresStore
import Testing

/// Laws of the history that rounds leave: intervals, states, digests.
@Suite(.timeLimit(.minutes(5))) struct HistoryTests {
    /// Listings that come and go at random.
    static func evolve(_ listing: Listing, _ keys: [ObjectKey], _ numbers: inout SeededNumbers) -> Listing {
        var next = listing
        for key in keys {
            switch Int.random(in: 0..<10, using: &numbers) {
            case 0..<3: next.objects[key] = #"{"displayName":"v\#(Int.random(in: 0..<3, using: &numbers))"}"#
            case 3..<5: next.objects[key] = nil
            default: break
            }
            let link = LinkHead(
                object: key, relationship: Types.members, target: keys.randomElement(using: &numbers) ?? key)
            if Bool.random(using: &numbers) { next.links.insert(link) } else { next.links.remove(link) }
        }
        next.links = next.links.filter { next.objects[$0.object] != nil }
        return next
    }

    @Test func `after any rounds each snapshot is what was read, and intervals never overlap`() async throws {
        try await TestDatabase.with { database in
            var numbers = SeededNumbers("history")
            let tenant = try await database.addTenant()
            let keys = (0..<12).map { _ in numbers.key() }
            var listing = Listing()
            var states: [Listing] = []
            for _ in 0..<7 {
                listing = Self.evolve(listing, keys, &numbers)
                states.append(listing)
                #expect(try await database.backUp(tenant, [Types.group: listing]) == SnapshotNumber(states.count))
            }
            for (index, state) in states.enumerated() {
                let number = SnapshotNumber(index + 1)
                #expect(try await database.listing(tenant, Types.group, at: number) == state, "snapshot \(number)")
                #expect(try await database.admin.verify(tenant, number).isSound)
            }
            try await database.expectOrderlyIntervals()
        }
    }

    @Test func `in a first round contents are taken for new, and each is kept once`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            let listing = Listing([ObjectKey(high: 1, low: 9): #"{"displayName":"a"}"#])
            let (_, walks) = try await database.openRound(tenant, [Types.user])
            let walk = try #require(walks.first)
            let begin = try await #require(database.fetcher.walk(walk))
            let pages = try await database.fetcher.storePage(walk, begin, .test(items: 1), .goesOn(WalkCursor()))
            let page = try #require(pages.first)
            #expect(try await #require(database.differ.page(page)).isFirst)
            #expect(try await database.sight(page, listing) == [])
            let last = try await database.fetch(walk, items: 1)
            let walked = try await #require(database.sight(last, listing).first)
            let sealing = try await #require(database.settle(walked).first)
            _ = try await database.persister.seal(sealing)
            #expect(try await database.listing(tenant, Types.user, at: 1) == listing)
            #expect(try await database.number("SELECT count(*) FROM backup.contents") == 1)

            let (_, later) = try await database.openRound(tenant, [Types.user])
            let second = try await database.fetch(try #require(later.first), items: 1)
            #expect(try await #require(database.differ.page(second)).isFirst == false)
        }
    }

    @Test func `the database itself refuses a second open version`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            let user = ObjectKey(high: 1, low: 9)
            try await database.backUp(tenant, [Types.user: Listing([user: #"{"displayName":"a"}"#])])
            // The same version again, as a worker would write it whose fence failed.
            let error = await #expect(throws: PostgresError.self) {
                try await database.sql("INSERT INTO backup.object_versions SELECT * FROM backup.object_versions")
            }
            #expect(error?.sqlState == .uniqueViolation)
        }
    }

    @Test func `what a round settled and never sealed is taken back by the next`() async throws {
        try await TestDatabase.with { database in
            var numbers = SeededNumbers("unsealed")
            let tenant = try await database.addTenant()
            let keys = (0..<8).map { _ in numbers.key() }
            let one = Self.evolve(Listing(), keys, &numbers)
            let lost = Self.evolve(one, keys, &numbers)
            let two = Self.evolve(one, keys, &numbers)
            try await database.backUp(tenant, [Types.group: one])
            let before = try await database.texts("SELECT v FROM backup.object_versions v ORDER BY v")

            let (request, walks) = try await database.openRound(tenant, [Types.group])
            let page = try await database.fetch(try #require(walks.first))
            let walked = try #require(try await database.sight(page, lost).first)
            _ = try await database.settle(walked)
            _ = try await database.admin.cancelJob(request.job)
            // Nobody sees it meanwhile.
            #expect(try await database.listing(tenant, Types.group, at: 1) == one)
            #expect(try await database.admin.snapshots(tenant).map(\.number) == [1])
            #expect(try await database.admin.verify(tenant, 1).isSound)

            #expect(try await database.backUp(tenant, [Types.group: two]) == 2)
            #expect(try await database.listing(tenant, Types.group, at: 1) == one)
            #expect(try await database.listing(tenant, Types.group, at: 2) == two)
            #expect(try await database.admin.verify(tenant, 2).isSound)
            try await database.expectOrderlyIntervals()
            // The versions of the first snapshot are those that it had, but for those that ended in the second.
            let kept = try await database.texts(
                "SELECT v FROM backup.object_versions v WHERE to_snapshot = 2147483647 AND from_snapshot = 1 ORDER BY v"
            )
            #expect(Set(kept).isSubset(of: before))
        }
    }

    @Test func `documents with the same digest have the same links of the same relationships`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            let group = ObjectKey(high: 7, low: 1)
            let targets = [ObjectKey(high: 7, low: 2), ObjectKey(high: 7, low: 3)]
            let type = try #require(Catalogue.current[Types.group])
            let owners = try #require(type.relationship("owners")?.number)
            // Two targets, each of none, one or two relationships; then all of it once more.
            let relationships: [[UInt16]] = [[], [Types.members], [owners], [Types.members, owners]]
            let choices = relationships.flatMap { first in relationships.map { [first, $0] } }
            var digests: [Set<LinkHead>: Set<BackupModel.Digest>] = [:]
            for choice in choices + choices.reversed() {
                let links = Set(
                    zip(targets, choice).flatMap { target, numbers in
                        numbers.map { LinkHead(object: group, relationship: $0, target: target) }
                    })
                let listing = Listing([group: #"{"displayName":"g"}"#], links: links)
                let snapshot = try await database.backUp(tenant, [Types.group: listing])
                let stored = try #require(try await database.admin.documents(tenant, type, [group], at: snapshot).first)
                digests[links, default: []].insert(stored.version.digest)
            }
            #expect(digests.count == 16 && digests.values.allSatisfy { $0.count == 1 })
            #expect(Set(digests.values.flatMap { $0 }).count == 16)
            let history = try await database.admin.history(tenant, type, group)
            #expect(Set(history.map(\.digest)).count == 16)
        }
    }

    @Test func `tenants with the same objects share nothing`() async throws {
        try await TestDatabase.with { database in
            let (a, b) = (try await database.addTenant(), try await database.addTenant())
            let user = ObjectKey(high: 5, low: 5)
            let listing = Listing([user: #"{"displayName":"same"}"#])
            for tenant in [a, b] { try await database.backUp(tenant, [Types.user: listing]) }
            // Digests are keyed by tenant: equal content cannot be seen from outside.
            #expect(try await database.number("SELECT count(DISTINCT digest) FROM backup.contents") == 2)
            #expect(try await database.number("SELECT count(DISTINCT payload) FROM backup.contents") == 2)
            #expect(try await database.number("SELECT count(DISTINCT tokens) FROM backup.contents") == 2)
        }
    }
}

extension TestDatabase {
    /// No two versions of one facet, and no two of one link, hold at the same time.
    func expectOrderlyIntervals() async throws {
        for (table, facet) in [("object_versions", "facet"), ("link_versions", "relationship, target_id")] {
            let overlapping = try await number(
                """
                SELECT count(*) FROM (SELECT from_snapshot, lag(to_snapshot) OVER (
                    PARTITION BY tenant_id, type, object_id, \(facet) ORDER BY from_snapshot) AS before
                    FROM backup.\(table)) v WHERE before > from_snapshot
                """)
            #expect(overlapping == 0, "\(table)")
            let open = try await number(
                """
                SELECT count(*) FROM (SELECT FROM backup.\(table) WHERE to_snapshot = 2147483647
                    GROUP BY tenant_id, type, object_id, \(facet) HAVING count(*) > 1) v
                """)
            #expect(open == 0, "\(table)")
        }
    }
}
