import AccountModel
import ArgumentParser
import BackupContracts
import BackupModel
import Foundation
import PostgresStore
import ServiceBootstrap

extension RestoreCommand {
    struct Plan: AdminCommand {
        static let configuration = CommandConfiguration(
            commandName: "plan",
            abstract: "Shows what a restore would write, in which order, and what stands against it.",
            discussion: """
                The tenant is read as it is now and compared with the snapshot. Nothing is written to the tenant; the \
                plan is kept, and `restore apply` carries it out. Without any scope everything is restored that the \
                snapshot has. Exit 4: the snapshot does not have an id.
                """)
        @OptionGroup var options: GlobalOptions
        @Argument(help: "Id or name of the tenant whose objects are restored.") var tenant: String
        @Option(help: "Number of the snapshot; with --from-diff its first one when it is left out.")
        var snapshot: Int32?
        @OptionGroup var scope: RestoreScope
        @Option(
            name: .customLong("from-diff"), help: "N..M: what the diff of these two snapshots shows; M may be live.")
        var fromDiff: DiffRange?
        @Option(help: "Archive that a download made, instead of a snapshot.") var archive: String?
        @Option(help: "Id or name of another tenant of the same organization to restore into.") var into: String?

        func validate() throws {
            try Check.snapshots(snapshot)
            guard snapshot != nil || fromDiff != nil || archive != nil else {
                throw ValidationError("Give --snapshot, --from-diff or --archive.")
            }
            if archive != nil {
                guard snapshot == nil, fromDiff == nil else {
                    throw ValidationError("--archive takes the place of --snapshot and --from-diff.")
                }
                // An archive may hold a part of a tenant: what it does not name is not new for that.
                guard scope.newObjects == .keep else { throw ValidationError("--archive keeps new objects.") }
            }
            if fromDiff != nil, scope.ids != nil || scope.idsFile != nil {
                throw ValidationError("--from-diff and ids exclude each other.")
            }
            guard into == nil || scope.newObjects == .keep else {
                throw ValidationError("--into keeps what the other tenant has: leave out --new-objects delete.")
            }
            if into == nil, !scope.mapDomain.isEmpty { throw ValidationError("--map-domain needs --into.") }
        }

        var access: Access { .feature(.restoreObject) }

        func perform(_ output: Output) async throws -> Int32 {
            let asked = try scope.options()
            return try await options.withStore { store, configuration in
                let source = try await store.tenant(tenant)
                let target = try await target(store, source)
                let number = snapshot ?? fromDiff?.from
                if let number { _ = try await store.snapshot(source.id, number) }
                let planning = RestorePlanning(
                    store: store, configuration: configuration, output: output, tenant: target, source: source,
                    options: try await resolved(asked, store, source, output),
                    archive: try await opened(source, store))
                let outcome = try await planning.plan(number, checksIDs: fromDiff == nil)
                try Self.checkBreakGlass(outcome.plan)
                try await store.audited("restore.plan", target.id.description, reason: outcome.plan.id.text) {
                    try await store.savePlan(outcome.plan)
                }
                try await show(outcome, planning, output)
                return 0
            }
        }

        private func show(_ outcome: RestorePlanning.Outcome, _ planning: RestorePlanning, _ output: Output)
            async throws
        {
            let text = RestorePlanText(plan: outcome.plan, unread: outcome.unread)
            guard !options.json else {
                output.show(["plan": text.json]) { "" }
                return
            }
            var names = LinkNames()
            if let snapshot = outcome.plan.snapshot {
                try await names.add(text.linkTargets, planning.store, planning.source.id, at: snapshot)
            }
            try await names.add(text.linkTargets, planning.store, planning.tenant.id, at: outcome.plan.liveSnapshot)
            let hasAccess = try await planning.store.writeAccess(planning.tenant.id) != nil
            let named = RestorePlanText(plan: outcome.plan, unread: outcome.unread, names: names)
            output.show(["plan": text.json]) { named.text(next: Self.next(outcome.plan, planning.tenant, hasAccess)) }
        }

        /// A typing mistake must not look like an account that is safe.
        private static func checkBreakGlass(_ plan: RestorePlan) throws {
            guard let conflict = plan.conflicts.first(where: { $0.code == "breakGlassUnknown" }) else { return }
            throw CommandFailure(
                4, conflict.code, "There is no user \(conflict.id): \(conflict.message).",
                hint: "Name it by its id or its userPrincipalName: entra-backup object search \(plan.tenant)")
        }

        private func opened(_ source: TenantRecord, _ store: PostgresStore) async throws -> ArchiveReading? {
            guard let archive else { return nil }
            return try await ArchiveReading.open(archive, source.id, store)
        }

        private func resolved(
            _ asked: RestoreOptions, _ store: PostgresStore, _ source: TenantRecord, _ output: Output
        ) async throws -> RestoreOptions {
            guard let fromDiff else { return asked }
            var options = asked
            options.ids = try await ids(of: fromDiff, store, source, asked, output)
            return options
        }

        private static func next(_ plan: RestorePlan, _ target: TenantRecord, _ hasAccess: Bool) -> String {
            let apply = "entra-backup restore apply \(plan.id.text) --wait"
            return hasAccess
                ? apply
                : "entra-backup tenant write-access \(target.id) add --client-id ID --client-secret-file F, then \(apply)"
        }

        private func target(_ store: PostgresStore, _ source: TenantRecord) async throws -> TenantRecord {
            guard let into else { return source }
            let target = try await store.tenant(into)
            guard target.organization == source.organization else {
                throw CommandFailure(
                    5, "otherOrganization",
                    "The tenants \(source.name) and \(target.name) belong to different organizations.",
                    hint: "Objects are restored only into tenants of the same organization.")
            }
            return target
        }

        /// The objects that a diff shows.
        private func ids(
            of range: DiffRange, _ store: PostgresStore, _ source: TenantRecord, _ wanted: RestoreOptions,
            _ output: Output
        ) async throws -> Set<String> {
            _ = try await store.snapshot(source.id, range.from)
            let types = Catalogue.current.types.filter {
                $0.shape != .casts && $0.restore.mode != .backupOnly && wanted.types?.contains($0.name) ?? true
            }
            let to: SnapshotNumber
            if let number = range.to.number {
                to = try await store.snapshot(source.id, number).number
            } else {
                to = try await LiveRound(store: store, output: output).take(source, types: types.map(\.name)).snapshot
            }
            let changes = try await store.changes(source.id, from: range.from, to: to, types: types)
            // What was made since has no place in the snapshot, but where new objects are to be deleted.
            let isNew = { (kind: ObjectChange.Kind) in kind == .added || kind == .restored }
            return Set(changes.filter { !isNew($0.kind) || wanted.newObjects == .delete }.map(\.id))
        }
    }
}
