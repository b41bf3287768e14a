import GraphDirectory
import RestoreStage
import ServiceBootstrap

/// Carries out restore plans through Microsoft Graph.
@main
enum Main {
    static func main() async {
        await StageProgram.restorer.runConsumer { context in
            let reader = GraphDirectoryReader(
                budget: context.budget, options: GraphOptions(patience: context.configuration.graphPatience),
                observe: { observation in
                    context.countGraphRequest(status: observation.status, units: observation.units)
                }, logger: context.logger)
            context.atEnd { await reader.shutdown() }
            let stage = RestoreStage(
                store: context.store, writer: GraphDirectoryWriter(reader), reader: reader, hooks: context.hooks)
            return stage.handle
        }
    }
}
