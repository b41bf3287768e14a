import BackupContracts
import BackupModel
import Testing

@testable import PersistStage

/// Whether the order of pages made a difference in a settled chunk.
@Suite struct SettlingOrderTests {
    private let rules = SettlingRules(absenceEnds: true, deltaRelationships: [1])
    private let object = ObjectKey(high: 1, low: 1)

    private func digest(_ byte: UInt8) throws -> Digest {
        try #require(Digest(bytes: [UInt8](repeating: byte, count: 32)))
    }

    private func target(_ number: UInt64) -> ObjectKey { ObjectKey(high: number, low: 0) }

    private func settled(
        _ runs: [[Sighting]], versions: [VersionHead] = [], links: [LinkHead] = []
    ) -> VersionChanges {
        settle(
            runs.flatMap { $0 }, beginsRun: runs.flatMap { $0.indices.map { $0 == 0 } }, versions: versions,
            links: links, rules)
    }

    @Test func `what one page tells of an object depends on no order`() throws {
        let run: [Sighting] = [.removed(object, .softDeleted), .attributes(object, try digest(1))]
        #expect(!settled([run]).dependsOnOrder)
    }

    @Test func `pages that tell of different things, or add links, or repeat each other, commute`() throws {
        let attributes: [Sighting] = [.attributes(object, try digest(1)), .facet(object, 3, try digest(2))]
        #expect(!settled([attributes, [.linksRead(object, 2), .link(object, 2, target: target(5))]]).dependsOnOrder)
        #expect(!settled([attributes, [.link(object, 1, target: target(5))]]).dependsOnOrder)
        #expect(
            !settled([[.link(object, 1, target: target(5))], [.link(object, 1, target: target(6))]]).dependsOnOrder)
        #expect(!settled([attributes, attributes]).dependsOnOrder)
        #expect(!settled([[.noFacet(object, 4)], [.noFacet(object, 4)]]).dependsOnOrder)
        let manager: [Sighting] = [.linksRead(object, 2), .link(object, 2, target: target(5))]
        #expect(!settled([attributes + manager, attributes + manager]).dependsOnOrder)
        #expect(!settled([[.removed(object, .softDeleted)], [.linksRead(object, 2)]]).dependsOnOrder)
    }

    @Test func `pages that contradict each other do not`() throws {
        let first = Sighting.attributes(object, try digest(1))
        let link = Sighting.link(object, 2, target: target(5))
        let pairs: [([Sighting], [Sighting])] = [
            ([first], [.attributes(object, try digest(2))]), ([first], [.removed(object, .hardDeleted)]),
            ([.facet(object, 3, try digest(1))], [.noFacet(object, 3)]),
            ([link], [.unlinked(object, 2, target: target(5))]), ([link], [.linksRead(object, 2)]),
            ([.linksRead(object, 2), link], [link]), ([.linksRead(object, 2), link], [.linksRead(object, 2)]),
            ([.removed(object, .hardDeleted)], [.removed(object, .softDeleted)]),
        ]
        for (one, other) in pairs {
            #expect(settled([one, other]).dependsOnOrder, "\(one), \(other)")
            #expect(settled([other, one]).dependsOnOrder, "\(other), \(one)")
        }
    }

    @Test func `what is said to depend on no order comes to the same in every order`() throws {
        let seed: UInt64 = 20
        print("settling in any order: seed \(seed)")
        var numbers = SeededGenerator(seed: seed)
        var free = 0
        for _ in 0..<3_000 {
            let versions =
                Bool.random(using: &numbers)
                ? [VersionHead(object: object, facet: 0, digest: try digest(1))] : []
            let links = versions.isEmpty ? [] : [LinkHead(object: object, relationship: 2, target: target(5))]
            var runs: [[Sighting]] = []
            for _ in 0..<Int.random(in: 2...3, using: &numbers) {
                runs.append(try (0..<Int.random(in: 1...3, using: &numbers)).map { _ in try sighting(&numbers) })
            }
            let here = settled(runs, versions: versions, links: links)
            guard !here.dependsOnOrder else { continue }
            free += 1
            for _ in 0..<4 {
                let there = settled(runs.shuffled(using: &numbers), versions: versions, links: links)
                #expect(there == here, "\(runs)")
            }
        }
        #expect(free > 300, "hardly any case was free of order")
    }

    private func sighting(_ numbers: inout SeededGenerator) throws -> Sighting {
        let relationship = UInt16.random(in: 1...2, using: &numbers)
        let target = target(UInt64.random(in: 5...6, using: &numbers))
        switch Int.random(in: 0..<12, using: &numbers) {
        case 0: return .removed(object, .softDeleted)
        case 1: return .unlinked(object, relationship, target: target)
        case 2, 3: return .attributes(object, try digest(UInt8.random(in: 1...2, using: &numbers)))
        case 4: return .facet(object, 3, try digest(UInt8.random(in: 1...2, using: &numbers)))
        case 5: return .noFacet(object, 3)
        case 6, 7: return .linksRead(object, relationship)
        default: return .link(object, relationship, target: target)
        }
    }

    @Test func `one object that depends on order makes the chunk depend on it`() throws {
        let other = ObjectKey(high: 2, low: 2)
        let runs: [[Sighting]] = [
            [.attributes(object, try digest(1))], [.attributes(other, try digest(1))],
            [.attributes(object, try digest(2))], [.linksRead(other, 2)],
        ]
        #expect(settled(runs).dependsOnOrder)
        #expect(!settled([runs[0], runs[1], runs[3]]).dependsOnOrder)
    }
}
