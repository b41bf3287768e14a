import AccountModel
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
            commandName: "show",
            abstract: "Shows a restore: what came of each step, what ids became, what is left to people.")
        @OptionGroup var options: GlobalOptions
        @Argument(help: "Id of the job.") var job: String

        var access: Access { .feature(.restoreObject) }

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
            commandName: "cancel", abstract: "Ends a restore after the steps that are in hand; what was done stays.",
            discussion: """
                The end is awaited for a minute, and what was done is told. `restore undo` takes it back, and \
                `job retry` goes on with the rest.
                """)
        @OptionGroup var options: GlobalOptions
        @OptionGroup var change: ChangeOptions
        @Argument(help: "Id of the job.") var job: String

        /// Graph may ask for pauses, during which nothing ends.
        private static let patience = Duration.seconds(60)

        var access: Access { .feature(.restoreObject) }

        func perform(_ output: Output) async throws -> Int32 {
            let id = JobID(uuid: try Check.guid(job, "jobId"))
            return try await options.withStore { store, _ in
                let cancelled = try await store.audited("restore.cancel", id.description) {
                    try await store.cancelRestore(id)
                }
                if !isDryRun { try await Self.awaitEnd(of: cancelled, store, output) }
                let record = try await store.restore(id)
                let done = record.results.count { $0.outcome == .done }
                output.show([
                    "job": record.job.json, "done": JSONValue(done), "steps": JSONValue(record.plan.steps.count),
                    "cancelling": .bool(record.isCancelling),
                ]) { Self.text(record, done) }
                return 0
            }
        }

        private static func awaitEnd(of job: JobRecord, _ store: PostgresStore, _ output: Output) async throws {
            struct Patience: Error {}
            let began = ContinuousClock.now
            do {
                _ = try await JobWatch(store: store, output: output).end(of: job) { _ in
                    if began.duration(to: .now) > patience { throw Patience() }
                }
            } catch is Patience {
                // What is told then is that it still runs.
            }
        }

        private static func text(_ record: RestoreRecord, _ done: Int) -> String {
            let id = record.job.id
            var lines = ["\(done) of \(record.plan.steps.count) steps were done."]
            switch record.job.state {
            case .cancelled: lines.insert("The restore \(id) is cancelled.", at: 0)
            case .queued, .running:
                lines.insert("The restore \(id) still has steps in hand, and ends after them.", at: 0)
            case .succeeded, .succeededWithWarnings, .failed:
                lines.insert("The restore \(id) came to its end before: \(record.job.state.rawValue).", at: 0)
            }
            if done > 0 { lines.append("Back to before: entra-backup restore undo \(id)") }
            if record.job.state == .cancelled { lines.append("On with the rest: entra-backup job retry \(id)") }
            return lines.joined(separator: "\n")
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
            \(record.plan.steps.count) steps planned: \(count(.done)) done, \(count(.skipped)) skipped, \(count(.failed)) \
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
        if !unlike.isEmpty {
            lines.append("Not read back as it was written: \(unlike.count) of \(count(.done)).")
        }
        if !todos.isEmpty { lines += ["", "TO DO BY A PERSON"] }
        lines += todos.map { "  \($0.code)  \($0.type) \($0.id): \($0.message)" }
        return lines.joined(separator: "\n")
    }
}
