import BackupContracts
import LibPQ

extension PostgresStore {
    /// Whether what an administrator changes within this task is checked, answered and taken back. Key files are not
    /// written either.
    @TaskLocal public static var isDryRun = false

    /// A transaction that is rolled back when its body has succeeded.
    func rehearse<T: Sendable>(
        _ options: PostgresTransactionOptions, _ body: (PostgresConnection) async throws(AccountError) -> T
    ) async throws(AccountError) -> T {
        let map: (PostgresError) -> AccountError = { AccountError(StageFailure(store: $0)) }
        let done = AccountError(.refused, "dryRun", "Nothing was changed.", hint: "Run it without --dry-run.")
        var result: T?
        do throws(AccountError) {
            return try await pool.withConnection(orThrow: map) { (connection) async throws(AccountError) in
                try await connection.transaction(options, orThrow: map) { (connection) async throws(AccountError) in
                    result = try await body(connection)
                    throw done
                }
            }
        } catch {
            guard error.code == done.code, let result else { throw error }
            return result
        }
    }
}
