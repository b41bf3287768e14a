import AccountModel
import ArgumentParser
import BackupContracts
import BackupModel
import Foundation
import PostgresStore
import ServiceBootstrap

extension RestoreCommand {
    struct Apply: ChangingCommand {
        static let configuration = CommandConfiguration(
            commandName: "apply", abstract: "Carries a plan out.",
            discussion: """
                The tenant is read once more before: when an object of the plan has changed since, nothing is written and \
                the difference is shown (exit 6). Exit 5: no credential that may write, or a plan that locks out. A plan \
                is carried out once; applied again, it shows the same job.
                """)
        @OptionGroup var options: GlobalOptions
        @OptionGroup var change: ChangeOptions
        @Argument(help: "Id of the plan.") var plan: String
        @Flag(help: "Wait until it has ended.") var wait = false
        @Flag(name: .customLong("accept-lock-out"), help: "Apply this plan although it shuts out every administrator.")
        var acceptLockOut = false

        var access: Access { .feature(.restoreObject) }

        func perform(_ output: Output) async throws -> Int32 {
            let reference = try Check.guid(plan, "planId").text
            return try await options.withStore { store, configuration in
                let plan = try await store.restorePlan(reference)
                let tenant = try await store.tenant(plan.tenant.description)
                let start = RestoreStart(store: store, tenant: tenant, plan: plan, output: output)
                if let job = try await store.restoreJob(of: plan) {
                    return try await start.report(job, joined: true, wait: wait)
                }
                let job = try await store.audited(
                    "restore.apply", plan.id.text, about: tenant.id.uuid, reason: tenant.id.description
                ) {
                    try await start.check(acceptsLockOut: acceptLockOut)
                    try await start.checkUnchanged()
                    return try await store.applyPlan(plan)
                }
                return try await start.report(job, joined: false, wait: wait)
            }
        }
    }

    struct Undo: ChangingCommand {
        static let configuration = CommandConfiguration(
            commandName: "undo", abstract: "Brings the objects that a restore touched back to how they were before it.",
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

        var access: Access { .feature(.restoreObject) }

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
                let start = RestoreStart(store: store, tenant: tenant, plan: outcome.plan, output: output)
                let job = try await store.audited("restore.undo", id.description, reason: outcome.plan.id.text) {
                    try await start.check(acceptsLockOut: acceptLockOut)
                    try await store.savePlan(outcome.plan)
                    return try await store.applyPlan(outcome.plan)
                }
                return try await start.report(job, joined: false, wait: wait)
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
