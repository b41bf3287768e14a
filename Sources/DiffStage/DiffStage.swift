public import BackupContracts
public import BackupModel

/// Turns fetched pages into sightings and new contents (D4).
public struct DiffStage: Sendable {
    let store: any DiffStore
    let catalogue: Catalogue
    private let room = PageRoom()

    /// One stage serves all deliveries of a process: together they stay within one room for pages.
    public init(store: any DiffStore, catalogue: Catalogue = .current) {
        self.store = store
        self.catalogue = catalogue
    }

    /// Handles a `pageFetched` message; a page is short, so draining needs no look.
    public func handle(_ message: Message, _ drain: DrainSignal) async throws(StageFailure) -> [Message] {
        guard message.kind == .pageFetched else {
            throw StageFailure(.stageDefect, "The differ was given a message of kind \(message.kind.rawValue).")
        }
        guard var input = try await store.page(message) else { return [] }
        let weight = input.content.count
        await room.enter(weight)
        let sighted: Result<DiffOutput, UnreadablePage>
        do throws(StageFailure) {
            sighted = try sight(&input)
        } catch {
            await room.leave(weight)
            throw error
        }
        // What is left of a page are its canonical bytes.
        let rest = weight / 4
        await room.leave(weight - rest)
        let following: [Message]
        do throws(StageFailure) {
            following = try await store(sighted, message)
        } catch {
            await room.leave(rest)
            throw error
        }
        await room.leave(rest)
        return following
    }

    private func sight(_ input: inout DiffInput) throws(StageFailure) -> Result<DiffOutput, UnreadablePage> {
        guard let type = catalogue[input.type] else {
            throw StageFailure(.schemaMismatch, "The catalogue of this stage has no type \(input.type).")
        }
        var sighter = PageSighter(type: type, digester: input.digester)
        do {
            // Handed over, so that the page is in memory once.
            let content = input.content.taken()
            try sighter.sight(try PageParts(decoding: consume content))
        } catch let error as JSONSyntaxError {
            return .failure(UnreadablePage(type: type, error: error))
        } catch {
            throw StageFailure(.storedDataDamaged, "A stored page of \(type.name) is damaged: \(error).")
        }
        var output = sighter.output
        output.sum(input)
        output.areNew = input.isFirst
        return .success(output)
    }

    private func store(_ sighted: Result<DiffOutput, UnreadablePage>, _ message: Message)
        async throws(StageFailure) -> [Message]
    {
        switch sighted {
        case .success(let output): return try await store.storeSightings(message, output)
        case .failure(let page):
            // Reading the same bytes again cannot help: the collection fails, and the round goes on without it.
            let failure = StageFailure(
                .graphAnswerMalformed, "A page of \(page.type.name) cannot be read: \(page.error).")
            return try await store.failCollection(message, failure)
        }
    }
}

/// A page that Graph sent and that is not what it should be.
private struct UnreadablePage: Error {
    var type: ObjectType
    var error: JSONSyntaxError
}

extension [UInt8] {
    fileprivate mutating func taken() -> [UInt8] {
        defer { self = [] }
        return self
    }
}
