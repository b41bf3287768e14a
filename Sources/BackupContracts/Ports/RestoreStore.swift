public import BackupModel

public import struct Foundation.UUID

/// The steps of a restore that are executed together: all of one wave.
public struct RestoreChunk: Sendable {
    /// Id of the plan; one plan has one job.
    public var plan: UUID
    /// Steps that were done with before, and how often steps were begun: the fence.
    public var position: Int32
    /// How often steps of the plan were begun, by whichever worker; ``RestoreStore/begin(_:_:)`` raises it by one.
    public var begins: Int32
    /// In the order of their numbers, none of them with a result yet; never empty.
    public var steps: [RestoreStep]
    /// Another worker, or this one before it died, has begun these steps: what they create may be there already.
    public var wasStarted: Bool
    /// The restore was cancelled: it ends with these steps, which were begun before.
    public var isLast: Bool
    /// What ids have become, in this restore and in all before it: those that the steps name.
    public var map: IDMap
    /// Objects that the steps name and that this plan was to bring back and could not; lower-case ids.
    public var missing: Set<String>
    /// Objects that the steps would create and that another restore has made since the plan was; lower-case ids. The map
    /// leads to them.
    public var made: Set<String>
    /// Reads, and finds what is there.
    public var reader: DirectoryConnection
    /// Writes; the second credential of the tenant.
    public var writer: DirectoryConnection

    /// Made by the store in the transaction that marks the job running; credentials and steps are opened already.
    public init(
        plan: UUID, position: Int32, begins: Int32 = 0, steps: [RestoreStep], wasStarted: Bool, isLast: Bool = false,
        map: IDMap, missing: Set<String> = [], made: Set<String> = [], reader: DirectoryConnection,
        writer: DirectoryConnection
    ) {
        self.plan = plan
        self.position = position
        self.begins = begins
        self.steps = steps
        self.wasStarted = wasStarted
        self.isLast = isLast
        self.map = map
        self.missing = missing
        self.made = made
        self.reader = reader
        self.writer = writer
    }
}

/// What follows a chunk.
public enum RestoreNext: Sendable {
    /// More in this delivery.
    case goesOn
    /// The delivery is done with: by a baton, by the job's end, or by its being cancelled. The messages that now have
    /// rows; those of restores that waited for this one are among them.
    case ends([Message])
}

/// What the restorer needs of the store.
///
/// Laws. Every method is one transaction. Steps are begun by one worker at a time: one whose chunk is no longer the next,
/// or was begun by another since, is fenced and writes nothing (``FailureCode/unitFenced``). Results, new ids, the
/// position and the message that follows are one transaction.
public protocol RestoreStore: Sendable {
    /// The next chunk; nil when the job has ended, ends here (cancelled, or nothing is left to do), was restarted, or
    /// waits for another one, in which cases the message is gone as well. The job becomes `running` with its first chunk.
    func chunk(_ message: Message, limit: Int) async throws(StageFailure) -> RestoreChunk?

    /// Ids of objects of the type that were there when the plan was made, or that restores have made since; lower case.
    /// A begun creation has made none of them.
    func known(_ message: Message, _ chunk: RestoreChunk, _ type: UInt16) async throws(StageFailure) -> Set<String>

    /// Notes that the chunk's steps are about to be executed.
    func begin(_ message: Message, _ chunk: RestoreChunk) async throws(StageFailure)

    /// Ends a worker that slept while another began its steps (``FailureCode/unitFenced``): asked right before requests
    /// are sent, each time, because what they make would be there twice.
    func confirm(_ message: Message, _ chunk: RestoreChunk) async throws(StageFailure)

    /// Records what came of all the steps, and what ids became. The last chunk ends the job, and so does any chunk of a
    /// job that was cancelled meanwhile.
    func finish(_ message: Message, _ chunk: RestoreChunk, _ results: [RestoreResult], passesBaton: Bool)
        async throws(StageFailure) -> RestoreNext

    /// Puts the rest off: Graph asked for a pause. Steps without a result stay begun: what they create may be there.
    func pause(_ message: Message, _ chunk: RestoreChunk, _ results: [RestoreResult], after: Duration)
        async throws(StageFailure) -> [Message]

    /// Ends the job as failed; what was done stays recorded.
    func failJob(_ message: Message, _ failure: StageFailure) async throws(StageFailure) -> [Message]
}
