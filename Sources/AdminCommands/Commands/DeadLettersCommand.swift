import AccountModel
import ArgumentParser
import BackupContracts
import BackupModel
import Foundation
import PostgresStore
import ServiceBootstrap

struct DeadLettersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dead-letters", abstract: "Messages that were parked for a person.",
        subcommands: [List.self, Show.self, Retry.self, Discard.self])

    struct List: AdminCommand {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "Lists dead letters, newest first.")
        @OptionGroup var options: GlobalOptions
        @Option(help: "At most so many.") var limit = 100

        func validate() throws { try Check.limit(limit) }

        var access: Access { .operatorOnly }

        func perform(_ output: Output) async throws -> Int32 {
            try await options.withStore { store, _ in
                let letters = Limited(try await store.deadLetters(limit: limit + 1), limit)
                output.show(letters.document(\.json)) {
                    guard !letters.items.isEmpty else { return "There are no dead letters." }
                    var table = Table(["parked", "error", "kind", "attempts", "tenant", "id"])
                    for letter in letters.items {
                        table.add([
                            Moment.relative(letter.parkedAt), letter.errorCode, letter.kind?.rawValue ?? "-",
                            String(letter.attempts), letter.tenant?.description ?? "-", letter.id.text,
                        ])
                    }
                    return letters.noted(table.text)
                }
            }
            return 0
        }
    }

    struct Show: AdminCommand {
        static let configuration = CommandConfiguration(commandName: "show", abstract: "Shows a dead letter.")
        @OptionGroup var options: GlobalOptions
        @Argument(help: "Id.") var id: String

        var access: Access { .operatorOnly }

        func perform(_ output: Output) async throws -> Int32 {
            let id = try Check.guid(id, "deadLetterId")
            try await options.withStore { store, _ in
                let letter = try await store.deadLetter(id)
                output.show(["deadLetter": letter.shown]) { letter.humanText }
            }
            return 0
        }
    }

    struct Retry: ChangingCommand {
        static let configuration = CommandConfiguration(
            commandName: "retry", abstract: "Lets the job of a dead letter go on where it stood.",
            discussion: """
                Mend the cause first. All dead letters of the job come back. Exit 6 when the job cannot go on: then \
                `entra-backup job retry` starts it anew. With --all the exit code is 6 when one cannot.
                """)
        @OptionGroup var options: GlobalOptions
        @OptionGroup var change: ChangeOptions
        @Argument(help: "Id.") var id: String?
        @Flag(help: "All dead letters.") var all = false

        func validate() throws {
            guard (id != nil) != all else { throw ValidationError("Give either an id or --all.") }
        }

        var access: Access { .operatorOnly }

        func perform(_ output: Output) async throws -> Int32 {
            let id = try id.map { try Check.guid($0, "deadLetterId") }
            return try await options.withStore { store, _ in
                guard let id else { return try await retryAll(store, output) }
                let back = try await Self.retry(id, store)
                output.show(["retried": .array(back.map { .string($0.text) })]) {
                    "\(back.count) \(back.count == 1 ? "message is" : "messages are") on the way again."
                }
                return 0
            }
        }

        private static func retry(_ id: UUID, _ store: PostgresStore) async throws -> [UUID] {
            try await store.audited("deadLetter.retry", id.text) { try await store.retryDeadLetter(id) }
        }

        private func retryAll(_ store: PostgresStore, _ output: Output) async throws -> Int32 {
            var items: [(id: UUID, refusal: CommandFailure?)] = []
            var back: Set<UUID> = []
            for id in try await store.deadLetterIDs() where !back.contains(id) {
                do {
                    let ids = try await Self.retry(id, store)
                    back.formUnion(ids)
                    items += ids.map { ($0, nil) }
                } catch {
                    let failure = CommandFailure(error)
                    guard failure.exitCode == 6 else { throw error }
                    items.append((id, failure))
                }
            }
            let done = items
            output.show(["items": .array(done.map { Self.json($0.id, $0.refusal) })]) {
                guard !done.isEmpty else { return "There are no dead letters." }
                var table = Table(["id", "outcome"])
                for item in done {
                    table.add([item.id.text, item.refusal.map { "refused: \($0.message) \($0.hint)" } ?? "retried"])
                }
                return table.text
            }
            return done.contains { $0.refusal != nil } ? 6 : 0
        }

        private static func json(_ id: UUID, _ refusal: CommandFailure?) -> JSONValue {
            [
                "id": .string(id.text), "outcome": .string(refusal == nil ? "retried" : "refused"),
                "error": refusal.flatMap { $0.json["error"] } ?? .null,
            ]
        }
    }

    struct Discard: ChangingCommand {
        static let configuration = CommandConfiguration(
            commandName: "discard", abstract: "Takes a dead letter away for good.",
            discussion: "Its job stays failed; `entra-backup job retry` still starts that anew.")
        @OptionGroup var options: GlobalOptions
        @OptionGroup var change: ChangeOptions
        @Argument(help: "Id.") var id: String

        var access: Access { .operatorOnly }

        func perform(_ output: Output) async throws -> Int32 {
            let id = try Check.guid(id, "deadLetterId")
            try await options.withStore { store, _ in
                let letter = try await store.audited("deadLetter.discard", id.text) {
                    try await store.discardDeadLetter(id)
                }
                output.show(["deadLetter": letter.json]) { "The dead letter \(id.text) is gone." }
            }
            return 0
        }
    }
}

extension DeadLetter {
    private var rule: FailureRule? { FailureCode.all.first { $0.name == errorCode }?.rule }

    var json: JSONValue {
        [
            "id": .string(id.text), "queue": .string(queue), "kind": kind.map { .string($0.rawValue) } ?? .null,
            "tenant": tenant.map { .string($0.description) } ?? .null,
            "job": job.map { .string($0.description) } ?? .null, "attempts": JSONValue(attempts),
            "error": [
                "code": .string(errorCode), "message": .string(errorMessage), "hint": .string(rule?.hint ?? ""),
                "runbook": rule?.runbook.map { .string($0) } ?? .null,
            ],
            "createdAt": Moment.json(createdAt), "parkedAt": Moment.json(parkedAt),
        ]
    }

    /// ``json`` and the body.
    var shown: JSONValue {
        guard case .object(var object) = json else { return json }
        object["body"] = .string(body)
        return .object(object)
    }

    var humanText: String {
        var lines = [
            "dead letter  \(id.text)", "queue        \(queue)", "kind         \(kind?.rawValue ?? "-")",
            "tenant       \(tenant?.description ?? "-")", "job          \(job?.description ?? "-")",
            "attempts     \(attempts)", "created      \(Moment.relative(createdAt))",
            "parked       \(Moment.relative(parkedAt))", "error        \(errorCode): \(errorMessage)",
        ]
        if let rule {
            lines.append("             \(rule.hint)")
            if let runbook = rule.runbook { lines.append("             Runbook: runbooks/\(runbook).md") }
        }
        lines.append("body         \(body)")
        return lines.joined(separator: "\n")
    }
}
