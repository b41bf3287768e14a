import FetchStage
import GraphDirectory
import ServiceBootstrap

/// Reads tenants through Microsoft Graph, page by page.
@main
enum Main {
    static func main() async {
        await StageProgram.fetcher.runConsumer { context in
            let reader = GraphDirectoryReader(
                budget: context.budget, options: GraphOptions(patience: context.configuration.graphPatience),
                observe: { observation in
                    context.countGraphRequest(status: observation.status, units: observation.units)
                }, logger: context.logger)
            context.atEnd { await reader.shutdown() }
            let stage = FetchStage(store: context.store, reader: reader)
            return stage.handle
        }
    }
}
