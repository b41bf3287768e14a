import AccountModel
import Foundation
import PostgresStore

extension PostgresStore {
    /// An entry by whoever is at the command line.
    func note(_ action: String, _ target: String, about: UUID? = nil, reason: String? = nil) -> AuditNote {
        AuditNote(actor: identity.actor, action: action, target: target, about: about, reason: reason)
    }

    /// Runs what changes something and writes it into the audit log: as allowed when it was done, in the transaction of
    /// the change, and as refused when rights, plan or a conflict stood against it. What failed otherwise changed nothing
    /// and is not written.
    /// - Parameters:
    ///   - target: what it is done to: an id, or a name.
    ///   - about: the id of a partner, organization, plan, tenant or job whose partner's chain takes the entry; needed
    ///     where `target` does not begin with such an id.
    func audited<T>(
        _ action: String, _ target: String, about: UUID? = nil, reason: String? = nil, _ body: () async throws -> T
    ) async throws -> T {
        let note = note(action, target, about: about, reason: reason)
        do {
            return try await noting(note, body)
        } catch {
            let failure = CommandFailure(error)
            if failure.exitCode == 5 || failure.exitCode == 6 { try await refuse(note, code: failure.code) }
            throw error
        }
    }
}
