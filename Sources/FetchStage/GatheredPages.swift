import BackupContracts

/// What one step of a walk read, or several whose pages are small: they are stored as one page, with the cursor that
/// follows the last of them.
struct GatheredPages: Sendable {
    private(set) var page: FetchedPage?
    private(set) var next: WalkNext
    private(set) var steps = 1
    /// Why the step after these failed.
    var failure: StageFailure?

    init(_ page: FetchedPage?, _ next: WalkNext) {
        self.page = page
        self.next = next
    }

    var bytes: Int { page?.content.count ?? 0 }

    /// Adds the step that came next. The parts of both pages follow each other, as they would on two pages.
    mutating func add(_ more: FetchedPage?, _ next: WalkNext) {
        steps += 1
        self.next = next
        guard let more else { return }
        guard var sum = page else {
            page = more
            return
        }
        page = nil
        sum.content += more.content
        sum.items += more.items
        sum.requests += more.requests
        page = sum
    }
}

extension CollectionWalk {
    /// Reads one page, and those after it while all of them together are small. A failure of a later step is told with
    /// what was read before it.
    ///
    /// - Parameter isOver: whether a delivery that has done so many steps has done enough.
    func gather(
        _ limits: WalkLimits, until isOver: (_ steps: Int) -> Bool
    ) async -> Result<GatheredPages, StageFailure> {
        var gathered: GatheredPages
        do throws(StageFailure) {
            let (page, next) = try await step()
            gathered = GatheredPages(page, next)
        } catch {
            return .failure(error)
        }
        var ahead = self
        while case .goesOn(let cursor) = gathered.next, gathered.bytes < limits.smallPage, !isOver(gathered.steps) {
            ahead.go(to: cursor)
            do {
                let (more, next) = try await ahead.step()
                gathered.add(more, next)
            } catch {
                gathered.failure = error
                break
            }
        }
        return .success(gathered)
    }
}
