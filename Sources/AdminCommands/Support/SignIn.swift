import AccountModel
import ArgumentParser
import Foundation
import PostgresStore

/// Who runs the command: the operator of the machine, or, with `--as`, a member of a partner's staff.
enum SignIn {
    /// Whoever the command runs for; set once the command has been let in.
    @TaskLocal static var identity: Identity = .operator(NSUserName())

    /// Lets the command in, or refuses it: exit 5, and an entry in the audit log.
    static func identity(
        for options: GlobalOptions, _ access: Access, command: @autoclosure () -> String
    ) async throws -> Identity {
        guard let email = options.actingAs else { return .operator(NSUserName()) }
        let token = AccessToken(try SecretFile.read(options.tokenFile ?? "-"))
        let identity = try await options.withStore { store, _ in
            try await store.audited("user.signIn", email) {
                try await store.signIn(email, token.flatMap { $0.kind == .user ? Array($0.hash) : nil })
            }
        }
        guard let refusal = access.refusal(of: identity) else { return identity }
        try await $identity.withValue(identity) {
            try await options.withStore { store, _ in
                try await store.audited(command(), "-") { throw refusal }
            }
        }
        return identity
    }
}

extension Access {
    /// Why the identity may not run the command; nil when it may.
    func refusal(of identity: Identity) -> AccountError? {
        switch self {
        case .anyone: return nil
        case .operatorOnly:
            guard case .staff = identity else { return nil }
            return AccountError(
                .refused, "operatorOnly", "Only the operator of the machine may do this.",
                hint: "Ask the operator; partner staff works with accounts, backups and restores.")
        case .features(let features):
            let missing = features.sorted { $0.rawValue < $1.rawValue }.first { !identity.has($0) }
            return missing.map { .missing($0, identity) }
        }
    }
}
