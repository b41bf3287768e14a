import BackupContracts
import BackupModel
import Foundation
import PostgresStore
import ServiceBootstrap

/// Makes a plan: reads the tenant as it is now, compares it with what is wanted, and has the planner decide.
///
/// Cost: the live round, then what differs; whole types only where references by value have to be mended. Memory by what
/// differs.
struct RestorePlanning {
    let store: PostgresStore
    let configuration: ServiceConfiguration
    let output: Output
    /// The tenant that is written to.
    let tenant: TenantRecord
    /// The tenant whose objects are restored.
    let source: TenantRecord
    var options: RestoreOptions
    /// The restore that is undone.
    var undoes: JobID?
    /// What the source has, when it is no snapshot of the store.
    var archive: ArchiveReading?

    struct Outcome {
        var plan: RestorePlan
        /// Types in scope that could not be read, now or in the snapshot.
        var unread: [LiveRound.Unread]
    }

    /// Types that tell what a plan has to know of the tenant: who and what there is, domains, licences, who administers.
    private static let factTypes = [
        "user", "group", "application", "servicePrincipal", "administrativeUnit", "domain", "deletedItem",
        "subscribedSku", "unifiedRoleDefinition", "conditionalAccessPolicy", "namedLocation",
        "authenticationStrengthPolicy", "unifiedRoleAssignment", "unifiedRoleEligibilitySchedule",
    ]

    /// - Parameters:
    ///   - number: the source's snapshot; nil with an archive.
    ///   - checksIDs: ids that nobody knows end the planning.
    func plan(_ number: SnapshotNumber?, checksIDs: Bool = false) async throws -> Outcome {
        var unreadInSource: [String: String] = [:]
        var completeParts: [String: Set<String>] = [:]
        if let number {
            let readings = try await store.readings(source.id, at: number)
            unreadInSource = Self.unread(readings)
            completeParts = Self.completeParts(readings)
        }
        if let archive { unreadInSource = Self.unread(archive) }
        let aside = try await leftAside(number)
        unreadInSource = unreadInSource.filter { !aside.contains($0.key) }
        let scope = scope(without: unreadInSource).filter { !aside.contains($0.name) }
        let live = try await LiveRound(store: store, output: output).take(tenant, types: roundTypes(scope))
        var unreadLive: [String: String] = [:]
        for item in live.unread { unreadLive[item.type] = item.reason }
        if checksIDs { try await checkIDs(number, live.snapshot) }

        let types = scope.filter { unreadLive[$0.name] == nil }
        var comparison = RestoreComparison(planning: self, types: types, wantedAt: number, liveAt: live.snapshot)
        var subjects = try await comparison.subjects()
        let map = comparison.spelled(try await store.idMap(tenant.id, of: source.id))
        var facts = try await RestoreFactReading(
            planning: self, liveAt: live.snapshot, subjects: subjects, unreadLive: unreadLive
        ).facts(map: map)
        subjects += try await comparison.referring(to: subjects, bin: facts.recycleBin)
        if options.withReferences { comparison.markReferences(&subjects, options) }
        facts.unreadInSource = unreadInSource.filter { concerns($0.key) }
        facts.unreadLive = unreadLive.filter { concerns($0.key) }
        facts.unlisted = try await unlisted(live.snapshot)
        facts.completeParts = completeParts
        var plan = RestorePlanner(facts: facts, options: options).plan(
            subjects, tenant: tenant.id, source: source.id, snapshot: number, liveSnapshot: live.snapshot,
            undoes: undoes)
        if facts.access == nil, let conflict = LockOutCheck.unchecked(plan) { plan.conflicts.append(conflict) }
        let unread = facts.unreadInSource.merging(facts.unreadLive) { first, _ in first }
        return Outcome(
            plan: plan,
            unread: unread.sorted { $0.key < $1.key }.map { LiveRound.Unread(type: $0.key, reason: $0.value) })
    }

    // MARK: Scope

    private static var restorable: [ObjectType] {
        Catalogue.current.types.filter(\.restore.isRestorable)
    }

    /// The types to compare. Of ids alone it is not known what they are, and what refers to them may be of any type.
    private func scope(without unread: [String: String]) -> [ObjectType] {
        let usual = source.types.map(Set.init)
        return Self.restorable.filter { type in
            // What a policy refers to may be of any type, and across tenants all that is referred to has to be found.
            let asked = options.withReferences || tenant.id != source.id ? nil : options.types
            return unread[type.name] == nil && (asked?.contains(type.name) ?? usual?.contains(type.name) ?? true)
        }
    }

    /// Types that an undo has nothing to do with: the restore was planned without looking at them.
    private func leftAside(_ number: SnapshotNumber?) async throws -> Set<String> {
        guard undoes != nil, let number else { return [] }
        let carried = try await store.snapshot(source.id, number).collections.filter { $0.outcome == "carried" }
        return Set(carried.compactMap { Catalogue.current[$0.type]?.name })
    }

    /// Whether a type that is not read is worth a word.
    private func concerns(_ type: String) -> Bool {
        guard Catalogue.current[type]?.restore.isRestorable == true else { return false }
        return options.types?.contains(type) ?? source.types?.contains(type) ?? true
    }

    private func roundTypes(_ scope: [ObjectType]) -> [String] {
        let names = Set(scope.map(\.name)).union(Self.factTypes.filter { tenant.mayRead($0) || $0 == "deletedItem" })
        return Catalogue.current.types.map(\.name).filter(names.contains)
    }

    /// What a snapshot does not hold: refused, failed, or never read.
    private static func unread(_ readings: [UInt16: CollectionReading]) -> [String: String] {
        var unread: [String: String] = [:]
        for type in restorable {
            let reading = readings[type.number]
            guard !CollectionOutcome.isRead(reading?.outcome ?? "") else { continue }
            unread[type.name] = reading?.reason ?? reading?.outcome ?? "it was never read"
        }
        return unread
    }

    /// Sub-collections that the source read of all objects of their type: there, none means empty. One that was refused
    /// is named in the reason.
    private static func completeParts(_ readings: [UInt16: CollectionReading]) -> [String: Set<String>] {
        var parts: [String: Set<String>] = [:]
        for type in restorable {
            guard let reading = readings[type.number], CollectionOutcome.isRead(reading.outcome) else { continue }
            let refused = reading.reason ?? ""
            guard !refused.contains("\(type.name): ") else { continue }
            parts[type.name] = Set(
                type.relationships.filter { $0.kind == .child && $0.isBackedUp }.map(\.name)
                    .filter { !refused.contains("\($0): ") })
        }
        return parts
    }

    /// Types that the live snapshot knows nothing of, in scope or not.
    private func unlisted(_ number: SnapshotNumber) async throws -> Set<String> {
        let record = try await store.snapshot(tenant.id, number)
        let known = record.collections.filter { CollectionOutcome.isRead($0.outcome) || $0.objects > 0 }
        let names = Set(known.compactMap { Catalogue.current[$0.type]?.name })
        return Set(Self.restorable.map(\.name)).subtracting(names)
    }

    /// Of a type that an archive has nothing of it is not known whether it was downloaded.
    private static func unread(_ archive: ArchiveReading) -> [String: String] {
        let absent = restorable.filter { archive.manifest.members["\($0.name).jsonl"] == nil }
        return Dictionary(absent.map { ($0.name, "the archive has none") }) { first, _ in first }
    }

    /// Ids that nobody knows end the command: a typing mistake must not look like an object that needs nothing.
    private func checkIDs(_ number: SnapshotNumber?, _ live: SnapshotNumber) async throws {
        guard let ids = options.ids else { return }
        var keys: [ObjectKey: String] = [:]
        for id in ids {
            if let key = ObjectKey(id) {
                keys[key] = id
            } else {
                for type in Self.restorable { keys[try await store.objectKey(source.id, type, id: id)] = id }
            }
        }
        var found: Set<String> = []
        try archive?.documents(ids: ids) { found.insert($0.id) }
        if let number {
            let known = try await store.objectTypes(source.id, at: number, Array(keys.keys))
            found.formUnion(known.keys.compactMap { keys[$0] })
        }
        if options.newObjects == .delete {
            let known = try await store.objectTypes(tenant.id, at: live, Array(keys.keys))
            found.formUnion(known.keys.compactMap { keys[$0] })
        }
        let missing = ids.subtracting(found).sorted()
        guard missing.isEmpty else {
            let shown = missing.prefix(20).joined(separator: ", ") + (missing.count > 20 ? ", ..." : "")
            throw CommandFailure(
                4, "objectNotFound",
                "\(number.map { "Snapshot \($0)" } ?? "The archive") has no object \(shown).",
                hint: "See `entra-backup object search \(source.id)`; another snapshot may have it.")
        }
    }
}
