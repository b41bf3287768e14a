/// What an archive of a download says of itself, in its member `manifest.json`.
///
/// It names every other member with its SHA-256, and stands under a mark that only an installation with the tenant's
/// keys can make: a member that was changed is found by its hash, a manifest that was changed by its mark.
public struct ArchiveManifest: Sendable, Hashable {
    /// What the manifest says of one other member: enough to find any change of its bytes.
    public struct Member: Sendable, Hashable {
        /// Hexadecimal.
        public var sha256: String
        /// Objects in it; for JSON, lines.
        public var lines: Int64

        /// `sha256` of the member's plain bytes, header line of a CSV included; `lines` without it.
        public init(sha256: String, lines: Int64) {
            self.sha256 = sha256
            self.lines = lines
        }
    }

    /// The member that holds the manifest.
    public static let name = "manifest.json"
    /// The version of the format that this program writes, and the newest that it reads.
    public static let currentVersion = 1

    /// Another than ``currentVersion`` is not read.
    public var version = ArchiveManifest.currentVersion
    /// `json` or `csv`.
    public var format: String
    /// The snapshot that was written; its row may be gone by the time the archive is read back.
    public var snapshot: SnapshotNumber
    /// The tenant whose objects are in it: an archive of another one is refused.
    public var tenant: TenantID
    /// Objects by type.
    public var counts: [String: Int64] = [:]
    /// By file name, `user.jsonl`; the manifest itself is not among them.
    public var members: [String: Member] = [:]
    /// Hexadecimal signature of the snapshot.
    public var signature: String
    /// Hexadecimal, over ``markedBytes``.
    public var mark = ""

    /// Of an archive that is still empty; counts, members and mark are set when their members are written.
    public init(format: String, snapshot: SnapshotNumber, tenant: TenantID, signature: String) {
        self.format = format
        self.snapshot = snapshot
        self.tenant = tenant
        self.signature = signature
    }

    /// The content of `manifest.json`, mark included.
    public var json: JSONValue {
        guard case .object(var object) = unmarked else { return unmarked }
        object["mark"] = .string(mark)
        return .object(object)
    }

    /// What the mark is over: the manifest without it.
    public var markedBytes: [UInt8] { unmarked.canonicalBytes }

    private var unmarked: JSONValue {
        [
            "version": JSONValue(version), "format": .string(format), "snapshot": JSONValue(snapshot),
            "tenant": .string(tenant.description), "signature": .string(signature),
            "counts": .object(JSONObject(counts.map { ($0, JSONValue($1)) })),
            "members": .object(
                JSONObject(members.map { ($0, ["sha256": .string($1.sha256), "lines": JSONValue($1.lines)]) })),
        ]
    }

    /// The version that a document names, whatever else is in it; nil when it is no manifest.
    public static func version(of json: JSONValue) -> Int? { json["version"]?.int }

    /// Reads the document of this version; nil when something is missing or of another shape.
    public init?(json: JSONValue) {
        guard json["version"]?.int == Self.currentVersion, let format = json["format"]?.string,
            let snapshot = json["snapshot"]?.int.flatMap({ SnapshotNumber(exactly: $0) }),
            let tenant = json["tenant"]?.string.flatMap({ TenantID($0) }), let signature = json["signature"]?.string,
            let mark = json["mark"]?.string, let counts = json["counts"]?.object, let members = json["members"]?.object
        else { return nil }
        self.init(format: format, snapshot: snapshot, tenant: tenant, signature: signature)
        self.mark = mark
        for (name, count) in counts {
            guard let count = count.int else { return nil }
            self.counts[name] = Int64(count)
        }
        for (name, member) in members {
            guard let sha256 = member["sha256"]?.string, let lines = member["lines"]?.int else { return nil }
            self.members[name] = Member(sha256: sha256, lines: Int64(lines))
        }
    }
}

/// Two lower-case digits a byte.
public func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
}
