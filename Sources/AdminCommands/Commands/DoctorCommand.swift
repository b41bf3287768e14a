import AccountModel
import ArgumentParser
import BackupModel
import Foundation

struct DoctorCommand: AdminCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Checks everything and names what to do.",
        discussion: """
            Looks at configuration, disk, PostgreSQL (version, settings, schema, roles, rights, row-level security, \
            clock), RabbitMQ (version, queues, consumers), the key store, tenants' keys and credentials, and the work \
            that waits. Changes nothing. Exit 1 when a check failed, 0 when there are only warnings.
            """)
    @OptionGroup var options: GlobalOptions

    var access: Access { .operatorOnly }

    func perform(_ output: Output) async throws -> Int32 {
        let findings = await Examination(options: options).run().sortedByOutcome
        output.show(["items": .array(findings.map(\.json))]) { Self.text(findings, colours: output.usesColour) }
        return findings.count(of: .failed) > 0 ? 1 : 0
    }

    /// One line a finding, and under a problem what to do.
    static func text(_ findings: [Finding], colours: Bool) -> String {
        let width = findings.map(\.check.count).max() ?? 0
        let indent = String(repeating: " ", count: 9)
        var lines = findings.flatMap { finding in
            let gap = String(repeating: " ", count: width - finding.check.count + 2)
            let outcome = finding.outcome.rawValue + String(repeating: " ", count: 9 - finding.outcome.rawValue.count)
            var lines = [finding.outcome.coloured(outcome, colours) + finding.check + gap + finding.message]
            if !finding.hint.isEmpty { lines.append(indent + finding.hint) }
            if let runbook = finding.runbook { lines.append(indent + "Runbook: runbooks/\(runbook).md") }
            return lines
        }
        let failed = findings.count(of: .failed), warnings = findings.count(of: .warning)
        lines.append("\(failed) failed, \(warnings) to look at, \(findings.count(of: .ok)) well")
        return lines.joined(separator: "\n")
    }
}

extension Finding.Outcome {
    fileprivate func coloured(_ text: String, _ colours: Bool) -> String {
        guard colours else { return text }
        let code =
            switch self {
            case .failed: "31"
            case .warning: "33"
            case .ok: "32"
            }
        return "\u{1B}[\(code)m\(text)\u{1B}[0m"
    }
}
