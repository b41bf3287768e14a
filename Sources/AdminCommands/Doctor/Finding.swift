import BackupModel

/// What one check of `doctor` came to.
struct Finding: Sendable, Hashable {
    enum Outcome: String, Sendable, CaseIterable {
        /// The installation is broken or unsafe: doctor's exit code is 1.
        case failed
        /// It works, but a person should look.
        case warning
        case ok
    }

    /// A name for scripts, which never changes: `setting.fsync`.
    var check: String
    var outcome: Outcome
    var message: String
    /// What to do; empty when all is well.
    var hint: String
    var runbook: String?

    static func ok(_ check: String, _ message: String) -> Finding {
        Finding(check: check, outcome: .ok, message: message, hint: "", runbook: nil)
    }

    static func warning(_ check: String, _ message: String, hint: String, runbook: String?) -> Finding {
        Finding(check: check, outcome: .warning, message: message, hint: hint, runbook: runbook)
    }

    static func failed(_ check: String, _ message: String, hint: String, runbook: String?) -> Finding {
        Finding(check: check, outcome: .failed, message: message, hint: hint, runbook: runbook)
    }

    /// What could not be asked.
    static func failed(_ check: String, _ failure: CommandFailure) -> Finding {
        failed(check, failure.message, hint: failure.hint, runbook: failure.runbook)
    }

    var json: JSONValue {
        [
            "check": .string(check), "outcome": .string(outcome.rawValue), "message": .string(message),
            "hint": .string(hint), "runbook": runbook.map { .string($0) } ?? .null,
        ]
    }
}

extension [Finding] {
    /// Problems first, otherwise in the order of the examination.
    var sortedByOutcome: [Finding] {
        Finding.Outcome.allCases.flatMap { outcome in filter { $0.outcome == outcome } }
    }

    func count(of outcome: Finding.Outcome) -> Int { count { $0.outcome == outcome } }
}

extension [String] {
    /// The first few, and how many more there are.
    var shortList: String {
        let shown = prefix(5).joined(separator: ", ")
        return count > 5 ? "\(shown) and \(count - 5) more" : shown
    }
}
