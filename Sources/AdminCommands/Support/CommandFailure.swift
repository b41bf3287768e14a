import ArgumentParser
import BackupContracts
import BackupModel
import LocalStack
import PostgresStore
import ServiceBootstrap

/// A failure as the command line reports it: exit code, a name for scripts, and what to do next.
struct CommandFailure: Error, Sendable, CustomStringConvertible {
    var exitCode: Int32
    var code: String
    var message: String
    var hint: String
    var runbook: String?

    init(_ exitCode: Int32, _ code: String, _ message: String, hint: String, runbook: String? = nil) {
        self.exitCode = exitCode
        self.code = code
        self.message = message
        self.hint = hint
        self.runbook = runbook
    }

    var description: String { message }

    /// Maps every error that a command can meet.
    init(_ error: any Error) {
        switch error {
        case let failure as CommandFailure: self = failure
        case let error as AccountError: self.init(account: error)
        case let failure as StageFailure: self.init(stage: failure)
        case let error as ConfigurationError:
            self.init(1, "configurationInvalid", error.message, hint: error.hint)
        case let error as LocalStackError: self.init(stack: error)
        case is CancellationError:
            self.init(130, "interrupted", "The command was interrupted.", hint: "Run it again.")
        default:
            self.init(1, "failed", "\(error)", hint: "Run `entra-backup doctor`.")
        }
    }

    private init(account error: AccountError) {
        switch error.kind {
        case .invalid: self.init(2, error.code, error.message, hint: error.hint)
        case .notFound: self.init(4, error.code, error.message, hint: error.hint)
        case .refused: self.init(5, error.code, error.message, hint: error.hint)
        case .conflict: self.init(6, error.code, error.message, hint: error.hint)
        case .failure(let failure): self.init(stage: failure)
        }
    }

    private init(stage failure: StageFailure) {
        let unreachable: Set<FailureCode> = [
            .databaseUnreachable, .brokerUnreachable, .graphUnreachable, .graphThrottled, .graphServerError,
        ]
        let rule = failure.code.rule
        self.init(
            unreachable.contains(failure.code) ? 7 : 1, failure.code.name, failure.message, hint: rule.hint,
            runbook: rule.runbook)
    }

    private init(stack error: LocalStackError) {
        let exitCode: Int32 =
            switch error.code {
            case .alreadyRunning: 6
            default: 1
            }
        self.init(exitCode, error.code.rawValue, error.message, hint: error.hint, runbook: error.runbook)
    }

    /// A tenant whose backups were stopped.
    static func inactive(_ tenant: TenantRecord) -> CommandFailure {
        CommandFailure(
            5, "tenantInactive", "The tenant \(tenant.name) is inactive.",
            hint: "Activate it: entra-backup tenant activate \(tenant.id)")
    }

    var json: JSONValue {
        [
            "error": [
                "code": .string(code), "message": .string(message), "hint": .string(hint),
                "runbook": runbook.map { .string($0) } ?? .null,
            ]
        ]
    }
}
