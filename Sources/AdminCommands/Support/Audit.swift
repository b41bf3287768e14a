import AccountModel
import Foundation
import PostgresStore

extension PostgresStore {
    /// Runs what changes something and writes it into the audit log: as allowed when it was done, as refused when
    /// rights, plan or a conflict stood against it. What failed otherwise changed nothing and is not written.
    func audited<T>(
        _ action: String, _ target: String, reason: String? = nil, _ body: () async throws -> T
    ) async throws -> T {
        do {
            let result = try await body()
            try await audit(actor: identity.actor, action: action, target: target, outcome: .allowed, reason: reason)
            return result
        } catch {
            let failure = CommandFailure(error)
            if failure.exitCode == 5 || failure.exitCode == 6 {
                try await audit(
                    actor: identity.actor, action: action, target: target, outcome: .refused, reason: failure.code)
            }
            throw error
        }
    }
}
