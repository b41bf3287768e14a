import AccountModel
import ArgumentParser
import BackupContracts
import BackupModel
import Foundation
import PostgresStore
import ServiceBootstrap

struct DownloadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "download", abstract: "Snapshots as archives.", subcommands: [Start.self, Fetch.self, Verify.self])

    struct Start: ChangingCommand {
        static let configuration = CommandConfiguration(
            commandName: "start", abstract: "Has a ZIP archive of a snapshot written.",
            discussion: """
                The archive can be fetched with `download fetch` for a week. JSON has one object document a line and can
                be restored from; CSV has one column an attribute and is for spreadsheets. Archives hold directory
                content in the clear.
                """)
        @OptionGroup var options: GlobalOptions
        @OptionGroup var change: ChangeOptions
        @Argument(help: "Id or name.") var tenant: String
        @Option(help: "Number; the newest when it is left out.") var snapshot: Int32?
        @Option(help: "Object types, comma-separated; all when it is left out.") var types: String?
        @Option(help: "Ids of objects, comma-separated.") var ids: String?
        @Option(help: "Text file with one id a line; # begins a comment; - for standard input.") var idsFile: String?
        @Option(help: "json or csv.") var format: DownloadOrder.Format
        @Flag(help: "Wait until the archive is written.") var wait = false
        @Option(help: "Wait, then fetch the archive into this file; - for standard output.") var output: String?

        func validate() throws {
            try Check.snapshots(snapshot)
            try ArchiveFetch.check(output, options)
        }

        var access: Access { .feature(.executeDownload) }

        func perform(_ output: Output) async throws -> Int32 {
            let types = try types.map(TypeNames.parse)
            let ids = try IDList.read(ids, file: idsFile)
            return try await options.withStore { store, _ in
                let tenant = try await store.tenant(tenant)
                let job = try await store.audited("download.start", tenant.id.description) {
                    try await store.startDownload(
                        tenant.id, snapshot: snapshot, format: format, types: types, ids: ids)
                }
                let watch = JobWatch(store: store, output: output)
                guard let path = self.output, !isDryRun else {
                    return try await watch.report((job, false), wait: wait) { "Download started: job \(job.id)." }
                }
                output.progress("Download started: job \(job.id).")
                let ended = try await watch.end(of: job)
                guard ended.state == .succeeded else {
                    output.show(["job": ended.json]) { ended.humanText }
                    return JobWatch.exitCode(ended.state)
                }
                let download = try await store.download(job.id)
                let fetch = ArchiveFetch(store: store, output: output, download: download, path: path)
                try await fetch.runAndShow(["job": ended.json])
                return 0
            }
        }
    }

    struct Fetch: AdminCommand {
        static let configuration = CommandConfiguration(
            commandName: "fetch", abstract: "Fetches the archive of a download that has ended.",
            discussion: "What an interrupted fetch has left in FILE.part is kept, and gone on from.")
        @OptionGroup var options: GlobalOptions
        @Argument(help: "Id of the download's job.") var job: String
        @Option(help: "File; - for standard output.") var output: String

        func validate() throws {
            try ArchiveFetch.check(output, options)
        }

        var access: Access { .feature(.executeDownload) }

        func perform(_ output: Output) async throws -> Int32 {
            let id = JobID(uuid: try Check.guid(job, "jobId"))
            return try await options.withStore { store, _ in
                let download = try await store.download(id)
                try await ArchiveFetch(store: store, output: output, download: download, path: self.output).runAndShow()
                return 0
            }
        }
    }

    struct Verify: AdminCommand {
        static let configuration = CommandConfiguration(
            commandName: "verify", abstract: "Reads an archive again and compares every member with what was written.",
            discussion: "Exit 1 names the member that was changed, is missing or was added.")
        @OptionGroup var options: GlobalOptions
        @Argument(help: "Id or name.") var tenant: String
        @Argument(help: "The archive.") var file: String

        var access: Access { .anyone }

        func perform(_ output: Output) async throws -> Int32 {
            try await options.withStore { store, _ in
                let tenant = try await store.tenant(tenant)
                let manifest = try await ArchiveReading.open(file, tenant.id, store, anyFormat: true).manifest
                output.show(["file": .string(file), "manifest": manifest.json]) {
                    let objects = manifest.counts.values.reduce(0, +)
                    return "\(file) is whole: \(objects) objects of snapshot \(manifest.snapshot)."
                }
                return 0
            }
        }
    }
}

extension ArchiveFetch {
    fileprivate static func check(_ path: String?, _ options: GlobalOptions) throws {
        guard path != "-" || !options.json else {
            throw ValidationError("--output - leaves no room for --json on standard output.")
        }
    }

    /// Fetches the archive and says so, where standard output is free for it.
    fileprivate func runAndShow(_ more: JSONObject = [:]) async throws {
        try await run()
        guard path != "-" else { return }
        var document = more
        document["file"] = .string(path)
        document["download"] = download.json
        output.show(.object(document)) { "\(path): \(download.objects) objects, \(download.bytes) bytes." }
    }
}

extension DownloadRecord {
    fileprivate var json: JSONValue {
        [
            "job": .string(job.description), "tenant": .string(tenant.description), "snapshot": JSONValue(snapshot),
            "format": .string(format.rawValue), "objects": JSONValue(objects), "bytes": JSONValue(bytes),
            "sha256": .string(hexadecimal(sha256)), "expiresAt": Moment.json(expiresAt),
        ]
    }
}
