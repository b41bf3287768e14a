import AccountModel
import ArgumentParser
import BackupModel
import Foundation
import PostgresStore
import ServiceBootstrap

struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "Who did what.", subcommands: [List.self, Verify.self, Export.self])

    struct List: AdminCommand {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "Lists audit entries, newest first.",
            discussion: """
                --action takes an action, or, ending with a point, all that begin with it: restore. for all of restores. \
                --since and --until take a time (2026-03-01T00:00:00Z), or how long ago: 90m, 24h, 7d.
                """)
        @OptionGroup var options: GlobalOptions
        @Option(help: "Only about this partner's things, by id or name.") var partner: String?
        @Option(help: "Only by this one, as the list names it.") var actor: String?
        @Option(help: "Only this action, or those that begin with it.") var action: String?
        @Option(help: "Only on this: an id, or a name.") var target: String?
        @Option(help: "allowed or refused.") var outcome: AuditEntry.Outcome?
        @Option(help: "From then on.") var since: PastTime?
        @Option(help: "Before then.") var until: PastTime?
        @Option(help: "At most so many.") var limit = 100

        func validate() throws { try Check.limit(limit) }

        var access: Access { .feature(.viewAudit) }

        func perform(_ output: Output) async throws -> Int32 {
            try await options.withStore { store, _ in
                var filter = AuditFilter(
                    actor: actor, action: action, target: target, outcome: outcome, since: since?.date,
                    until: until?.date, limit: limit + 1)
                if let partner { filter.partner = try await store.partner(partner).id }
                let entries = Limited(try await store.auditEntries(filter), limit)
                output.show(entries.document(\.json)) {
                    var table = Table(["at", "actor", "action", "outcome", "target", "reason"])
                    for entry in entries.items {
                        table.add([
                            Moment.relative(entry.at), entry.actor, entry.action, entry.outcome.rawValue, entry.target,
                            entry.reason ?? "-",
                        ])
                    }
                    return entries.noted(table.text)
                }
            }
            return 0
        }
    }

    struct Verify: AdminCommand {
        static let configuration = CommandConfiguration(
            commandName: "verify",
            abstract: "Checks that nobody has changed the audit log.",
            discussion: """
                Each partner has a chain of its own, and the operator one. The first break of each is named: an entry \
                that was edited, is missing, swapped or inserted, a fork, or a cut tail. Who has the whole database can \
                cut off the newest entries and all that is stored about them: this shows only against a checkpoint that \
                was kept elsewhere (see audit export), given with --checkpoint. Exit 1 when a chain is broken.
                """)
        @OptionGroup var options: GlobalOptions
        @Option(help: "Only this partner's chain, by id or name.") var partner: String?
        @Option(help: "File of checkpoints that audit export wrote.") var checkpoint: [String] = []

        var access: Access { .feature(.viewAudit) }

        func perform(_ output: Output) async throws -> Int32 {
            let outside = try checkpoint.flatMap(AuditCheckpointFile.read)
            return try await options.withStore { store, _ in
                let partners = try await store.partners()
                let only = if let partner { try await store.partner(partner).id } else { UUID?.none }
                let verdicts = try await store.verifyAudit(partner: only, against: outside)
                let names = Dictionary(partners.map { ($0.id, $0.name) }) { first, _ in first }
                let broken = verdicts.count { $0.firstBreak != nil }
                output.show(["items": .array(verdicts.map(\.json)), "broken": JSONValue(broken)]) {
                    Self.text(verdicts, names, isAgainstOutside: !outside.isEmpty)
                }
                return broken == 0 ? 0 : 1
            }
        }

        private static func text(
            _ verdicts: [AuditVerdict], _ names: [UUID: String], isAgainstOutside: Bool
        ) -> String {
            var table = Table(["chain", "entries", "checkpoints", "outcome"])
            for verdict in verdicts.sorted(by: { $0.firstBreak != nil && $1.firstBreak == nil }) {
                let outcome = verdict.firstBreak.map { "broken (\($0.kind.rawValue)): \($0.message)" } ?? "whole"
                table.add([
                    verdict.partner.map { names[$0] ?? $0.text } ?? "(operator)", String(verdict.entries),
                    String(verdict.checkpoints), outcome,
                ])
            }
            var lines = [table.text]
            if verdicts.contains(where: { $0.firstBreak != nil }) {
                lines.append("Runbook: runbooks/audit-broken.md")
            }
            if !isAgainstOutside {
                lines.append(
                    """
                    A tail that was cut off with all that is stored about it shows only against a checkpoint kept outside:
                    entra-backup audit verify --checkpoint FILE
                    """)
            }
            return lines.joined(separator: "\n")
        }
    }

    struct Export: AdminCommand {
        static let configuration = CommandConfiguration(
            commandName: "export",
            abstract: "Writes the audit log as lines of JSON, and a signed checkpoint beside it.",
            discussion: """
                FILE gets one line for each entry, FILE.checkpoint.json how far each chain is, signed with the \
                installation's key. Keep the checkpoint away from the database: against it a tail that is cut off later \
                shows.
                """)
        @OptionGroup var options: GlobalOptions
        @Option(help: "Only this partner's chain, by id or name.") var partner: String?
        @Option(help: "File; it must not be there yet.") var output: String

        var access: Access { .feature(.viewAudit) }

        func perform(_ output: Output) async throws -> Int32 {
            let path = self.output
            return try await options.withStore { store, _ in
                let partner = if let partner { try await store.partner(partner).id } else { UUID?.none }
                let file = try NewFile(path)
                let export = try await store.audited("audit.export", partner?.text ?? "all chains") {
                    try await store.exportAudit(partner: partner) { try file.write($0.json.canonicalText + "\n") }
                }
                try file.close()
                let checkpoint = path + ".checkpoint.json"
                let document = AuditCheckpointFile.document(export.checkpoints, export.publicKey)
                let other = try NewFile(checkpoint)
                try other.write(document.prettyText + "\n")
                try other.close()
                let entries = export.checkpoints.reduce(0) { $0 + $1.position }
                output.show([
                    "file": .string(path), "checkpoint": .string(checkpoint),
                    "chains": JSONValue(export.checkpoints.count),
                    "entries": JSONValue(entries),
                ]) {
                    """
                    \(path): entries: \(entries), chains: \(export.checkpoints.count).
                    Keep \(checkpoint) away from the database; later: entra-backup audit verify --checkpoint \(checkpoint)
                    """
                }
                return 0
            }
        }
    }
}

extension AuditEntry {
    var json: JSONValue {
        [
            "at": Moment.json(at), "actor": .string(actor), "action": .string(action), "target": .string(target),
            "outcome": .string(outcome.rawValue), "reason": reason.map { .string($0) } ?? .null,
            "partner": partner.map { .string($0.text) } ?? .null,
            "position": position.map { JSONValue($0) } ?? .null,
            "hash": hash.map { .string(hexadecimal($0)) } ?? .null,
        ]
    }
}

extension AuditVerdict {
    fileprivate var json: JSONValue {
        [
            "partner": partner.map { .string($0.text) } ?? .null, "entries": JSONValue(entries),
            "checkpoints": JSONValue(checkpoints), "outcome": .string(firstBreak == nil ? "whole" : "broken"),
            "break": firstBreak.map {
                [
                    "kind": .string($0.kind.rawValue), "position": $0.position.map { JSONValue($0) } ?? .null,
                    "message": .string($0.message),
                ]
            } ?? .null,
        ]
    }
}

extension AuditEntryLine {
    /// Texts and numbers that the hash is over, as they are; the time in microseconds, since the hash is over those.
    fileprivate var json: JSONValue {
        [
            "partner": partner.map { .string($0.text) } ?? .null, "position": JSONValue(position),
            "number": JSONValue(number), "at": Moment.json(Date(timeIntervalSince1970: Double(at) / 1_000_000)),
            "atMicroseconds": JSONValue(at), "actor": .string(actor), "action": .string(action),
            "target": .string(target), "outcome": .string(outcome), "reason": reason.map { .string($0) } ?? .null,
            "hash": .string(hexadecimal(hash)), "seal": .string(hexadecimal(seal)),
        ]
    }
}
