import BackupContracts
import BackupModel
import Foundation
import LibPQ
import PostgresStore
import Testing

/// What a collection holds: attributes as JSON by object, and links.
struct Listing: Sendable, Hashable {
    var objects: [ObjectKey: String] = [:]
    var links: Set<LinkHead> = []

    init(_ objects: [ObjectKey: String] = [:], links: Set<LinkHead> = []) {
        self.objects = objects
        self.links = links
    }
}

/// The types of these tests. Groups have members.
enum Types {
    static let user: UInt16 = 9
    static let group: UInt16 = 10
    static let members: UInt16 = 1
}

/// Drives backups through the ports, each with the store of its own role.
extension TestDatabase {
    /// A whole backup of complete listings.
    @discardableResult
    func backUp(_ tenant: TenantID, _ collections: [UInt16: Listing]) async throws -> SnapshotNumber {
        let (_, walks) = try await openRound(tenant, collections.keys.sorted())
        var following: [Message] = []
        for walk in walks {
            let listing = collections[walk.type ?? 0] ?? Listing()
            let page = try await fetch(walk, items: listing.objects.count)
            let walked = try await #require(sight(page, listing).first)
            following += try await settle(walked)
        }
        let sealing = try #require(following.first)
        _ = try await persister.seal(sealing)
        return try await admin.snapshot(tenant, nil).number
    }

    /// Starts a job and opens its round.
    func openRound(_ tenant: TenantID, _ types: [UInt16], mode: WalkMode = .complete) async throws
        -> (request: Message, walks: [Message])
    {
        let (job, _) = try await admin.startBackup(tenant, types: nil, full: false)
        let request = try #require(try await messages(of: job.id).first)
        _ = try await #require(fetcher.opening(request))
        let walks = try await fetcher.openRound(request, types.map { CollectionPlan(type: $0, mode: mode) })
        return (request, walks)
    }

    /// Stores the one page of a walk and ends it. Returns the page's message.
    func fetch(_ walk: Message, items: Int = 0, outcome: CollectionOutcome = .complete) async throws -> Message {
        let state = try await #require(fetcher.walk(walk))
        let following = try await fetcher.storePage(
            walk, state, .test(items: items),
            .ends(WalkEnd(outcome: outcome, deltaLink: "https://graph.example/delta?\(walk.id)")))
        return try #require(following.first)
    }

    /// Turns a page into sightings of a listing. Returns what follows.
    func sight(_ page: Message, _ listing: Listing) async throws -> [Message] {
        let input = try await #require(differ.page(page))
        return try await differ.storeSightings(page, DiffOutput(listing, input))
    }

    /// Settles a collection in all its chunks. Returns what follows.
    func settle(_ walked: Message) async throws -> [Message] {
        var settlement = try await #require(persister.settlement(walked))
        while true {
            let changes = try await changes(walked, settlement)
            let following = try await persister.settleChunk(walked, settlement, changes, passesBaton: false)
            if settlement.settled + 1 >= settlement.chunks { return following }
            settlement.settled += 1
        }
    }

    /// What a chunk of a complete listing changes, worked out from the stored sightings in the plainest way.
    func changes(_ walked: Message, _ settlement: Settlement) async throws -> VersionChanges {
        let range = ObjectKey.range(chunk: Int(settlement.settled), of: Int(settlement.chunks))
        var digests: [ObjectKey: Digest] = [:]
        var links: Set<LinkHead> = []
        try await persister.sightings(walked) { list in
            list.forEach { sighting in
                guard range.contains(sighting.object) else { return }
                switch sighting {
                case .attributes(let object, let digest): digests[object] = digest
                case .link(let object, let relationship, let target):
                    links.insert(LinkHead(object: object, relationship: relationship, target: target))
                default: break
                }
            }
        }
        let heads = try await persister.heads(walked, range)
        let known = Dictionary(heads.versions.map { ($0.object, $0.digest) }) { first, _ in first }
        #expect(known.count == heads.versions.count, "An object has two open versions.")
        var changes = VersionChanges()
        for (object, digest) in digests where known[object] != digest {
            changes.begun.append(VersionHead(object: object, facet: 0, digest: digest))
            if known[object] == nil { changes.added += 1 } else { changes.updated += 1 }
        }
        for object in known.keys where digests[object] == nil {
            changes.ended.append(EndedFacet(object: object, facet: 0, reason: .missing))
            changes.deleted += 1
        }
        changes.begunLinks = links.subtracting(heads.links).sorted()
        changes.endedLinks = Set(heads.links).subtracting(links).sorted()
        return changes
    }

    /// Messages of a job that have rows, oldest first.
    func messages(of job: JobID) async throws -> [Message] {
        try await texts(
            "SELECT body FROM backup.messages WHERE job_id = $1 ORDER BY created_at, id", [.uuid(job.uuid)]
        ).map { try #require(Message(decoding: Array($0.utf8))) }
    }

    /// A second row that asks for the same as a message.
    func twin(of message: Message) async throws -> Message {
        var twin = message
        twin.id = UUID()
        try await sql(
            """
            INSERT INTO backup.messages (id, queue, tenant_id, job_id, epoch, body) VALUES ($1, $2, $3, $4, $5, $6)
            """,
            [
                .uuid(twin.id), .text(twin.kind.queue.rawValue), .uuid(twin.tenant.uuid), .uuid(twin.job.uuid),
                .int32(twin.epoch), .text(String(decoding: twin.encoded(), as: UTF8.self)),
            ])
        return twin
    }

    /// What a type holds at a snapshot, read as administrators read it.
    func listing(_ tenant: TenantID, _ type: UInt16, at snapshot: SnapshotNumber) async throws -> Listing {
        let type = try #require(Catalogue.current[type])
        var listing = Listing()
        try await admin.documents(tenant, type, at: snapshot) { stored in
            listing.objects[stored.key] = JSONValue.object(stored.document.attributes).canonicalText
            for (name, targets) in stored.document.links {
                let relationship = try #require(type.relationship(name))
                for target in targets {
                    let key = try #require(ObjectKey(target))
                    listing.links.insert(
                        LinkHead(object: stored.key, relationship: relationship.number, target: key))
                }
            }
        }
        return listing
    }
}

extension FetchedPage {
    static func test(items: Int) -> FetchedPage {
        FetchedPage(content: Array("page".utf8), items: items, requests: 1)
    }
}

extension DiffOutput {
    /// What a differ makes of a page that holds the listing.
    init(_ listing: Listing, _ input: DiffInput) {
        self.init(sightings: SightingList(), contents: [], canonical: [])
        areNew = input.isFirst
        for (object, text) in listing.objects.sorted(by: { $0.key < $1.key }) {
            let bytes = Array(text.utf8)
            let digest = bytes.withUnsafeBytes {
                input.digester.digest(type: input.type, object: object, facet: 0, $0)
            }
            let start = canonical.count
            canonical += bytes
            contents.append(
                SeenContent(
                    object: object, facet: 0, digest: digest, range: start..<canonical.count,
                    words: SearchWords(displayName: text)))
            sightings.append(.attributes(object, digest))
        }
        for link in listing.links.sorted() {
            sightings.append(.link(link.object, link.relationship, target: link.target))
        }
        sum(input)
    }
}

/// Numbers that depend on the seed alone (SplitMix64); the seed is printed, `ENTRA_BACKUP_SEED` repeats one.
struct SeededNumbers: RandomNumberGenerator {
    private var state: UInt64

    init(_ test: String) {
        let given = ProcessInfo.processInfo.environment["ENTRA_BACKUP_SEED"].flatMap(UInt64.init)
        state = given ?? UInt64.random(in: 0..<1 << 32)
        print("\(test): seed \(state) (set ENTRA_BACKUP_SEED to repeat)")
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// Another sequence, that depends on this one.
    mutating func fork() -> SeededNumbers {
        var fork = self
        fork.state = next()
        return fork
    }

    mutating func key() -> ObjectKey { ObjectKey(high: next(), low: next()) }
}

/// The code of the failure that `body` throws; `nil` when it returns.
func failureCode(_ body: () async throws -> Void) async throws -> String? {
    do {
        try await body()
        return nil
    } catch let failure as StageFailure {
        return failure.code.name
    } catch let error as AccountError {
        return error.code
    }
}

extension ObjectKey {
    /// The same 16 bytes as a UUID, for parameters of statements.
    var testUUID: UUID { UUID(uuidString: description) ?? UUID() }
}
