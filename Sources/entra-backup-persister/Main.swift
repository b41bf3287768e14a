import PersistStage
import ServiceBootstrap

/// Settles collections into history and seals snapshots.
@main
enum Main {
    static func main() async {
        await StageProgram.persister.runConsumer { context in
            let stage = PersistStage(store: context.store)
            return stage.handle
        }
    }
}
