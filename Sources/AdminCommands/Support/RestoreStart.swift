import BackupContracts
import BackupModel
import PostgresStore

/// What has to hold before a plan is carried out, and what is said of it.
struct RestoreStart {
    let store: PostgresStore
    let tenant: TenantRecord
    let plan: RestorePlan
    let output: Output

    /// Changes that a refusal shows.
    private static let shown = 20

    // MARK: Rights

    /// - Throws: exit 5 when nobody may write, or nobody could mend it afterwards.
    func check(acceptsLockOut: Bool) async throws {
        if plan.locksOut, !acceptsLockOut {
            let why = plan.conflicts.filter { RestorePlan.lockingOut.contains($0.code) }.map(\.message)
            throw CommandFailure(
                5, "lockOut", "The plan \(plan.id.text) was not applied: \(why.joined(separator: "; ")).",
                hint: "Leave those policies out, or give --accept-lock-out.", runbook: "restore-lock-out")
        }
        try await checkAccess()
    }

    private func checkAccess() async throws {
        guard try await store.writeAccess(tenant.id) == nil else { return }
        throw CommandFailure(
            5, "writeAccessMissing", "Restores of \(tenant.name) have no credential that may write.",
            hint: "Add one: entra-backup tenant write-access \(tenant.id) add --client-id ID --client-secret-file F",
            runbook: "write-access")
    }

    // MARK: The state that was planned for

    /// Nothing of the plan has changed since it was made; else the difference is shown and nothing written.
    func checkUnchanged() async throws {
        try await check(plan.steps, done: [])
    }

    /// The same for a restore that goes on with what is left of it.
    func checkUnchanged(after record: RestoreRecord) async throws {
        try await checkAccess()
        let ended = Set(record.results.map(\.number))
        try await check(
            plan.steps.filter { !ended.contains($0.number) }, done: plan.steps.filter { ended.contains($0.number) })
    }

    private func check(_ steps: [RestoreStep], done: [RestoreStep]) async throws {
        let names = Set(steps.map(\.type))
        let types = Catalogue.current.types.filter { names.contains($0.name) }
        guard !types.isEmpty else { return }
        let now = try await LiveRound(store: store, output: output).take(tenant, types: types.map(\.name))
        if let unread = now.unread.first {
            throw outdated("Objects of the type \(unread.type) cannot be read now (\(unread.reason))")
        }
        var map = try await store.idMap(tenant.id, of: plan.source)
        map.add(matches: plan.matches)
        func ids(_ steps: [RestoreStep]) -> Set<String> {
            Set(steps.flatMap { [$0.id.lowercased(), map[$0.id].lowercased()] })
        }
        let touched = ids(steps).subtracting(ids(done))
        let difference = try await Comparison(
            store, tenant.id, from: plan.liveSnapshot, to: now.snapshot, types: types)
        // What came back or went away, brought links with it or took them along.
        let movesLinks = done.contains { [.undelete, .delete].contains($0.action) }
        let changed = difference.changes.filter { change in
            guard touched.contains(change.id.lowercased()) else { return false }
            let isOnlyLinks = change.kind == .updated && change.attributes.isEmpty && change.children.isEmpty
            return !(movesLinks && isOnlyLinks)
        }
        guard changed.isEmpty else { throw try await outdated(difference, changed) }
    }

    private func outdated(_ difference: Comparison, _ changed: [ObjectChange]) async throws -> CommandFailure {
        var shown = difference
        shown.changes = Array(changed.prefix(Self.shown))
        let names = try await shown.names(store, tenant.id)
        let rest = changed.count > Self.shown ? "\n... and \(changed.count - Self.shown) more" : ""
        return outdated(
            "\(changed.count) \(changed.count == 1 ? "object" : "objects") of it changed since it was made",
            "\n\(shown.text(names))\(rest)")
    }

    private func outdated(_ why: String, _ difference: String = "") -> CommandFailure {
        var again = "entra-backup restore plan \(plan.source)"
        again += plan.snapshot.map { " --snapshot \($0)" } ?? " --archive FILE"
        if plan.source != plan.tenant { again += " --into \(plan.tenant)" }
        return CommandFailure(
            6, "planOutdated", "Nothing was written for the plan \(plan.id.text): \(why).\(difference)",
            hint: "Plan again, with the same scope: \(again)", runbook: "restore-plan-outdated")
    }

    // MARK: Report

    /// - Parameter joined: whether the job was there before.
    func report(_ job: JobRecord, joined: Bool, wait: Bool) async throws -> Int32 {
        let watch = JobWatch(store: store, output: output)
        return try await watch.report((job, joined), wait: wait) {
            if joined {
                return "The plan \(plan.id.text) was applied before: restore \(job.id) is \(job.state.rawValue)."
            }
            return job.waitingFor.map {
                "Restore \(job.id) waits for the restore \($0), which touches the same objects."
            } ?? "Restore \(job.id) begins. Follow it: entra-backup restore show \(job.id)"
        }
    }
}
