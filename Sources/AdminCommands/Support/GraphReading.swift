import GraphDirectory
import Logging
import PostgresStore
import ServiceBootstrap

extension PostgresStore {
    /// Runs `body` with a reader of Microsoft Graph that draws from the shared budget, and closes its connections.
    func withGraphReader<T>(
        _ configuration: ServiceConfiguration, _ body: (GraphDirectoryReader) async throws -> T
    ) async throws -> T {
        let reader = GraphDirectoryReader(
            budget: self, options: GraphOptions(patience: configuration.graphPatience),
            logger: Logger(label: "entra-backup") { _ in SwiftLogNoOpLogHandler() })
        let result: Result<T, any Error>
        do {
            result = .success(try await body(reader))
        } catch {
            result = .failure(error)
        }
        await reader.shutdown()
        return try result.get()
    }
}
