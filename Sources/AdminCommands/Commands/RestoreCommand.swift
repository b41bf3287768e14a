import ArgumentParser
import BackupContracts
import BackupModel
import Foundation
import PostgresStore
import ServiceBootstrap

struct RestoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore", abstract: "Brings back what was changed or deleted: a plan first, then its steps.",
        subcommands: [Plan.self, Apply.self, Show.self, Cancel.self, Undo.self])

    struct Show: AdminCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shows a restore: what came of each step, what ids became, what is left to people.")
        @OptionGroup var options: GlobalOptions
        @Argument(help: "Id of the job.") var job: String

        func perform(_ output: Output) async throws -> Int32 {
            let id = JobID(uuid: try Check.guid(job, "jobId"))
            return try await options.withStore { store, _ in
                let record = try await store.restore(id)
                output.show(RestoreText(record: record).json) { RestoreText(record: record).text }
                return 0
            }
        }
    }

    struct Cancel: ChangingCommand {
        static let configuration = CommandConfiguration(
            abstract: "Ends a restore after the steps that are in hand; what was done stays.")
        @OptionGroup var options: GlobalOptions
        @OptionGroup var change: ChangeOptions
        @Argument(help: "Id of the job.") var job: String

        func perform(_ output: Output) async throws -> Int32 {
            let id = JobID(uuid: try Check.guid(job, "jobId"))
            return try await options.withStore { store, _ in
                let job = try await store.audited("restore.cancel", id.description) {
                    try await store.cancelRestore(id)
                }
                let record = try await store.restore(id)
                output.show(["job": job.json, "done": JSONValue(record.results.count)]) {
                    """
                    The restore \(job.id) is \(job.state.rawValue): \(record.results.count) of \
                    \(record.plan.steps.count) steps were done. Back to before: entra-backup restore undo \(job.id)
                    """
                }
                return 0
            }
        }
    }
}

/// A restore for scripts and for people.
struct RestoreText {
    let record: RestoreRecord

    private var todos: [RestoreTodo] { record.plan.todos + record.results.flatMap(\.todos) }

    var json: JSONValue {
        [
            "job": record.job.json, "plan": .string(record.plan.id.text),
            "cancelling": .bool(record.isCancelling), "results": .array(record.results.map(\.json)),
            "idMap": .array((record.newIDs + record.plan.matches).map(\.json)), "todos": .array(todos.map(\.json)),
        ]
    }

    var text: String {
        let count = { (outcome: RestoreResult.Outcome) in record.results.count { $0.outcome == outcome } }
        let unlike = record.results.filter { $0.outcome == .done && !$0.verified }
        var lines = [
            record.job.humanText, "",
            """
            \(record.plan.steps.count) steps: \(count(.done)) done, \(count(.skipped)) skipped, \(count(.failed)) \
            failed, \(record.plan.steps.count - record.results.count) left; \(record.newIDs.count) new ids.
            """,
        ]
        let steps = Dictionary(record.plan.steps.map { ($0.number, $0) }) { first, _ in first }
        for result in record.results where result.outcome != .done || !result.verified {
            let step = steps[result.number]
            lines.append(
                "  \(result.number). \(step?.action.rawValue ?? "") \(step?.type ?? "") \(step?.id ?? ""): "
                    + "\(result.outcome.rawValue) \(result.code ?? "") \(result.message)")
            lines += result.differences.map { "      \($0.path) reads back differently" }
        }
        if !unlike.isEmpty { lines.append("\(unlike.count) objects do not read back as they were written.") }
        if !todos.isEmpty { lines += ["", "TO DO BY A PERSON"] }
        lines += todos.map { "  \($0.code)  \($0.type) \($0.id): \($0.message)" }
        return lines.joined(separator: "\n")
    }
}
