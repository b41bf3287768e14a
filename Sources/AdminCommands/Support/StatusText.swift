import AccountModel
import BackupContracts
import BackupModel
import Foundation
import PostgresStore

extension StatusJudgement {
    var json: JSONValue {
        [
            "tenant": .string(status.tenant.description), "name": .string(status.name),
            "organization": .string(status.organization.text), "organizationName": .string(status.organizationName),
            "partner": .string(status.partner.text), "partnerName": .string(status.partnerName),
            "kind": .string(kind.rawValue), "state": .string(verdict.rawValue), "reason": .string(reason),
            "late": .bool(isLate), "schedule": .string(status.schedule), "lastGood": goodJSON,
            "lastFailed": failedJSON, "nextDueAt": Moment.json(status.nextDueAt),
            "ageSeconds": age.map { JSONValue($0) } ?? .null, "targetSeconds": target.map { JSONValue($0) } ?? .null,
            "openJob": status.open.map {
                ["id": .string($0.job.description), "state": .string($0.state.rawValue)]
            } ?? .null,
        ]
    }

    private var goodJSON: JSONValue {
        guard let good = status.good else { return .null }
        return [
            "job": .string(good.job.description), "snapshot": good.snapshot.map { JSONValue($0) } ?? .null,
            "finishedAt": Moment.json(good.finishedAt), "objects": JSONValue(good.objects),
            "objectsPerSecond": throughput.map { JSONValue($0) } ?? .null, "warnings": JSONValue(good.warnings),
        ]
    }

    private var failedJSON: JSONValue {
        guard let failed = status.failed else { return .null }
        return [
            "job": .string(failed.job.description), "finishedAt": Moment.json(failed.finishedAt),
            "code": .string(failed.code), "message": .string(failed.message),
        ]
    }

    static let columns = [
        "tenant", "name", "organization", "organizationName", "partner", "partnerName", "kind", "state", "reason",
        "late", "schedule", "lastGoodAt", "lastGoodJob", "snapshot", "objects", "objectsPerSecond", "warnings",
        "lastFailedAt", "lastFailedJob", "lastFailedCode", "lastFailedReason", "nextDueAt", "ageSeconds",
        "targetSeconds", "openJob", "openJobState",
    ]

    /// The cells under ``columns``; what there is not is empty.
    var record: [String] {
        let good = status.good, failed = status.failed, open = status.open
        return [
            status.tenant.description, status.name, status.organization.text, status.organizationName,
            status.partner.text, status.partnerName, kind.rawValue, verdict.rawValue, reason, String(isLate),
            status.schedule, Self.text(good?.finishedAt), good?.job.description ?? "",
            good?.snapshot.map(String.init) ?? "", good.map { String($0.objects) } ?? "",
            throughput.map { String($0) } ?? "", good.map { String($0.warnings) } ?? "", Self.text(failed?.finishedAt),
            failed?.job.description ?? "", failed?.code ?? "", failed?.message ?? "", Self.text(status.nextDueAt),
            age.map(String.init) ?? "", target.map(String.init) ?? "", open?.job.description ?? "",
            open?.state.rawValue ?? "",
        ]
    }

    private static func text(_ date: Date?) -> String { date.map(Moment.text) ?? "" }

    /// One line for people.
    var cells: [String] {
        [
            status.name, isLate && verdict != .late ? "\(verdict.rawValue), late" : verdict.rawValue,
            Moment.relative(status.good?.finishedAt, now: status.readAt), target.map { Moment.span($0) } ?? "-",
            status.nextDueAt.map { Moment.relative($0, now: status.readAt) } ?? "-",
            throughput.map { "\($0)/s" } ?? "-", Moment.relative(status.failed?.finishedAt, now: status.readAt),
            status.open.map { $0.state.rawValue } ?? "-", reason.isEmpty ? "-" : reason,
        ]
    }

    static let heads = ["tenant", "state", "last good", "target", "next", "objects", "last failed", "now", "reason"]
}

/// Many tenants in one look.
struct StatusSummary {
    private let counts: [StatusJudgement.Verdict: Int]
    private let late: Int
    private let total: Int

    init(_ items: [StatusJudgement]) {
        counts = items.reduce(into: [:]) { $0[$1.verdict, default: 0] += 1 }
        late = items.count(where: \.isLate)
        total = items.count
    }

    var json: JSONValue {
        var object: JSONObject = ["tenants": JSONValue(total)]
        for verdict in StatusJudgement.Verdict.allCases {
            // One that failed may be late as well.
            object[verdict.rawValue] = JSONValue(verdict == .late ? late : counts[verdict] ?? 0)
        }
        return .object(object)
    }

    var text: String {
        let parts = StatusJudgement.Verdict.allCases.compactMap { verdict -> String? in
            let count = verdict == .late ? late : counts[verdict] ?? 0
            return count > 0 ? "\(count) \(verdict.rawValue)" : nil
        }
        return (["\(total) \(total == 1 ? "tenant" : "tenants")"] + parts).joined(separator: ", ")
    }

    /// 1 when one failed or is late, 3 when one has warnings.
    var exitCode: Int32 {
        if late > 0 || counts[.failed] ?? 0 > 0 { return 1 }
        return counts[.warnings] ?? 0 > 0 ? 3 : 0
    }
}
