import BackupContracts
import Testing

@testable import GraphDirectory

struct RetryDecisionTests {
    typealias Decision = RetryDecision

    static func answer(_ status: Int, _ retryAfter: Duration? = nil, _ code: String? = nil) -> Decision.Event {
        .answer(status: status, retryAfter: retryAfter, error: code.map { GraphErrorBody(codes: [$0]) })
    }

    /// What follows from the same event again and again, until it is given up.
    static func run(_ event: Decision.Event, scope: ThrottleScope = .identity) -> [Decision.Action] {
        var decision = Decision(patience: .seconds(30))
        var actions: [Decision.Action] = []
        while actions.count < 50 {
            let action = decision.action(for: event, scope: scope, random: 0.5)
            actions.append(action)
            if case .fail = action { break }
            if action == .accept { break }
        }
        return actions
    }

    static func code(_ event: Decision.Event, scope: ThrottleScope = .identity) -> FailureCode? {
        if case .fail(let code, _) = run(event, scope: scope).last { code } else { nil }
    }

    static func pauses(_ event: Decision.Event) -> [Decision.Pause] {
        run(event).compactMap { if case .retry(let pause) = $0 { pause } else { nil } }
    }

    @Test func `A success is accepted at once`() {
        #expect(Self.run(Self.answer(200)) == [.accept])
    }

    @Test func `Retry-After is obeyed to the second, for the whole tenant, and only within the patience`() {
        var decision = Decision(patience: .seconds(30))
        #expect(
            decision.action(for: Self.answer(429, .seconds(20)), scope: .identity, random: 0)
                == .retry(Decision.Pause(duration: .seconds(20), wholeTenant: true)))
        #expect(
            decision.action(for: Self.answer(429, .seconds(11)), scope: .identity, random: 0)
                == .fail(.graphThrottled, Decision.Pause(duration: .seconds(11), wholeTenant: true)))
    }

    @Test func `Without Retry-After pauses double until the patience is used up`() {
        #expect(Self.pauses(Self.answer(429)).map(\.duration) == [1, 2, 4, 8].map { .seconds($0) })
        #expect(Self.code(Self.answer(429)) == .graphThrottled)
    }

    @Test func `Retry-After of nothing does not make an endless loop`() {
        #expect(Self.pauses(Self.answer(429, .zero)).count == 30)
    }

    @Test(arguments: [0.0, 0.25, 0.999])
    func `Jitter moves a pause between half and one and a half`(random: Double) {
        #expect(RetryDecision.backoff(2, random) == .seconds(4) * (0.5 + random))
        #expect(RetryDecision.backoff(40, random) <= .seconds(24))
    }

    @Test(arguments: [500, 502, 503, 504, 509, 408])
    func `Server errors are repeated three times, a 503 on new connections`(status: Int) {
        let pauses = Self.pauses(Self.answer(status))
        #expect(pauses.count == 3)
        #expect(pauses.allSatisfy { $0.freshConnection == (status == 503) && !$0.wholeTenant })
        #expect(Self.code(Self.answer(status)) == .graphServerError)
    }

    @Test func `A 503 that asks for more than the patience is throttling`() {
        #expect(Self.code(Self.answer(503, .seconds(31))) == .graphThrottled)
        #expect(Self.code(Self.answer(503, .seconds(1))) == .graphServerError)
    }

    @Test func `The token is renewed once`() {
        #expect(Self.run(Self.answer(401)) == [.renewToken, .fail(.credentialsInvalid, nil)])
    }

    @Test func `A concurrency conflict is repeated`() {
        let event = Self.answer(409, nil, "Directory_ConcurrencyViolation")
        #expect(Self.pauses(event).count == 4)
        #expect(Self.code(event) == .graphServerError)
    }

    @Test func `No answer and half an answer are repeated, then named apart`() {
        #expect(Self.pauses(.unreachable).count == 3)
        #expect(Self.code(.unreachable) == .graphUnreachable)
        #expect(Self.pauses(.cut).count == 2)
        #expect(Self.code(.cut) == .graphAnswerMalformed)
        #expect(Self.code(.malformed) == .graphAnswerMalformed)
    }

    @Test(arguments: [
        (400, "Request_BadRequest", FailureCode.graphRequestRejected), (400, "syncStateNotFound", .deltaLinkExpired),
        (400, "SYNCSTATENOTFOUND", .deltaLinkExpired), (410, "Gone", .deltaLinkExpired),
        (403, "Authorization_RequestDenied", .permissionMissing), (403, "", .permissionMissing),
        (403, "AadPremiumLicenseRequired", .licenceMissing),
        (403, "Authentication_RequestFromNonPremiumTenantOrB2CTenant", .licenceMissing),
        (404, "Request_ResourceNotFound", .collectionNotFound), (405, "Request_BadRequest", .graphRequestRejected),
        (501, "NotImplemented", .graphRequestRejected), (302, "", .graphRequestRejected),
        (204, "", .graphRequestRejected),
    ])
    func `What no repeat can mend fails at once`(status: Int, code: String, expected: FailureCode) {
        #expect(Self.run(Self.answer(status, nil, code)) == [.fail(expected, nil)])
    }

    @Test func `Only Intune answers 400 for a service that the tenant does not have`() {
        let error = GraphErrorBody(codes: ["BadRequest"], message: "Request not applicable to target tenant.")
        let event = Decision.Event.answer(status: 400, retryAfter: nil, error: error)
        #expect(Self.code(event, scope: .intune) == .licenceMissing)
        #expect(Self.code(event, scope: .identity) == .graphRequestRejected)
        // A query that is wrong must not pass for a service that is not there.
        let query = GraphErrorBody(codes: ["BadRequest"], message: "Parsing OData Select and Expand failed.")
        #expect(
            Self.code(.answer(status: 400, retryAfter: nil, error: query), scope: .intune) == .graphRequestRejected)
    }

    @Test func `A licence text makes a 403 a missing licence`() {
        let error = GraphErrorBody(
            codes: ["UnknownError"], message: "The tenant needs an Entra ID P2 or Governance license.")
        #expect(Self.code(.answer(status: 403, retryAfter: nil, error: error)) == .licenceMissing)
    }
}
