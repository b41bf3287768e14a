import AccountModel
import BackupContracts
import BackupModel
import Foundation
import PostgresStore
import Testing

@testable import AdminCommands

/// What is thought of a tenant's status, how it is printed, and what times stand for.
@Suite struct StatusJudgementTests {
    private static let now = Date(timeIntervalSince1970: 1_700_000_000)

    private static func hours(_ hours: Double) -> Date { now.addingTimeInterval(-hours * 3_600) }

    /// An active tenant of an active organization.
    private static func status(
        good: Double? = nil, failed: Double? = nil, warnings: Int32 = 0, schedule: String = "every 24h",
        state: TenantRecord.State = .active, subscription: SubscriptionState = .active, hasEntra: Bool = true,
        activated: Double = 100, name: String = "T"
    ) -> TenantStatus {
        var status = TenantStatus(
            tenant: TenantID(uuid: UUID()), name: name, state: state, schedule: schedule, activatedAt: hours(activated),
            organization: UUID(), organizationName: "O", subscription: subscription,
            includesEntra: hasEntra, partner: UUID(), partnerName: "P", readAt: now)
        status.good = good.map {
            .init(
                job: JobID(), snapshot: 3, startedAt: hours($0).addingTimeInterval(-20), finishedAt: hours($0),
                objects: 1_000, warnings: warnings)
        }
        status.failed = failed.map {
            .init(job: JobID(), finishedAt: hours($0), code: "graphThrottled", message: "Too many requests.")
        }
        return status
    }

    @Test(arguments: [
        (status(good: 1), "good", false), (status(good: 1, warnings: 2), "warnings", false),
        (status(good: 2, failed: 1), "failed", false), (status(good: 30, failed: 1), "failed", true),
        (status(good: 1, failed: 2), "good", false), (status(good: 26), "good", false),
        (status(good: 27), "late", true),
        (status(good: 27, warnings: 1), "late", true), (status(good: 1.5, schedule: "every 1h"), "late", true),
        (status(good: 1.3, schedule: "every 1h"), "good", false),
        (status(good: 27, schedule: "daily 03:00"), "late", true),
        (status(good: 500, schedule: "off"), "off", false), (status(activated: 1), "waiting", false),
        (status(activated: 48), "late", true), (status(good: 500, subscription: .unsubscribed), "off", false),
        (status(good: 500, failed: 400, subscription: .unsubscribed), "off", false),
        (status(good: 500, subscription: .suspended), "late", true),
        (status(good: 1, failed: 0.5, subscription: .suspended), "failed", false),
        (status(good: 500, hasEntra: false), "off", false),
        (status(good: 500, state: .inactive), "off", false), (status(state: .added), "off", false),
    ])
    func `backups are judged by the schedule, unless they are stopped`(
        status: TenantStatus, verdict: String, isLate: Bool
    ) {
        let judgement = StatusJudgement(status, .backup)
        #expect(judgement.verdict.rawValue == verdict)
        #expect(judgement.isLate == isLate)
        #expect(judgement.reason.isEmpty == (verdict == "good"))
        #expect((judgement.target == nil) == (verdict == "off"))
    }

    @Test func `restores and downloads are never late`() {
        for kind in [JobKind.restore, .download] {
            #expect(StatusJudgement(Self.status(good: 5_000), kind).verdict == .good)
            #expect(StatusJudgement(Self.status(good: 5_000, subscription: .unsubscribed), kind).verdict == .good)
            #expect(StatusJudgement(Self.status(good: 5, failed: 3), kind).verdict == .failed)
            let none = StatusJudgement(Self.status(), kind)
            #expect(none.verdict == .none && none.target == nil && none.age == nil)
        }
    }

    @Test func `the target is the interval, a tenth and a quarter of an hour`() {
        #expect(StatusJudgement(Self.status(schedule: "every 24h"), .backup).target == 95_940)
        #expect(StatusJudgement(Self.status(schedule: "every 15m"), .backup).target == 1_890)
        #expect(StatusJudgement(Self.status(good: 1), .backup).throughput == 50)
        #expect(StatusJudgement(Self.status(good: 1), .backup).age == 3_600)
    }

    @Test func `problems come first, the oldest before the others, and the summary counts them`() {
        let items = StatusJudgement.sorted(
            [
                Self.status(good: 1, name: "b"), Self.status(good: 1, warnings: 1, name: "warned"),
                Self.status(good: 40, name: "late"), Self.status(good: 30, failed: 1, name: "failed"),
                Self.status(good: 400, name: "later"), Self.status(good: 2, name: "a"),
                Self.status(failed: 3, name: "never"), Self.status(schedule: "off", name: "off"),
            ].map { StatusJudgement($0, .backup) })
        #expect(items.map(\.status.name) == ["never", "failed", "later", "late", "warned", "a", "b", "off"])
        let summary = StatusSummary(items)
        #expect(summary.text == "8 tenants, 2 failed, 4 late, 1 warnings, 2 good, 1 off")
        #expect(summary.exitCode == 1)
        #expect(summary.json["tenants"]?.int == 8 && summary.json["late"]?.int == 4 && summary.json["none"]?.int == 0)
        #expect(StatusSummary(Array(items[4...])).exitCode == 3 && StatusSummary(Array(items[5...])).exitCode == 0)
    }

    @Test func `CSV has what JSON has, quoted as RFC 4180 says`() {
        var table = CSVText(["a", "b"])
        table.add(["plain", "with, comma"])
        table.add(["say \"x\"", "two\nlines"])
        #expect(table.text == "a,b\r\nplain,\"with, comma\"\r\n\"say \"\"x\"\"\",\"two\nlines\"\r\n")
        for item in [Self.status(), Self.status(good: 2, failed: 1)] {
            let judgement = StatusJudgement(item, .backup)
            #expect(judgement.record.count == StatusJudgement.columns.count)
            #expect(judgement.cells.count == StatusJudgement.heads.count)
        }
        let record = StatusJudgement(Self.status(good: 2, failed: 1), .backup).record
        let byName = Dictionary(uniqueKeysWithValues: zip(StatusJudgement.columns, record))
        #expect(byName["lastFailedCode"] == "graphThrottled" && byName["objectsPerSecond"] == "50.0")
        #expect(byName["ageSeconds"] == "7200" && byName["late"] == "false" && byName["openJob"] == "")
    }

    @Test(arguments: [
        ("24h", "2023-11-13T22:13:20Z"), ("90m", "2023-11-14T20:43:20Z"), ("7d", "2023-11-07T22:13:20Z"),
        ("today", "2023-11-14T00:00:00Z"), ("yesterday", "2023-11-13T00:00:00Z"),
        ("2023-11-01", "2023-11-01T00:00:00Z"), ("2023-11-01T08:30:00Z", "2023-11-01T08:30:00Z"),
        ("2023-11-01T08:30:00+02:00", "2023-11-01T06:30:00Z"), ("0h", nil), ("-1h", nil), ("h", nil), ("1w", nil),
        ("+5m", nil), ("2023-13-01", nil), ("2023-02-30", nil), ("soon", nil), ("", nil), ("99999999999h", nil),
    ])
    func `times are ages, days or RFC 3339`(text: String, expected: String?) {
        let date = PastTime.date(text, now: Self.now)
        #expect(date == expected.flatMap(Moment.date), "\(text)")
    }

    @Test func `one side of a difference is a number, live or a time`() {
        #expect(DiffPoint("7", now: Self.now) == .reference(.number(7)))
        #expect(DiffPoint("live", now: Self.now)?.isLive == true)
        #expect(DiffPoint("24h", now: Self.now) == .time(Self.hours(24)))
        #expect(DiffPoint("one", now: Self.now) == nil)
    }
}
