import BackupModel
import PostgresStore
import Testing

/// Searches find what is there, all of it and in order, however it comes in batches.
@Suite(.timeLimit(.minutes(5))) struct SearchTests {
    private static func key(_ number: Int) -> ObjectKey { ObjectKey(high: 10, low: UInt64(number)) }

    private static func listing(_ names: [String]) -> Listing {
        Listing(
            Dictionary(
                uniqueKeysWithValues: names.enumerated().map { number, name in
                    (key(number), #"{"city":"Ulm","displayName":"\#(name)","mail":null}"#)
                }))
    }

    private func found(
        _ database: TestDatabase, _ tenant: TenantID, _ text: String?, _ conditions: [String] = [],
        _ types: [UInt16] = [Types.user, Types.group], at snapshot: SnapshotNumber = 1, limit: Int = 1_000
    ) async throws -> [SearchHit] {
        let types = try types.map { try #require(Catalogue.current[$0]) }
        let conditions = try conditions.map { try #require(SearchCondition($0)) }
        return try await database.admin.search(
            tenant, text: text, conditions: conditions, types: types, at: snapshot, limit: limit)
    }

    @Test func `names are found by the beginnings of their words, in the order of type and key`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            try await database.backUp(
                tenant,
                [
                    Types.user: Self.listing(["Zoë Anna", "Anne", "annabel Zoellner", "Joanna", "Hannah O'Anna"]),
                    Types.group: Self.listing(["ANNA's friends"]),
                ])
            let hits = try await found(database, tenant, "anna")
            #expect(
                hits.map { $0.type.displayName(of: $0.document) }
                    == ["Zoë Anna", "annabel Zoellner", "Hannah O'Anna", "ANNA's friends"])
            #expect(hits.allSatisfy { $0.matched == ["/displayName"] && $0.document.attributes["city"] == nil })
            let both = [0, 2].map { Self.key($0).description }
            #expect(try await found(database, tenant, "zoe anna").map(\.document.id) == both)
            #expect(try await found(database, tenant, "anna zoe ann").map(\.document.id) == both)
            #expect(try await found(database, tenant, "zoe anna nobody").isEmpty)
            #expect(try await found(database, tenant, " - ").isEmpty)
            #expect(try await found(database, tenant, "zoe anna", ["city eq Bonn"]).isEmpty)
            #expect(try await found(database, tenant, "friends anna", [], [Types.user]).isEmpty)
        }
    }

    @Test func `what Unicode says of the letters around a word counts`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            let names = [
                "Anna-Müller", "ÄnnaB", "Müller ANNÄ", "Øyvind anna", "Annå\u{30A}x", "ann\u{e9}", "Müllerann",
                "İAnna anns",
            ]
            try await database.backUp(tenant, [Types.user: Self.listing(names)])
            for (word, found) in [
                ("anna", [0, 1, 2, 3, 4]), ("ANN", [0, 1, 2, 3, 4, 5, 7]), ("ännä", [0, 1, 2, 3, 4]),
                ("müller", [0, 2, 6]), ("anne", [5]), ("øyv", [3]), ("mull anna", [0, 2]),
            ] {
                let hits = try await self.found(database, tenant, word)
                #expect(hits.map(\.document.id) == found.map { Self.key($0).description }, "\(word)")
            }
        }
    }

    @Test func `candidates that are no hits do not hide those behind them`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            // All begin with the three letters that the index knows; 700 are more than are read at first, and then.
            let names = (0..<1_000).map { $0 < 700 ? "Anne \($0)" : "Anna \($0)" }
            try await database.backUp(tenant, [Types.user: Self.listing(names), Types.group: Self.listing(["Anna"])])
            let all = ((700..<1_000).map(Self.key) + [Self.key(0)]).map(\.description)
            for limit in [1, 3, 300, 301, 1_000] {
                let hits = try await found(database, tenant, "Anna", limit: limit).map(\.document.id)
                #expect(hits.count == min(limit, all.count), "limit \(limit)")
                // In their order, and each once, whichever they are.
                #expect(Array(hits) == all.filter(Set(hits).contains), "limit \(limit)")
            }
            #expect(try await found(database, tenant, "annemarie").isEmpty)
        }
    }

    @Test func `conditions are asked of every object, each once, in the order of their keys`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            // Two full batches, and a third that is full as well.
            var listing = Listing()
            for number in 0..<6_000 {
                let department = number % 7 == 0 ? #""Sales""# : number % 7 == 1 ? "null" : #""IT""#
                listing.objects[Self.key(number)] =
                    #"{"a":[{"department":"Sales"}],"department":\#(department),"displayName":"N\#(number)","z":1}"#
            }
            try await database.backUp(tenant, [Types.user: listing, Types.group: Self.listing(["Sales"])])
            let all = stride(from: 0, to: 6_000, by: 7).map(Self.key)
            for limit in [1, 300, 400, all.count, all.count + 1] {
                let hits = try await found(database, tenant, nil, ["department eq sales"], limit: limit)
                #expect(hits.map(\.document.id) == all.prefix(limit).map(\.description), "limit \(limit)")
                #expect(hits.allSatisfy { $0.document.attributes.names == ["department", "displayName"] })
            }
            let others = try await found(
                database, tenant, nil, ["department ne IT", "department ne Sales"], [Types.user], limit: 10_000)
            #expect(others.count == 857)
        }
    }

    @Test func `a snapshot is searched as it was`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            try await database.backUp(tenant, [Types.user: Self.listing(["Anna", "Berta"])])
            try await database.backUp(tenant, [Types.user: Self.listing(["Anna", "Anna"])])
            try await database.backUp(tenant, [Types.user: Self.listing(["Cilly"])])
            for (snapshot, count) in [(1, 1), (2, 2), (3, 0)] {
                let number = SnapshotNumber(snapshot)
                #expect(try await found(database, tenant, "anna", at: number).count == count)
                #expect(try await found(database, tenant, nil, ["displayName eq anna"], at: number).count == count)
            }
            #expect(try await database.admin.snapshotNumber(tenant, nil) == 3)
            #expect(try await database.admin.snapshotNumber(tenant, 2) == 2)
            await #expect(throws: AccountError.self) { try await database.admin.snapshotNumber(tenant, 4) }
        }
    }

    @Test func `a content that is no object is damage, not an object less`() async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            try await database.backUp(tenant, [Types.user: Listing([Self.key(1): #"["anna"]"#])])
            for (text, conditions) in [("anna", []), (nil, ["city eq Ulm"])] {
                let code = try await failureCode { _ = try await found(database, tenant, text, conditions) }
                #expect(code == "storedDataDamaged")
            }
            // What lies behind the last hit that is wanted is not looked at: an earlier content lies first.
            let (anna, later) = (#"{"displayName":"Anna"}"#, try await database.addTenant())
            try await database.backUp(later, [Types.user: Listing([Self.key(1): anna])])
            try await database.backUp(later, [Types.user: Listing([Self.key(0): #"["anna"]"#, Self.key(1): anna])])
            #expect(try await found(database, later, "anna", at: 2, limit: 1).count == 1)
            #expect(
                try await failureCode { _ = try await found(database, later, "anna", at: 2) } == "storedDataDamaged")
        }
    }
}
