import BackupContracts
import BackupModel
import Testing

@testable import PersistStage

/// Settling is a pure function: sightings and heads in, versions that begin and end out.
@Suite struct SettlingTests {
    private let complete = SettlingRules(absenceEnds: true, deltaRelationships: [1])
    private let delta = SettlingRules(absenceEnds: false, deltaRelationships: [1])

    private func key(_ number: UInt64) -> ObjectKey { ObjectKey(high: number, low: 0) }

    private func digest(_ byte: UInt8) throws -> Digest {
        try #require(Digest(bytes: [UInt8](repeating: byte, count: 32)))
    }

    @Test func `an object seen for the first time begins`() throws {
        let changes = settle([.attributes(key(1), try digest(1))], versions: [], links: [], complete)
        #expect(changes.begun == [VersionHead(object: key(1), facet: 0, digest: try digest(1))])
        #expect((changes.added, changes.updated, changes.deleted) == (1, 0, 0))
    }

    @Test func `an unchanged object writes nothing`() throws {
        let head = VersionHead(object: key(1), facet: 0, digest: try digest(1))
        let changes = settle([.attributes(key(1), try digest(1))], versions: [head], links: [], complete)
        #expect(changes.isEmpty)
        #expect((changes.added, changes.updated, changes.deleted) == (0, 0, 0))
    }

    @Test func `absence ends an object only after a complete listing`() throws {
        let head = VersionHead(object: key(1), facet: 0, digest: try digest(1))
        let link = LinkHead(object: key(1), relationship: 2, target: key(9))
        let gone = settle([], versions: [head], links: [link], complete)
        #expect(gone.ended == [EndedFacet(object: key(1), facet: 0, reason: .missing)])
        #expect(gone.endedLinks == [link])
        #expect(settle([], versions: [head], links: [link], delta).isEmpty)
    }

    @Test func `the last sighting wins`() throws {
        let seen: [Sighting] = [
            .attributes(key(1), try digest(1)), .removed(key(1), .softDeleted), .attributes(key(1), try digest(2)),
        ]
        let changes = settle(seen, versions: [], links: [], delta)
        #expect(changes.begun.map(\.digest) == [try digest(2)])
        let removed = settle(Array(seen.prefix(2)), versions: [], links: [], delta)
        #expect(removed.isEmpty, "an object that came and went within a round leaves nothing")
    }

    @Test func `a deleted object takes its facets and links with it and says why`() throws {
        let heads = [
            VersionHead(object: key(1), facet: 0, digest: try digest(1)),
            VersionHead(object: key(1), facet: 3, digest: try digest(2)),
        ]
        let link = LinkHead(object: key(1), relationship: 1, target: key(9))
        let changes = settle([.removed(key(1), .hardDeleted)], versions: heads, links: [link], delta)
        #expect(changes.ended.map(\.reason) == [.hardDeleted, .hardDeleted])
        #expect(changes.endedLinks == [link])
        #expect(changes.deleted == 1)
    }

    @Test func `a delta item with links only is no sighting of attributes`() throws {
        let head = VersionHead(object: key(1), facet: 0, digest: try digest(1))
        let changes = settle([.link(key(1), 1, target: key(5))], versions: [head], links: [], delta)
        #expect(changes.begun.isEmpty)
        #expect(changes.begunLinks == [LinkHead(object: key(1), relationship: 1, target: key(5))])
        #expect(changes.updated == 1)
    }

    @Test func `links of an object that nobody knows are dropped`() {
        let changes = settle([.link(key(1), 1, target: key(5))], versions: [], links: [], delta)
        #expect(changes.isEmpty)
    }

    @Test func `slices of one group over several pages are one membership`() throws {
        let head = VersionHead(object: key(1), facet: 0, digest: try digest(1))
        let seen: [Sighting] =
            [.attributes(key(1), try digest(1))] + (0..<50).map { .link(key(1), 1, target: key(100 + $0)) }
        let changes = settle(seen, versions: [head], links: [], complete)
        #expect(changes.begunLinks.count == 50)
    }

    @Test func `a complete delta walk ends links that it did not show`() throws {
        let head = VersionHead(object: key(1), facet: 0, digest: try digest(1))
        let old = LinkHead(object: key(1), relationship: 1, target: key(5))
        let other = LinkHead(object: key(1), relationship: 2, target: key(6))
        let changes = settle([.attributes(key(1), try digest(1))], versions: [head], links: [old, other], complete)
        #expect(changes.endedLinks == [old], "relationship 2 is read otherwise and was not read here")
    }

    @Test func `a relationship that was read anew replaces what was there`() throws {
        let head = VersionHead(object: key(1), facet: 0, digest: try digest(1))
        let old = LinkHead(object: key(1), relationship: 2, target: key(5))
        let seen: [Sighting] = [.linksRead(key(1), 2), .link(key(1), 2, target: key(6))]
        let changes = settle(seen, versions: [head], links: [old], delta)
        #expect(changes.endedLinks == [old])
        #expect(changes.begunLinks == [LinkHead(object: key(1), relationship: 2, target: key(6))])
    }

    @Test func `the order of objects does not matter, and neither does the cut into chunks`() throws {
        var generator = SeededGenerator(seed: 7)
        print("settling: seed 7")
        var heads: [VersionHead] = []
        var seen: [Sighting] = []
        for number in 1...500 as ClosedRange<UInt64> {
            let object = key(number << 54)
            if generator.next() % 3 > 0 { heads.append(VersionHead(object: object, facet: 0, digest: try digest(1))) }
            if generator.next() % 3 > 0 {
                seen.append(.attributes(object, try digest(UInt8(generator.next() % 3))))
            }
        }
        heads.sort { $0.object < $1.object }
        let whole = settle(seen, versions: heads, links: [], complete)
        #expect(settle(seen.reversed(), versions: heads, links: [], complete) == whole)
        var begun: [VersionHead] = []
        for chunk in 0..<7 {
            let range = ObjectKey.range(chunk: chunk, of: 7)
            let part = settle(
                seen.filter { range.contains($0.object) }, versions: heads.filter { range.contains($0.object) },
                links: [], complete)
            begun += part.begun
        }
        #expect(begun == whole.begun)
    }
}

/// A small generator whose numbers depend on the seed alone.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
