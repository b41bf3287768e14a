import BackupContracts
import BackupModel
import Foundation
import GraphDirectory
import TenantSimulator
import Testing

/// Writes to the simulator: executed once, told as they were.
@Suite(.timeLimit(.minutes(5))) struct LiveWriteTests {
    private static func write(
        _ method: DirectoryWrite.Method, _ target: String, _ body: String? = nil
    ) -> DirectoryWrite {
        DirectoryWrite(
            method: method, target: target, version: "v1.0", scope: .identity, body: body.map { Array($0.utf8) })
    }

    private static func newGroup(_ name: String) -> DirectoryWrite {
        write(
            .post, "/groups",
            #"{"displayName":"\#(name)","mailEnabled":false,"mailNickname":"\#(name)","securityEnabled":true}"#)
    }

    private static func status(_ answer: WriteAnswer) -> Int? {
        if case .done(let status, _) = answer { status } else { nil }
    }

    private static func isUnknown(_ answer: WriteAnswer) -> Bool {
        if case .unknown = answer { true } else { false }
    }

    /// Users of the cloud alone: others are read-only here.
    private static func users(_ live: LiveTenant) -> [String] {
        live.tenant.truth("user").filter { $0["attributes"]?["onPremisesSyncEnabled"]?.boolean != true }
            .compactMap { $0["id"]?.text }.sorted()
    }

    private static func groups(_ live: LiveTenant, _ prefix: String) -> [String] {
        live.tenant.truth("group").compactMap { $0["attributes"]?["displayName"]?.text }
            .filter { $0.hasPrefix(prefix) }
    }

    @Test func `Objects and links are made, changed and deleted`() async throws {
        try await LiveTenant.with(seed: 51) { live in
            let user = try #require(Self.users(live).first)
            let made = try await live.writer.write(
                [Self.newGroup("made"), Self.write(.patch, "/users/\(user)", #"{"jobTitle":"Boß"}"#)], live.writing)
            guard case .done(201, let body) = made[0] else { throw Unexpected() }
            let group = try #require(try JSONValue(parsing: body)["id"]?.string)
            #expect(Self.status(made[1]) == 204)
            let reference = #"{"@odata.id":"https://graph.microsoft.com/v1.0/directoryObjects/\#(user)"}"#
            let link = Self.write(.post, "/groups/\(group)/members/$ref", reference)
            #expect(try await live.writer.write([link], live.writing).map(Self.status) == [204])
            let again = try await live.writer.write([link], live.writing)
            guard case .rejected(400, "Request_BadRequest", let message) = again[0] else { throw Unexpected() }
            #expect(message.contains("already exist"))

            let (userType, groupType) = (
                try #require(Catalogue.current["user"]), try #require(Catalogue.current["group"])
            )
            let users = try await live.reader.documents(userType, [user], parts: [], live.reading)
            #expect(users[user]?.attributes["jobTitle"] == .string("Boß"))
            let read = try await live.reader.documents(groupType, [group], parts: nil, live.reading)
            #expect(read[group]?.links["members"] == [user])

            let deletion = Self.write(.delete, "/groups/\(group)")
            #expect(try await live.writer.write([deletion], live.writing).map(Self.status) == [204])
            #expect(try await live.reader.documents(groupType, [group], parts: [], live.reading).isEmpty)
        }
    }

    @Test func `Who may not write is told so`() async throws {
        try await LiveTenant.with(seed: 52) { live in
            let user = try #require(Self.users(live).first)
            let answers = try await live.writer.write(
                [Self.write(.patch, "/users/\(user)", #"{"jobTitle":"x"}"#)], live.reading)
            guard case .rejected(403, "Authorization_RequestDenied", _) = answers[0] else { throw Unexpected() }
        }
    }

    @Test func `Refusals for the moment are overcome, and nothing is made twice`() async throws {
        let clock = TestClock()
        try await LiveTenant.with(seed: 53, clock: clock) { live in
            try live.tenant.addFault(FaultRule(.status(429, retryAfter: 1), method: "POST", share: 0.2, seed: 7))
            try live.tenant.addFault(FaultRule(.status(503, retryAfter: nil), method: "POST", share: 0.1, seed: 8))
            try live.tenant.addFault(FaultRule(.expiredToken, method: "POST", count: 3, skip: 40))
            let answers = try await live.writer.write((0..<200).map { Self.newGroup("g\($0)x") }, live.writing)
            #expect(answers.map(Self.status) == [Int?](repeating: 201, count: 200))
            let names = Self.groups(live, "g").filter { $0.hasSuffix("x") }
            #expect(names.count == 200 && Set(names).count == 200)
            #expect(live.tenant.statistics.statuses[429] ?? 0 > 0)
            #expect(live.tenant.statistics.statuses[503] ?? 0 > 0)
        }
    }

    @Test func `Of lost answers nothing is claimed, and nothing is made twice`() async throws {
        try await LiveTenant.with(seed: 54) { live in
            try live.tenant.addFault(FaultRule(.cutBody, path: "batch", share: 0.3, seed: 9))
            let answers = try await live.writer.write((0..<200).map { Self.newGroup("h\($0)x") }, live.writing)
            let done = answers.filter { Self.status($0) == 201 }.count
            let unknown = answers.filter(Self.isUnknown).count
            #expect(done + unknown == 200 && unknown > 0 && done > 0)
            let names = Self.groups(live, "h").filter { $0.hasSuffix("x") }
            #expect(Set(names).count == names.count)
            #expect(names.count >= done && names.count <= done + unknown)
        }
    }

    @Test func `The quota of writes is used up, waited for, and never lost`() async throws {
        let clock = TestClock()
        try await LiveTenant.with(seed: 55, quotas: true, clock: clock) { live in
            live.tenant.setThrottleClock { clock.now.offset / .seconds(1) }
            let users = Self.users(live)
            let writes = (0..<3_600).map {
                Self.write(.patch, "/users/\(users[$0 % users.count])", #"{"jobTitle":"t\#($0)"}"#)
            }
            let answers = try await live.writer.write(writes, live.writing)
            #expect(answers.allSatisfy { Self.status($0) == 204 })
            #expect(live.tenant.statistics.statuses[429] ?? 0 > 0)
            // 3,000 at once, 600 at 20 a second.
            #expect(clock.now.offset >= .seconds(29))
        }
    }

    @Test func `Throughput`() async throws {
        try await LiveTenant.with(seed: 56) { live in
            let users = Self.users(live)
            let writes = (0..<4_000).map {
                Self.write(.patch, "/users/\(users[$0 % users.count])", #"{"jobTitle":"t\#($0)"}"#)
            }
            let start = ContinuousClock.now
            let answers = try await live.writer.write(writes, live.writing)
            let seconds = (ContinuousClock.now - start) / .seconds(1)
            #expect(answers.allSatisfy { Self.status($0) == 204 })
            print("writes: \(Int(4_000 / seconds)) a second, simulator in the same process")
        }
    }
}
