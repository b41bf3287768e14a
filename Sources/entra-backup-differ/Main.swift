import DiffStage
import ServiceBootstrap

/// Turns fetched pages into sightings and new contents.
@main
enum Main {
    static func main() async {
        await StageProgram.differ.runConsumer { context in
            let stage = DiffStage(store: context.store)
            return stage.handle
        }
    }
}
