import Synchronization

/// A simulated tenant of the directory service: its objects, who may read them, and how it behaves.
///
/// All methods may be called at any time, also while clients read; a lock makes each of them and each answered request
/// atomic.
public final class SimulatedTenant: Sendable {
    /// The tenant's GUID.
    public let id: String
    public let seed: UInt64
    // `TenantState` is not Sendable (it holds regular expressions); the mutex owns it.
    let state: Mutex<TenantState>

    /// Makes a tenant. 100,000 users take some seconds in a release build.
    ///
    /// - Parameters:
    ///   - id: a GUID; one made from the seed when nil.
    ///   - clients: the applications that may ask for tokens; a reader and a writer when nil.
    public init(
        seed: UInt64, size: TenantSize = TenantSize(users: 100), id: String? = nil,
        settings: TenantSettings = TenantSettings(), clients: [ClientApplication]? = nil
    ) {
        var random = SeededRandom(seed: seed, purpose: "tenant id")
        let tenantID = id ?? random.guid()
        let clients = clients ?? ClientApplication.standard(seed: seed)
        self.id = tenantID
        self.seed = seed
        let world = TenantGenerator.generate(tenantID: tenantID, seed: seed, size: size, clients: clients)
        state = Mutex(TenantState(world: world, settings: settings, clients: clients))
    }

    // MARK: Clients and settings

    /// The registered applications; the first is the one for reading.
    public var clients: [ClientApplication] { state.withLock { $0.clients } }

    /// Changes an application. Tokens that were issued before keep their permissions.
    public func updateClient(_ index: Int = 0, _ change: @Sendable (inout ClientApplication) -> Void) {
        state.withLock { state in
            if state.clients.indices.contains(index) { change(&state.clients[index]) }
        }
    }

    public var settings: TenantSettings { state.withLock { $0.settings } }

    public func updateSettings(_ change: @Sendable (inout TenantSettings) -> Void) {
        state.withLock { change(&$0.settings) }
    }

    /// Replaces the monotonic clock of the limits, in seconds; for tests that must not wait.
    public func setThrottleClock(_ clock: @escaping @Sendable () -> Double) {
        state.withLock { $0.throttle.clock = clock }
    }

    // MARK: Faults

    /// Adds a fault rule. Rules are tried in the order in which they were added.
    public func addFault(_ rule: FaultRule) throws { try state.withLock { try $0.faults.add(rule) } }

    public func clearFaults() { state.withLock { $0.faults.clear() } }

    /// Makes all delta tokens and unfinished rounds expire.
    public func expireDeltaTokens() { state.withLock { $0.deltaGeneration += 1 } }

    /// Ends all faults, duplicates and replays, so that the next round is a calm one.
    public func quiesce() {
        state.withLock { state in
            state.faults.clear()
            state.settings.deltaDuplicates = 0
            state.settings.deltaReplays = 0
        }
    }

    // MARK: Looking in

    /// Present objects of a type.
    public func count(_ type: SimulatedType) -> Int { state.withLock { $0.world.count(type) } }

    /// All links of group members, administrative units and activated roles.
    public var memberships: Int { state.withLock { $0.world.links[Int(LinkName.members.rawValue)].count } }

    /// Entries of the change log so far.
    public var changes: Int { state.withLock { $0.world.changes.count } }

    /// What became of the folders of exported policies, in the order of loading.
    public var policyLoads: [PolicyLoadReport] { state.withLock { $0.policyLoads } }

    public var statistics: Statistics { state.withLock { $0.statistics } }

    public func resetStatistics() { state.withLock { $0.statistics = Statistics() } }

    /// The true documents of a type, by its catalogue name (`deletedItem` is the recycle bin).
    ///
    /// - Parameter omitsNulls: leaves attributes out that are null: a delta answer does not tell those that never had
    ///   a value.
    public func truth(_ type: String, omitsNulls: Bool = false) -> [SimulatedJSON] {
        var documents: [SimulatedJSON] = []
        for line in truthLines(type, omitsNulls: omitsNulls) {
            if let value = try? SimulatedJSON.parse(line) { documents.append(value) }
        }
        return documents
    }

    /// The true documents as JSON texts, all of one moment.
    public func truthLines(_ type: String, omitsNulls: Bool = false) -> [[UInt8]] {
        truthChunks(type, omitsNulls: omitsNulls).flatMap { $0 }
    }

    /// The same in pieces of up to 1,000 documents, from a copy of the tenant that clients do not wait for.
    func truthChunks(_ type: String, omitsNulls: Bool) -> some Sequence<[[UInt8]]> {
        let truth = Truth(state.withLock { $0.world }, type: type, omitsNulls: omitsNulls)
        let refs = truth?.refs ?? []
        return stride(from: 0, to: refs.count, by: 1_000).lazy.map { start in
            refs[start..<min(start + 1_000, refs.count)].compactMap { truth?.document($0) }
        }
    }

    // MARK: Change

    /// Changes `count` things, spread over all types, each an atomic step that delta answers tell.
    /// - Returns: how often each kind of change was made.
    @discardableResult
    public func churn(seed: UInt64, count: Int) -> [String: Int] {
        var summary: [String: Int] = [:]
        var random = SeededRandom(seed: seed, purpose: "churn")
        for _ in 0..<count {
            let step = random.next()
            let kind = state.withLock { $0.world.churn(seed: step) }
            summary[kind, default: 0] += 1
        }
        return summary
    }

    /// Gives every text of `count` objects a word that occurs nowhere else.
    /// - Returns: how many objects were changed, and the words.
    public func plantCanaries(seed: UInt64, count: Int) -> (objects: Int, words: [String]) {
        state.withLock { $0.world.plantCanaries(seed: seed, count: count) }
    }

    /// Changes a share of the tenant's objects.
    @discardableResult
    public func churn(seed: UInt64, fraction: Double) -> [String: Int] {
        let objects = state.withLock { state in SimulatedType.allCases.reduce(0) { $0 + state.world.count($1) } }
        return churn(seed: seed, count: max(1, Int(Double(objects) * fraction)))
    }
}
