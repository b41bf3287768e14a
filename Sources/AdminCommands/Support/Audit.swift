import AccountModel
import Foundation
import PostgresStore
import Synchronization

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
            // A rehearsal that meets a conflict has told what it is for.
            if failure.exitCode == 5 || failure.exitCode == 6 && !Self.isDryRun {
                try await writeRefusal(note, code: failure.code)
                Refusals.current?.markWritten()
            }
            throw error
        }
    }

    /// Also in a rehearsal: nobody finds out without a trace what is refused.
    fileprivate func writeRefusal(_ note: AuditNote, code: String) async throws {
        try await Self.$isDryRun.withValue(false) { try await refuse(note, code: code) }
    }
}

/// What a command is refused before it comes to anything that is audited by itself: a look-up of what is another
/// partner's, a right that the store misses.
final class Refusals: Sendable {
    @TaskLocal static var current: Refusals?
    private let isWritten = Mutex(false)

    func markWritten() { isWritten.withLock { $0 = true } }

    /// Runs the command. A refusal that nobody has written into the audit log is written under the command's name.
    static func audited(
        _ command: @autoclosure () -> String, _ options: GlobalOptions, _ body: () async throws -> Int32
    ) async throws -> Int32 {
        let refusals = Refusals()
        do {
            return try await $current.withValue(refusals, operation: body)
        } catch {
            let failure = CommandFailure(error)
            if failure.exitCode == 5, !refusals.isWritten.withLock({ $0 }) {
                try await options.withStore { store, _ in
                    try await store.writeRefusal(store.note(command(), "-"), code: failure.code)
                }
            }
            throw error
        }
    }
}
