import AccountModel
import ArgumentParser
import BackupContracts
import BackupModel
import Foundation
import PostgresStore
import ServiceBootstrap

struct JobCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "job", abstract: "Jobs and their progress.",
        subcommands: [List.self, Show.self, Cancel.self, Retry.self])

    struct List: AdminCommand {
        static let configuration = CommandConfiguration(commandName: "list", abstract: "Lists jobs, newest first.")
        @OptionGroup var options: GlobalOptions
        @Option(help: "backup, download or restore.") var kind: JobKind?
        @Option(help: "queued, running, succeeded, succeededWithWarnings, failed or cancelled.") var state: JobState?
        @Option(help: "Of this tenant, by id or name.") var tenant: String?
        @Option(help: "At most so many.") var limit = 100

        func validate() throws { try Check.limit(limit) }

        var access: Access { .jobStates }

        func perform(_ output: Output) async throws -> Int32 {
            try await options.withStore { store, _ in
                let owner: TenantID? = if let tenant { try await store.tenant(tenant).id } else { nil }
                let jobs = Limited(
                    try await store.jobs(kind: kind, state: state, tenant: owner, limit: limit + 1), limit)
                output.show(jobs.document(\.json)) {
                    var table = Table(["kind", "state", "snapshot", "created", "objects", "tenant", "id"])
                    for job in jobs.items {
                        table.add([
                            job.kind.rawValue, job.state.rawValue, job.snapshot.map(String.init) ?? "-",
                            Moment.relative(job.createdAt), String(job.done), job.tenant.description,
                            job.id.description,
                        ])
                    }
                    return jobs.noted(table.text)
                }
            }
            return 0
        }
    }

    struct Show: AdminCommand {
        static let configuration = CommandConfiguration(commandName: "show", abstract: "Shows a job.")
        @OptionGroup var options: GlobalOptions
        @Argument(help: "Id.") var job: String

        var access: Access { .jobStates }

        func perform(_ output: Output) async throws -> Int32 {
            let id = JobID(uuid: try Check.guid(job, "jobId"))
            return try await options.withStore { store, _ in
                let job = try await store.job(id)
                output.show(["job": job.json]) { job.humanText }
                return 0
            }
        }
    }

    struct Cancel: ChangingCommand {
        static let configuration = CommandConfiguration(
            commandName: "cancel", abstract: "Cancels a job that has not ended.")
        @OptionGroup var options: GlobalOptions
        @OptionGroup var change: ChangeOptions
        @Argument(help: "Id.") var job: String

        var access: Access { .jobChanges }

        func perform(_ output: Output) async throws -> Int32 {
            let id = JobID(uuid: try Check.guid(job, "jobId"))
            return try await options.withStore { store, _ in
                let job = try await store.audited("job.cancel", id.description) { try await store.cancelJob(id) }
                output.show(["job": job.json]) {
                    job.state.isFinal
                        ? "Job \(job.id) is \(job.state.rawValue)."
                        : "Job \(job.id) ends after the steps that are in hand: entra-backup restore show \(job.id)"
                }
                return 0
            }
        }
    }

    struct Retry: ChangingCommand {
        static let configuration = CommandConfiguration(
            commandName: "retry", abstract: "Starts a failed or cancelled job again.",
            discussion: """
                A restore goes on with the steps that were not done. It does not when an object of those has changed \
                since the plan was made: exit 6 shows the difference.
                """)
        @OptionGroup var options: GlobalOptions
        @OptionGroup var change: ChangeOptions
        @Argument(help: "Id.") var job: String
        @Flag(help: "Wait until it has ended.") var wait = false

        var access: Access { .jobChanges }

        func perform(_ output: Output) async throws -> Int32 {
            let id = JobID(uuid: try Check.guid(job, "jobId"))
            return try await options.withStore { store, _ in
                let job = try await store.audited("job.retry", id.description) {
                    let job = try await store.job(id)
                    let tenant = try await store.tenant(job.tenant.description)
                    guard tenant.state != .inactive else { throw CommandFailure.inactive(tenant) }
                    if job.kind == .restore, [.failed, .cancelled].contains(job.state) {
                        let record = try await store.restore(id)
                        try await RestoreStart(store: store, tenant: tenant, plan: record.plan, output: output)
                            .checkUnchanged(after: record)
                    }
                    return try await store.retryJob(id)
                }
                return try await JobWatch(store: store, output: output).report((job, false), wait: wait) {
                    job.waitingFor.map { "Job \(job.id) starts again after the job \($0)." }
                        ?? "Job \(job.id) starts again."
                }
            }
        }
    }
}

extension JobRecord {
    var json: JSONValue {
        [
            "id": .string(id.description), "kind": .string(kind.rawValue), "tenant": .string(tenant.description),
            "state": .string(state.rawValue), "parked": .bool(parked),
            "waitingFor": waitingFor.map { .string($0.description) } ?? .null,
            "snapshot": snapshot.map { JSONValue($0) } ?? .null, "createdAt": Moment.json(createdAt),
            "startedAt": Moment.json(startedAt), "finishedAt": Moment.json(finishedAt),
            "progress": ["done": JSONValue(done), "total": expected.map { JSONValue($0) } ?? .null, "unit": "objects"],
            "stages": .array(stages.map(\.json)),
            "warnings": .array(warnings.map { ["code": .string($0.code), "message": .string($0.message)] }),
            "error": errorJSON, "trace": .string(trace),
        ]
    }

    /// What will have been read; a job that has ended has read all that it will.
    private var expected: Int64? { state.isFinal ? done : total }

    private var errorJSON: JSONValue {
        guard let errorCode else { return .null }
        let rule = FailureCode.all.first { $0.name == errorCode }?.rule
        return [
            "code": .string(errorCode), "message": .string(errorMessage ?? ""), "hint": .string(rule?.hint ?? ""),
            "runbook": rule?.runbook.map { .string($0) } ?? .null,
        ]
    }

    var humanText: String {
        var lines = [
            "\(kind.rawValue) \(id)", "state     \(state.rawValue)\(parked ? " (parked)" : "")", "tenant    \(tenant)",
            "snapshot  \(snapshot.map(String.init) ?? "-")", "created   \(Moment.relative(createdAt))",
            "\(kind == .restore ? "steps   " : "objects ")  \(done)",
        ]
        if let waitingFor { lines.append("waits for \(waitingFor)") }
        for stage in stages { lines.append("\(stage.stage)  \(stage.items) items, \(stage.secondsText)") }
        for warning in warnings { lines.append("warning   \(warning.code): \(warning.message)") }
        if let errorCode {
            lines.append("error     \(errorCode): \(errorMessage ?? "")")
            if let rule = FailureCode.all.first(where: { $0.name == errorCode })?.rule {
                lines.append("          \(rule.hint)")
                if let runbook = rule.runbook { lines.append("          Runbook: runbooks/\(runbook).md") }
            }
        }
        return lines.joined(separator: "\n")
    }
}

extension JobRecord.StageTime {
    var seconds: Double? {
        guard let startedAt, let finishedAt, let from = Moment.date(startedAt), let to = Moment.date(finishedAt) else {
            return nil
        }
        return to.timeIntervalSince(from)
    }

    var secondsText: String { seconds.map { "\(($0 * 100).rounded() / 100) s" } ?? "-" }

    var json: JSONValue {
        [
            "stage": .string(stage), "startedAt": Moment.json(startedAt.flatMap(Moment.date)),
            "finishedAt": Moment.json(finishedAt.flatMap(Moment.date)), "items": JSONValue(items),
            "seconds": seconds.map { JSONValue($0) } ?? .null,
        ]
    }
}
