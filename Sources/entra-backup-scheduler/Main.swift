import ScheduleStage
import ServiceBootstrap

/// Starts due backups, publishes messages that were left behind, applies retention.
@main
enum Main {
    static func main() async {
        await StageProgram.scheduler.run { context in
            let stage = ScheduleStage(
                store: context.store, messages: context.store, transport: context.transport, mail: context.mail,
                hooks: context.hooks)
            context.signsAuditAtEnd()
            await SchedulerLoop(context: context).run(stage.turn, sweep: stage.sweep)
        }
    }
}
