import ArgumentParser
import BackupContracts
import BackupModel
import Foundation
import PostgresStore
import ServiceBootstrap

extension RestoreCommand {
    struct Apply: ChangingCommand {
        static let configuration = CommandConfiguration(
            abstract: "Carries a plan out.",
            discussion: """
                The tenant is read once more before: when an object of the plan has changed since, nothing is written and \
                the difference is shown (exit 6). Exit 5: no credential that may write, or a plan that locks out.
                """)
        @OptionGroup var options: GlobalOptions
        @OptionGroup var change: ChangeOptions
        @Argument(help: "Id of the plan.") var plan: String
        @Flag(help: "Wait until it has ended.") var wait = false
        @Flag(name: .customLong("accept-lock-out"), help: "Apply this plan although it shuts out every administrator.")
        var acceptLockOut = false

        func perform(_ output: Output) async throws -> Int32 {
            let reference = try Check.guid(plan, "planId").text
            return try await options.withStore { store, configuration in
                let plan = try await store.restorePlan(reference)
                let tenant = try await store.tenant(plan.tenant.description)
                let job = try await store.audited("restore.apply", plan.id.text, reason: tenant.id.description) {
                    try await RestoreStart.check(store, plan, tenant, acceptsLockOut: acceptLockOut)
                    try await RestoreStart.checkUnchanged(store, plan, tenant, output)
                    return try await store.applyPlan(plan)
                }
                return try await RestoreStart.report(job, store, output, wait: wait)
            }
        }
    }

    struct Undo: ChangingCommand {
        static let configuration = CommandConfiguration(
            abstract: "Brings the objects that a restore touched back to how they were before it.",
            discussion: """
                What the restore made is deleted, into the recycle bin where there is one. With --dry-run the plan is \
                shown and not carried out.
                """)
        @OptionGroup var options: GlobalOptions
        @OptionGroup var change: ChangeOptions
        @Argument(help: "Id of the job.") var job: String
        @Flag(help: "Wait until it has ended.") var wait = false
        @Flag(name: .customLong("accept-lock-out"), help: "Undo although it shuts out every administrator.")
        var acceptLockOut = false

        func perform(_ output: Output) async throws -> Int32 {
            let id = JobID(uuid: try Check.guid(job, "jobId"))
            return try await options.withStore { store, configuration in
                let record = try await store.restore(id)
                let tenant = try await store.tenant(record.job.tenant.description)
                guard record.job.state.isFinal else {
                    throw CommandFailure(
                        6, "restoreUnderWay", "The restore \(id) is \(record.job.state.rawValue).",
                        hint: "Wait for its end, or cancel it: entra-backup restore cancel \(id)")
                }
                let planning = RestorePlanning(
                    store: store, configuration: configuration, output: output, tenant: tenant, source: tenant,
                    options: Self.options(record), undoes: id)
                let outcome = try await planning.plan(record.plan.liveSnapshot)
                if isDryRun {
                    let text = RestorePlanText(plan: outcome.plan, unread: outcome.unread)
                    output.show(["plan": text.json]) { text.text(next: "entra-backup restore undo \(id) --wait") }
                    return 0
                }
                let job = try await store.audited("restore.undo", id.description, reason: outcome.plan.id.text) {
                    try await RestoreStart.check(store, outcome.plan, tenant, acceptsLockOut: acceptLockOut)
                    try await store.savePlan(outcome.plan)
                    return try await store.applyPlan(outcome.plan)
                }
                return try await RestoreStart.report(job, store, output, wait: wait)
            }
        }

        /// Back to how it was, for what the restore touched and made.
        private static func options(_ record: RestoreRecord) -> RestoreOptions {
            RestoreOptions(
                ids: record.touched, attributesMode: .overwrite, linksMode: .rollback, newObjects: .delete,
                breakGlass: record.plan.options.breakGlass)
        }
    }
}

/// What has to hold before a plan is carried out, and what is said of it.
private enum RestoreStart {
    static func check(
        _ store: PostgresStore, _ plan: RestorePlan, _ tenant: TenantRecord, acceptsLockOut: Bool
    ) async throws {
        if plan.locksOut, !acceptsLockOut {
            let why = plan.conflicts.first { $0.code == "lockOut" }?.message ?? ""
            throw CommandFailure(
                5, "lockOut", "The plan \(plan.id.text) was not applied: \(why).",
                hint: "Leave those policies out, or give --accept-lock-out.")
        }
        guard try await store.writeAccess(tenant.id) != nil else {
            throw CommandFailure(
                5, "writeAccessMissing", "Restores of \(tenant.name) have no credential that may write.",
                hint: """
                    Add one: entra-backup tenant write-access \(tenant.id) add --client-id ID --client-secret-file F
                    """)
        }
    }

    /// Nothing of the plan has changed since it was made; else the difference is shown and nothing written.
    static func checkUnchanged(
        _ store: PostgresStore, _ plan: RestorePlan, _ tenant: TenantRecord, _ output: Output
    ) async throws {
        let names = Set(plan.steps.map(\.type))
        let types = Catalogue.current.types.filter { names.contains($0.name) }
        guard !types.isEmpty, !PostgresStore.isDryRun else { return }
        let now = try await LiveRound(store: store, output: output).take(tenant, types: types.map(\.name))
        var map = try await store.idMap(tenant.id, of: plan.source)
        for match in plan.matches where ObjectKey(match.from) != nil { map.add(match.from, match.to) }
        let touched = Set(plan.steps.flatMap { [$0.id.lowercased(), map[$0.id]] })
        let difference = try await Comparison(
            store, tenant.id, from: plan.liveSnapshot, to: now.snapshot, types: types)
        let changed = difference.changes.filter { touched.contains($0.id.lowercased()) }
        guard changed.isEmpty else { throw outdated(plan, difference, changed) }
    }

    private static func outdated(
        _ plan: RestorePlan, _ difference: Comparison, _ changed: [ObjectChange]
    ) -> CommandFailure {
        var shown = difference
        shown.changes = Array(changed.prefix(20))
        return CommandFailure(
            6, "planOutdated",
            """
            Nothing was written: \(changed.count) \(changed.count == 1 ? "object" : "objects") of the plan \
            \(plan.id.text) changed since it was made.\n\(shown.text(LinkNames()))
            """,
            hint: "Plan again: entra-backup restore plan.")
    }

    static func report(_ job: JobRecord, _ store: PostgresStore, _ output: Output, wait: Bool) async throws -> Int32 {
        let watch = JobWatch(store: store, output: output)
        let code = try await watch.report((job, false), wait: wait) {
            job.waitingFor.map { "Restore \(job.id) waits for the restore \($0), which touches the same objects." }
                ?? "Restore \(job.id) begins. Follow it: entra-backup restore show \(job.id)"
        }
        return code
    }
}
