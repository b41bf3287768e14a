import ArchiveFile
import BackupContracts
import BackupModel
import Foundation
import PostgresStore

extension ArchiveManifest {
    fileprivate var isJSON: Bool { format == DownloadOrder.Format.json.rawValue }
}

/// An archive that this program has written, read back from a file.
///
/// Everything is compared before the first object is handed on: the manifest with its mark, each member with the
/// manifest. What was changed, is missing or was added is named.
struct ArchiveReading {
    let path: String
    let manifest: ArchiveManifest

    /// The largest manifest and the longest line that are read.
    private static let largestManifest = 4 << 20
    private static let longestLine = 256 << 20

    /// Opens an archive and compares all of it. Cost: one pass over the file; memory of one line.
    ///
    /// - Parameters:
    ///   - tenant: whose objects are wanted; an archive of another one is refused.
    ///   - anyFormat: takes one in CSV as well, whose objects cannot be read.
    static func open(_ path: String, _ tenant: TenantID, _ store: PostgresStore, anyFormat: Bool = false)
        async throws -> ArchiveReading
    {
        let manifest = try parse(try found(path), path)
        guard manifest.tenant == tenant else {
            throw refused(
                "archiveOfAnotherTenant",
                "The member \(ArchiveManifest.name) of \(path) is of the tenant \(manifest.tenant), not of \(tenant).",
                hint: "For a restore across tenants name the source tenant.")
        }
        guard anyFormat || manifest.isJSON else {
            throw refused(
                "archiveNotJSON", "\(path) holds \(manifest.format), which cannot be restored from.",
                hint: "Download with --format json.")
        }
        guard try await store.hasMade(manifest) else {
            throw refused(
                "archiveChanged",
                "The member \(ArchiveManifest.name) of \(path) was changed, or comes from another installation.",
                hint: "Use the archive as it was fetched, with the key store that it was made with.")
        }
        try await compareSignature(manifest, path, store)
        let reading = ArchiveReading(path: path, manifest: manifest)
        try reading.compareMembers()
        return reading
    }

    /// Calls `body` with every object in the order of the file; of some types or ids only when given.
    func documents(
        types: Set<String>? = nil, ids: Set<String>? = nil, _ body: (ObjectDocument) throws -> Void
    ) throws {
        try readMembers { name, reader in
            let type = String(name.prefix { $0 != "." })
            guard name != ArchiveManifest.name, types?.contains(type) ?? true else { return }
            try lines(of: reader, name) { line in
                guard let json = try? JSONValue(parsing: line), let document = ObjectDocument(json: json),
                    document.type == type
                else { throw Self.changed(name, path, "a line is no object of \(type)") }
                if ids?.contains(document.id) ?? true { try body(document) }
            }
        }
    }

    // MARK: Manifest

    private static func found(_ path: String) throws -> [UInt8] {
        try named(path) {
            let reader = try ZipReader(path: path)
            while let name = try reader.next() {
                guard name == ArchiveManifest.name else { continue }
                var bytes: [UInt8] = []
                while let more = try reader.read() {
                    bytes += more
                    guard bytes.count <= largestManifest else { throw changed(name, path, "it is too large") }
                }
                return bytes
            }
            throw refused(
                "archiveWithoutManifest", "\(path) has no member \(ArchiveManifest.name).",
                hint: "Use an archive that `entra-backup download` made.")
        }
    }

    private static func parse(_ bytes: [UInt8], _ path: String) throws -> ArchiveManifest {
        let json = try? JSONValue(parsing: bytes)
        if let version = json.flatMap(ArchiveManifest.version), version > ArchiveManifest.currentVersion {
            throw refused(
                "archiveVersionUnknown", "\(path) has the format version \(version), which this program does not know.",
                hint: "Update entra-backup; it reads archives up to version \(ArchiveManifest.currentVersion).")
        }
        guard let manifest = json.flatMap(ArchiveManifest.init) else {
            throw changed(ArchiveManifest.name, path, "it is not as `download` writes it")
        }
        return manifest
    }

    /// Where the snapshot is still there, its signature is the one that the archive names.
    private static func compareSignature(_ manifest: ArchiveManifest, _ path: String, _ store: PostgresStore)
        async throws
    {
        do {
            let snapshot = try await store.snapshot(manifest.tenant, manifest.snapshot)
            guard hexadecimal(snapshot.signature) == manifest.signature else {
                throw changed(ArchiveManifest.name, path, "the signature of snapshot \(manifest.snapshot) differs")
            }
        } catch let error as AccountError where error.kind == .notFound {
            // Retention has removed it; the mark stands for the manifest.
        }
    }

    // MARK: Members

    private func compareMembers() throws {
        var seen: Set<String> = []
        try readMembers { name, reader in
            guard seen.insert(name).inserted else { throw Self.changed(name, path, "it is there twice") }
            if name == ArchiveManifest.name { return }
            guard let member = manifest.members[name] else {
                throw Self.changed(name, path, "the manifest does not name it")
            }
            var hash = ContentHash()
            var count: Int64 = 0
            while let bytes = try reader.read() {
                hash.update(bytes)
                count += Int64(bytes.count { $0 == 0x0A })
            }
            guard hexadecimal(hash.finalize()) == member.sha256 else {
                throw Self.changed(name, path, "its SHA-256 is not the manifest's")
            }
            // A cell of CSV may hold line breaks.
            guard count == member.lines || !manifest.isJSON else {
                throw Self.changed(name, path, "it has \(count) lines")
            }
        }
        if let missing = manifest.members.keys.sorted().first(where: { !seen.contains($0) }) {
            throw Self.changed(missing, path, "it is missing")
        }
    }

    private func readMembers(_ body: (String, ZipReader) throws -> Void) throws {
        try Self.named(path) {
            let reader = try ZipReader(path: path)
            while let name = try reader.next() { try body(name, reader) }
        }
    }

    private func lines(of reader: ZipReader, _ name: String, _ body: ([UInt8]) throws -> Void) throws {
        var rest: [UInt8] = []
        while let bytes = try reader.read() {
            var start = bytes.startIndex
            while let end = bytes[start...].firstIndex(of: 0x0A) {
                rest += bytes[start..<end]
                try body(rest)
                rest.removeAll(keepingCapacity: true)
                start = end + 1
            }
            rest += bytes[start...]
            guard rest.count <= Self.longestLine else { throw Self.changed(name, path, "a line is too long") }
        }
        guard rest.isEmpty else { throw Self.changed(name, path, "its last line has no end") }
    }

    // MARK: Failures

    private static func changed(_ member: String, _ path: String, _ how: String) -> CommandFailure {
        refused(
            "archiveChanged", "The member \(member) of \(path) is not what was written: \(how).",
            hint: "Fetch the archive again: `entra-backup download fetch`.")
    }

    private static func refused(_ code: String, _ message: String, hint: String) -> CommandFailure {
        CommandFailure(1, code, message, hint: hint, runbook: "download-failed")
    }

    /// Runs a reading whose errors of the file are told in the words of commands.
    private static func named<T>(_ path: String, _ body: () throws -> T) throws -> T {
        do {
            return try body()
        } catch let error as ArchiveError {
            let (code, hint) =
                switch error.code {
                case .unreadable, .writeFailed: ("fileUnreadable", "Check the path and its permissions.")
                case .notZip: ("archiveNotZip", "Use an archive that `entra-backup download` made.")
                case .cut: ("archiveCut", "Fetch the archive again: `entra-backup download fetch`.")
                case .damaged: ("archiveChanged", "Fetch the archive again: `entra-backup download fetch`.")
                }
            throw refused(code, error.message, hint: hint)
        }
    }
}
