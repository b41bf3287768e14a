import BackupContracts
import BackupModel

/// A position that Graph no longer knows, told by 410: <https://learn.microsoft.com/graph/delta-query-overview>. The walk
/// starts again with a complete listing; what is here keeps it from doing so for ever.
extension CollectionWalk {
    /// How often this walk has started again in this round.
    var restarts: Int { cursor.restarts ?? 0 }

    /// A failure of a request that carried no position: none was lost. What was asked for is gone from Graph, as an
    /// endpoint that is retired is, and starting again would find the same.
    func withoutPosition(_ failure: StageFailure) -> StageFailure {
        guard failure.disposition == .restartRound else { return failure }
        return StageFailure(
            .graphRequestRejected,
            "What is read of \(plan.type.name) is gone from Microsoft Graph, not a position in it: \(failure.message)")
    }

    /// A failure that would have the walk start again once more than is allowed.
    func lostTooOften(_ failure: StageFailure) -> StageFailure {
        StageFailure(
            .graphRequestRejected,
            "The position in \(plan.type.name) was lost \(restarts + 1) times in one round: \(failure.message)")
    }
}
