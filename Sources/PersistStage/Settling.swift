import BackupContracts
import BackupModel

/// The rules by which a collection is settled.
struct SettlingRules: Sendable {
    /// Whether absence from the sightings means that the object is gone.
    var absenceEnds: Bool
    /// Relationships whose links come with a delta query: in a complete walk all of them were sighted.
    var deltaRelationships: Set<UInt16>
}

/// Turns the sightings of a chunk into the versions that begin and end. A pure function of its arguments: the order in
/// which pages were processed, redeliveries and crashes make no difference (D4).
///
/// - Parameters:
///   - sightings: in the order of (page ordinal, index on the page).
///   - beginsRun: of each sighting, whether it begins a run (``ListingSum``). Empty: those of an object are one run.
///   - versions: the heads of the objects concerned, sorted by object and facet.
///   - links: their current links, sorted.
func settle(
    _ sightings: [Sighting], beginsRun: [Bool] = [], versions: [VersionHead], links: [LinkHead], _ rules: SettlingRules
) -> VersionChanges {
    // A stable order by object: indices break ties, because the last sighting of a thing wins.
    let order = sightings.indices.sorted {
        let a = sightings[$0].object, b = sightings[$1].object
        return a == b ? $0 < $1 : a < b
    }
    var changes = VersionChanges()
    changes.areAllNew = versions.isEmpty
    var settler = ObjectSettler(rules: rules)
    var next = 0, version = 0, link = 0
    while true {
        let sighted = next < order.count ? sightings[order[next]].object : nil
        let known = version < versions.count ? versions[version].object : nil
        guard let object = [sighted, known].compactMap({ $0 }).min() else { break }
        settler.begin(object)
        while version < versions.count, versions[version].object == object {
            settler.know(versions[version])
            version += 1
        }
        while link < links.count, links[link].object <= object {
            if links[link].object == object { settler.know(links[link]) }
            link += 1
        }
        settler.finishKnowing()
        let first = next
        var runs = 0
        while next < order.count, sightings[order[next]].object == object {
            if !beginsRun.isEmpty, beginsRun[order[next]] { runs += 1 }
            settler.see(sightings[order[next]])
            next += 1
        }
        if runs > 1, !changes.dependsOnOrder {
            changes.dependsOnOrder = !commute(order[first..<next].lazy.map { (sightings[$0], beginsRun[$0]) })
        }
        settler.settle(into: &changes)
    }
    return changes
}

/// The state of one object while it is settled.
private struct ObjectSettler {
    let rules: SettlingRules
    private var object = ObjectKey.zero
    private var baseFacets: [UInt16: Digest] = [:]
    private var facets: [UInt16: Digest?] = [:]
    private var baseLinks: Set<LinkHead> = []
    private var links: Set<LinkHead> = []
    private var removed: EndReason?

    init(rules: SettlingRules) { self.rules = rules }

    mutating func begin(_ object: ObjectKey) {
        self.object = object
        baseFacets.removeAll(keepingCapacity: true)
        facets.removeAll(keepingCapacity: true)
        baseLinks.removeAll(keepingCapacity: true)
        removed = nil
    }

    mutating func know(_ head: VersionHead) { baseFacets[head.facet] = head.digest }

    mutating func know(_ link: LinkHead) { baseLinks.insert(link) }

    mutating func finishKnowing() {
        links = baseLinks
        if rules.absenceEnds {
            links = links.filter { !rules.deltaRelationships.contains($0.relationship) }
        }
    }

    mutating func see(_ sighting: Sighting) {
        switch sighting {
        case .attributes(_, let digest):
            facets[0] = .some(digest)
            removed = nil
        case .removed(_, let reason):
            facets[0] = .some(nil)
            removed = reason
        case .facet(_, let facet, let digest): facets[facet] = .some(digest)
        case .noFacet(_, let facet): facets[facet] = .some(nil)
        case .link(_, let relationship, let target):
            links.insert(LinkHead(object: object, relationship: relationship, target: target))
        case .unlinked(_, let relationship, let target):
            links.remove(LinkHead(object: object, relationship: relationship, target: target))
        case .linksRead(_, let relationship):
            links = links.filter { $0.relationship != relationship }
        }
    }

    mutating func settle(into changes: inout VersionChanges) {
        guard let attributes = facets[0] else {
            // Not sighted: gone, or, where absence tells nothing, as it was with what else was read of it.
            if rules.absenceEnds {
                end(.missing, &changes)
            } else if baseFacets[0] != nil {
                write(&changes)
            }
            return
        }
        if attributes == nil {
            end(removed ?? .missing, &changes)
        } else {
            write(&changes)
        }
    }

    /// An object that was not known and has no attributes is dropped: a link to it or a facet of it was read between
    /// two passes, and the next round tells all of it.
    private func end(_ reason: EndReason, _ changes: inout VersionChanges) {
        guard baseFacets[0] != nil else { return }
        changes.deleted += 1
        for facet in baseFacets.keys.sorted() {
            changes.ended.append(EndedFacet(object: object, facet: facet, reason: reason))
        }
        changes.endedLinks.append(contentsOf: baseLinks.sorted())
    }

    private func write(_ changes: inout VersionChanges) {
        var changed = false
        for (facet, digest) in facets.sorted(by: { $0.key < $1.key }) {
            if let digest {
                guard baseFacets[facet] != digest else { continue }
                changes.begun.append(VersionHead(object: object, facet: facet, digest: digest))
                changed = true
            } else if baseFacets[facet] != nil {
                changes.ended.append(EndedFacet(object: object, facet: facet, reason: .missing))
                changed = true
            }
        }
        if links != baseLinks {
            changes.begunLinks.append(contentsOf: links.subtracting(baseLinks).sorted())
            changes.endedLinks.append(contentsOf: baseLinks.subtracting(links).sorted())
            changed = true
        }
        if baseFacets[0] == nil {
            changes.added += 1
        } else if changed {
            changes.updated += 1
        }
    }
}

/// Whether the runs of one object come to the same in any order. They do when of each facet and each relationship only
/// one run tells, or several tell the very same, or nothing but links that are there.
func commute(_ sightings: some Sequence<(Sighting, beginsRun: Bool)>) -> Bool {
    var subjects: [UInt32: Mentions] = [:]
    var run = 0
    for (sighting, beginsRun) in sightings {
        if beginsRun { run += 1 }
        subjects[sighting.subject, default: Mentions()].add(sighting, run)
    }
    return subjects.values.allSatisfy(\.commute)
}

/// What the runs of an object tell of one facet or relationship, run by run.
private struct Mentions {
    private var runs: [[Sighting]] = []
    private var lastRun = 0
    private var areOnlyLinks = true

    mutating func add(_ sighting: Sighting, _ run: Int) {
        if case .link = sighting {} else { areOnlyLinks = false }
        if run == lastRun, !runs.isEmpty {
            runs[runs.count - 1].append(sighting)
        } else {
            runs.append([sighting])
            lastRun = run
        }
    }

    var commute: Bool { areOnlyLinks || runs.allSatisfy { $0 == runs.first } }
}

extension Sighting {
    /// The facet or relationship that the sighting is about; an object comes and goes with its attributes.
    fileprivate var subject: UInt32 {
        switch self {
        case .attributes, .removed: 0
        case .facet(_, let facet, _), .noFacet(_, let facet): UInt32(facet)
        case .link(_, let relationship, _), .unlinked(_, let relationship, _), .linksRead(_, let relationship):
            1 << 16 | UInt32(relationship)
        }
    }
}
