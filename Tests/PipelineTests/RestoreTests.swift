import BackupContracts
import BackupModel
import Foundation
import Synchronization
import Testing

@testable import RestoreStage

/// The restorer against a tenant in memory that refuses, loses answers and lags behind.
@Suite(.timeLimit(.minutes(1))) struct RestoreStageTests {
    private static let group = "0a000000-0000-0000-0000-000000000001"
    private static let user = "0b000000-0000-0000-0000-000000000002"

    private static func update(_ number: Int, _ id: String = user, to title: String = "Engineer") -> RestoreStep {
        RestoreStep(
            number: number, wave: 1, action: .update, type: "user", id: id, displayName: "u",
            attributes: [.init(path: JSONPointer(["jobTitle"]), from: "Clerk", to: .string(title))], reason: "differs")
    }

    private static func creation(_ number: Int = 1) -> RestoreStep {
        let document = ObjectDocument(
            type: "group", id: group,
            attributes: [
                "displayName": "Sales", "mailNickname": "sales", "mailEnabled": false, "securityEnabled": true,
            ])
        return RestoreStep(
            number: number, wave: 1, action: .create, type: "group", id: group, displayName: "Sales",
            document: document, reason: "gone")
    }

    /// A user who is there, with the title of before.
    private static func tenant() -> FakeTenant {
        FakeTenant([ObjectDocument(type: "user", id: user, attributes: ["jobTitle": "Clerk"])])
    }

    private func run(
        _ store: FakeRestoreStore, _ tenant: FakeTenant, _ clock: any Clock<Duration> = ContinuousClock()
    ) async throws -> [RestoreResult] {
        let limits = RestoreLimits(pause: .zero)
        let stage = RestoreStage(store: store, writer: tenant, reader: tenant, clock: clock, limits: limits)
        _ = try await stage.handle(.restore, DrainSignal())
        return store.results
    }

    @Test func `what was written is read back and is as it should be`() async throws {
        let tenant = Self.tenant()
        let results = try await run(FakeRestoreStore([Self.update(1)]), tenant)
        #expect(results == [RestoreResult(number: 1, outcome: .done, verified: true)])
        #expect(tenant[Self.user]?.attributes["jobTitle"] == "Engineer")
    }

    @Test func `a created object is known by its new id`() async throws {
        let tenant = Self.tenant()
        let results = try await run(FakeRestoreStore([Self.creation()]), tenant)
        let new = try #require(tenant.ids(of: "group").first)
        #expect(results.first?.newIDs == [.init(type: "group", from: Self.group, to: new)])
        #expect(results.first?.verified == true)
    }

    @Test func `a creation whose answer was lost makes one object`() async throws {
        for wasExecuted in [true, false] {
            let tenant = Self.tenant()
            tenant.plan { $0.lose(executed: wasExecuted) }
            let results = try await run(FakeRestoreStore([Self.creation()]), tenant)
            #expect(tenant.ids(of: "group").count == 1)
            #expect(results.first?.newIDs.map(\.to) == tenant.ids(of: "group"))
            #expect(results.first?.verified == true)
        }
    }

    @Test func `a value under the name of an application that has a new id is sent again when lost`() async throws {
        let (old, new) = ("0c000000-0000-0000-0000-00000000000a", "0d000000-0000-0000-0000-00000000000b")
        func name(_ id: String) -> String { "extension_\(id.filter { $0 != "-" })_badge" }
        var step = Self.update(1)
        step.attributes = [.init(path: JSONPointer([name(old)]), from: nil, to: "7")]
        let tenant = Self.tenant()
        tenant.plan { $0.lose(executed: false) }
        let results = try await run(FakeRestoreStore([step], made: [old: new]), tenant)
        #expect(tenant[Self.user]?.attributes[name(new)] == "7")
        #expect(results == [RestoreResult(number: 1, outcome: .done, verified: true)])
    }

    @Test func `a step of many requests ends though every fifth answer is lost`() async throws {
        let unit = "0e000000-0000-0000-0000-000000000001"
        let members = (100..<160).map { "0f000000-0000-0000-0000-000000000\($0)" }
        let link = RestoreStep(
            number: 1, wave: 1, action: .link, type: "administrativeUnit", id: unit, displayName: "u",
            links: [.init(name: "members", added: members, removed: [])], reason: "differs")
        let tenant = FakeTenant([ObjectDocument(type: "administrativeUnit", id: unit, attributes: [:])])
        tenant.plan { $0.losesEvery = 5 }
        let results = try await run(FakeRestoreStore([link]), tenant)
        #expect(results == [RestoreResult(number: 1, outcome: .done, verified: true)])
        #expect(tenant[unit]?.links["members"]?.sorted() == members)
        #expect(tenant.writes == members.count, "what was there was sent again")
    }

    /// Who administers a unit: elements that nothing but a look tells from new ones.
    private static func administrators(_ count: Int, looksFirst: Bool = false) -> (RestoreStep, ObjectDocument) {
        let unit = "0e000000-0000-0000-0000-000000000001"
        let elements = (0..<count).map { number -> JSONValue in
            [
                "roleId": .string(group),
                "roleMemberInfo": ["id": .string("0f000000-0000-0000-0000-00000000000\(number)")],
            ]
        }
        var step = RestoreStep(
            number: 1, wave: 1, action: .children, type: "administrativeUnit", id: unit, displayName: "u",
            children: [.init(name: "scopedRoleMembers", from: nil, to: elements)], reason: "differs")
        step.looksFirst = looksFirst
        return (step, ObjectDocument(type: "administrativeUnit", id: unit, attributes: [:]))
    }

    @Test func `elements whose answers are lost are not made twice`() async throws {
        let (step, unit) = Self.administrators(9)
        let tenant = FakeTenant([unit])
        tenant.plan { $0.losesEvery = 3 }
        let results = try await run(FakeRestoreStore([step]), tenant)
        #expect(results == [RestoreResult(number: 1, outcome: .done, verified: true)])
        #expect(tenant[unit.id]?.children["scopedRoleMembers"]?.count == 9 && tenant.writes == 9)
    }

    @Test func `a policy for tokens is linked though the answer was lost, and read back from its side`() async throws {
        let policy = "0c000000-0000-0000-0000-000000000001", application = "0c000000-0000-0000-0000-000000000002"
        let link = RestoreStep(
            number: 1, wave: 1, action: .link, type: "application", id: application, displayName: "a",
            links: [.init(name: "tokenLifetimePolicies", added: [policy], removed: [])], reason: "differs")
        for wasExecuted in [true, false] {
            let tenant = FakeTenant([
                ObjectDocument(type: "application", id: application, attributes: [:]),
                ObjectDocument(type: "tokenLifetimePolicy", id: policy, attributes: [:]),
            ])
            tenant.plan { $0.lose(executed: wasExecuted) }
            let results = try await run(FakeRestoreStore([link]), tenant)
            #expect(results == [RestoreResult(number: 1, outcome: .done, verified: true)])
            #expect(tenant[policy]?.links["appliesTo"] == [application] && tenant.writes == 1)
        }
    }

    @Test func `a step whose answers are all lost tells what came instead of the last`() async throws {
        let tenant = Self.tenant()
        tenant.plan { ($0.losesBefore, $0.losesAll) = (true, true) }
        let results = try await run(FakeRestoreStore([Self.update(1)]), tenant)
        #expect(results.map(\.outcome) == [.failed] && results.map(\.code) == ["answerLost"])
        #expect(results.first?.message.hasSuffix("; at last: 504 gatewayTimeout.") == true)
    }

    @Test func `a licence that is taken away is taken away though the request was lost`() async throws {
        let step = RestoreStep(
            number: 1, wave: 1, action: .children, type: "user", id: Self.user, displayName: "u",
            children: [.init(name: "licenses", from: [["skuId": "s"]], to: [])], reason: "differs")
        let user = ObjectDocument(type: "user", id: Self.user, attributes: ["assignedLicenses": [["skuId": "s"]]])
        for wasExecuted in [true, false] {
            let tenant = FakeTenant([user])
            tenant.plan { $0.lose(executed: wasExecuted) }
            let results = try await run(FakeRestoreStore([step]), tenant)
            #expect(results == [RestoreResult(number: 1, outcome: .done, verified: true)])
            #expect(tenant[Self.user]?.attributes["assignedLicenses"] == [])
        }
    }

    @Test func `what has come back from the recycle bin with its object is not written once more`() async throws {
        let (step, bare) = Self.administrators(3, looksFirst: true)
        for kept in 0...3 {
            var unit = bare
            unit.children["scopedRoleMembers"] = Array((step.children.first?.to ?? []).prefix(kept))
            let tenant = FakeTenant([unit])
            let results = try await run(FakeRestoreStore([step]), tenant)
            #expect(results == [RestoreResult(number: 1, outcome: .done, verified: true)])
            #expect(tenant.writes == 3 - kept)
            #expect(tenant[unit.id]?.children["scopedRoleMembers"]?.count == 3)
        }
    }

    @Test func `a created object that is not listed at once is not made a second time`() async throws {
        let tenant = Self.tenant()
        tenant.plan {
            $0.lose(executed: true)
            $0.oldLists = 1
        }
        let results = try await run(FakeRestoreStore([Self.creation()]), tenant)
        #expect(tenant.ids(of: "group").count == 1 && tenant.writes == 1)
        #expect(results.first?.newIDs.map(\.to) == tenant.ids(of: "group"))
    }

    @Test func `an object that another restore has made meanwhile is not made again`() async throws {
        let made = UUID().uuidString.lowercased()
        let document = try #require(Self.creation().document)
        let tenant = FakeTenant([ObjectDocument(type: "group", id: made, attributes: document.attributes)])
        let store = FakeRestoreStore([Self.creation()], made: [Self.group: made])
        let results = try await run(store, tenant)
        #expect(tenant.ids(of: "group") == [made] && tenant.writes == 0)
        #expect(results == [RestoreResult(number: 1, outcome: .done, verified: true)])
    }

    @Test func `an object that has left the recycle bin is done when it is there, and has failed when it is gone`()
        async throws
    {
        func undeletion(_ id: String) -> RestoreStep {
            RestoreStep(
                number: 1, wave: 1, action: .undelete, type: "user", id: id, displayName: "u",
                document: ObjectDocument(type: "user", id: id, attributes: ["jobTitle": "Clerk"]), reason: "deleted")
        }
        let there = try await run(FakeRestoreStore([undeletion(Self.user)]), Self.tenant())
        #expect(there == [RestoreResult(number: 1, outcome: .done, verified: true)])
        let gone = try await run(FakeRestoreStore([undeletion(Self.group)]), Self.tenant())
        #expect(gone.map(\.outcome) == [.failed] && gone.map(\.code) == ["Request_ResourceNotFound"])
    }

    @Test func `a restorer that died between the writes and their record makes nothing twice`() async throws {
        let tenant = Self.tenant()
        let store = FakeRestoreStore([Self.creation(1), Self.update(2)])
        store.dies = true
        await #expect(throws: StageFailure.self) { _ = try await run(store, tenant) }
        #expect(store.results == [] && tenant.ids(of: "group").count == 1)
        let sent = tenant.writes
        let results = try await run(store, tenant)
        #expect(tenant.ids(of: "group").count == 1)
        #expect(results.map(\.outcome) == [.done, .done])
        #expect(results[0].newIDs.map(\.to) == tenant.ids(of: "group"))
        #expect(tenant.writes == sent, "what was there was sent again")
    }

    @Test func `two objects of one name that a dead restorer made are not taken for each other`() async throws {
        for _ in 0..<8 {
            let tenant = Self.tenant()
            let store = FakeRestoreStore([1, 2].map { Self.twin($0) })
            store.dies = true
            await #expect(throws: StageFailure.self) { _ = try await run(store, tenant) }
            let results = try await run(store, tenant)
            #expect(tenant.ids(of: "group").count == 2)
            #expect(
                results.map { tenant[$0.newIDs.first?.to ?? ""]?.attributes["description"] } == ["twin 1", "twin 2"])
        }
    }

    private static func twin(_ number: Int) -> RestoreStep {
        var step = creation(number)
        step.id = "0a000000-0000-0000-0000-00000000001\(number)"
        var attributes = step.document?.attributes ?? [:]
        attributes["description"] = .string("twin \(number)")
        step.document = ObjectDocument(type: "group", id: step.id, attributes: attributes)
        return step
    }

    @Test func `a restorer that slept while another began its steps sends nothing`() async throws {
        let tenant = Self.tenant()
        let store = FakeRestoreStore([Self.creation(1), Self.update(2)])
        store.overtake()
        await #expect {
            _ = try await run(store, tenant)
        } throws: { ($0 as? StageFailure)?.code == .unitFenced }
        #expect(tenant.writes == 0)
    }

    @Test(arguments: [nil, StageFailure(.graphThrottled, "busy", retryAfter: .seconds(77))])
    func `a restorer that loses its steps while its writes wait sends no more of them and records nothing`(
        other: StageFailure?
    ) async throws {
        let tenant = Self.tenant()
        let store = FakeRestoreStore([Self.creation(1), Self.update(2), Self.update(3)])
        tenant.plan {
            $0.failure = other
            $0.pause = store.overtake
        }
        await #expect {
            _ = try await run(store, tenant)
        } throws: { ($0 as? StageFailure)?.code == .unitFenced }
        #expect(tenant.writes == (other == nil ? 1 : 0))
        #expect(store.results == [] && store.pauses == [])
    }

    @Test func `a restorer that was stopped while it asked whose its steps are asks again`() async throws {
        let (tenant, store, clock) = (Self.tenant(), FakeRestoreStore([Self.update(1)]), HandClock())
        store.afterConfirming {
            clock.advance(.seconds(30))
            store.overtake()
        }
        await #expect {
            _ = try await run(store, tenant, clock)
        } throws: { ($0 as? StageFailure)?.code == .unitFenced }
        #expect(tenant.writes == 0 && store.results == [])
    }

    @Test func `a restorer that is never told in time whose its steps are sends nothing`() async throws {
        let (tenant, store, clock) = (Self.tenant(), FakeRestoreStore([Self.update(1)]), HandClock())
        store.afterConfirming { clock.advance(.seconds(2)) }
        await #expect {
            _ = try await run(store, tenant, clock)
        } throws: { ($0 as? StageFailure)?.code == .databaseUnreachable }
        #expect(tenant.writes == 0 && store.results == [])
    }

    @Test func `an object of the same name that was there before is not taken for the created one`() async throws {
        let twin = UUID().uuidString.lowercased()
        let tenant = FakeTenant([
            ObjectDocument(
                type: "group", id: twin, attributes: ["displayName": "Sales", "mailNickname": "sales"])
        ])
        tenant.plan { $0.lose(executed: true) }
        let store = FakeRestoreStore([Self.creation()], known: [twin])
        let results = try await run(store, tenant)
        #expect(tenant.ids(of: "group").count == 2)
        #expect(results.first?.newIDs.first.map(\.to) != twin)
    }

    @Test func `a creation that Graph refuses because of another object fails with that reason`() async throws {
        let twin = UUID().uuidString.lowercased()
        let tenant = FakeTenant([
            ObjectDocument(
                type: "group", id: twin, attributes: ["displayName": "Sales", "mailNickname": "sales"])
        ])
        tenant.plan { $0.namesAreUnique = true }
        let results = try await run(FakeRestoreStore([Self.creation()], known: [twin]), tenant)
        #expect(tenant.ids(of: "group") == [twin])
        #expect(results.map(\.outcome) == [.failed] && results.map(\.code) == ["Request_BadRequest"])
        #expect(results.first?.message.contains("has to be unique") == true, "\(results.first?.message ?? "")")
    }

    @Test func `a refused step fails with its code, and the others are done`() async throws {
        let tenant = Self.tenant()
        let results = try await run(FakeRestoreStore([Self.update(1, "gone"), Self.update(2)]), tenant)
        #expect(results.map(\.outcome).sorted { $0.rawValue < $1.rawValue } == [.done, .failed])
        #expect(results.first { $0.number == 1 }?.code == "Request_ResourceNotFound")
    }

    @Test func `what refers to an object that could not be brought back is skipped`() async throws {
        let link = RestoreStep(
            number: 1, wave: 1, action: .link, type: "group", id: Self.group, displayName: "g",
            links: [.init(name: "members", added: [Self.user], removed: [])], reason: "differs")
        let tenant = Self.tenant()
        let results = try await run(FakeRestoreStore([link], missing: [Self.user]), tenant)
        #expect(results.map(\.code) == ["referenceMissing"] && results.map(\.outcome) == [.skipped])
        #expect(tenant.writes == 0)
    }

    @Test func `a copy that lags behind is read again, and a real difference is told`() async throws {
        let lagging = Self.tenant()
        lagging.plan { $0.oldReadings = 3 }
        #expect(try await run(FakeRestoreStore([Self.update(1)]), lagging).first?.verified == true)

        let deaf = Self.tenant()
        deaf.plan { $0.oldReadings = .max }
        let result = try #require(try await run(FakeRestoreStore([Self.update(1)]), deaf).first)
        #expect(result.outcome == .done && !result.verified)
        #expect(result.differences == [.init(path: "/jobTitle", expected: "Engineer", found: "Clerk")])
    }

    @Test func `what was written and cannot be read back is told as such`() async throws {
        let tenant = Self.tenant()
        tenant.plan { $0.readFailure = StageFailure(.graphUnreachable, "no answer") }
        let result = try #require(try await run(FakeRestoreStore([Self.update(1)]), tenant).first)
        #expect(result.outcome == .done && !result.verified && result.differences.isEmpty)
        #expect(result.code == RestoreResult.notReadBack)
        #expect(result.message.contains(FailureCode.graphUnreachable.name))
        #expect(tenant[Self.user]?.attributes["jobTitle"] == "Engineer")
    }

    @Test func `a pause that Graph asks for puts off what was not done`() async throws {
        let tenant = Self.tenant()
        tenant.plan { $0.failure = StageFailure(.graphThrottled, "busy", retryAfter: .seconds(77)) }
        let store = FakeRestoreStore([Self.update(1)])
        #expect(try await run(store, tenant) == [])
        #expect(store.pauses == [.seconds(77)])
        #expect(try await run(store, tenant).map(\.outcome) == [.done])
    }

    @Test func `what was done beside a step that failed for the moment is recorded`() async throws {
        let tenant = Self.tenant()
        tenant.plan { $0.failure = StageFailure(.graphServerError, "down") }
        let store = FakeRestoreStore([Self.update(1), Self.update(2, "other")])
        #expect(try await run(store, tenant).map(\.number) == [1])
        #expect(store.pauses.count == 1)
    }

    @Test func `a permission that is lost on the way ends the job`() async throws {
        let tenant = Self.tenant()
        tenant.plan { $0.permissions = [] }
        let store = FakeRestoreStore([Self.update(1)])
        #expect(try await run(store, tenant) == [])
        #expect(store.failure?.code == .writeAccessMissing)
    }
}

extension Message {
    fileprivate static let restore = Message(
        kind: .restoreReady, tenant: TenantID(uuid: UUID()), job: JobID(), epoch: 1, trace: "t")
}
