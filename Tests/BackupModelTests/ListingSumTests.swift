import BackupModel
import Testing

/// The sum of a complete listing: equal for equal listings, whatever the order of their pages, and for no others.
@Suite struct ListingSumTests {
    /// A stand-in for the keyed digest: FNV-1a from four starting points.
    private func digest(_ run: UnsafeRawBufferPointer) -> Digest {
        let words = (1...4).map { start in
            run.reduce(0xcbf2_9ce4_8422_2325 &* UInt64(start)) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
        }
        return words.withUnsafeBytes { Digest(loading: $0, at: 0) }
    }

    private func sum(_ pages: [[Sighting]]) -> ListingSum {
        var sum = ListingSum()
        for page in pages {
            var list = SightingList()
            for sighting in page { list.append(sighting) }
            sum.add(ListingSum(list, digest: digest))
        }
        return sum
    }

    private func key(_ number: UInt64) -> ObjectKey { ObjectKey(high: number, low: ~number) }

    private func digest(_ byte: UInt8) throws -> Digest {
        try #require(Digest(bytes: [UInt8](repeating: byte, count: 32)))
    }

    @Test func `the order of pages and of objects makes no difference, nor the page that an object is on`() throws {
        let runs: [[Sighting]] = try (1...9).map { number in
            [.attributes(key(number), try digest(UInt8(number))), .link(key(number), 1, target: key(number + 1))]
        }
        let whole = sum([runs.flatMap { $0 }])
        #expect(sum([runs.reversed().flatMap { $0 }]) == whole)
        #expect(sum(runs) == whole)
        #expect(sum([Array(runs[4...].joined()), [], Array(runs[..<4].joined())]) == whole)
    }

    @Test func `within what a page tells of one object the order counts`() throws {
        let links: [Sighting] = [.linksRead(key(1), 2), .link(key(1), 2, target: key(5))]
        #expect(sum([links]) != sum([links.reversed()]))
        // Apart they are two runs.
        #expect(sum([links]) != sum([[links[0]], [links[1]]]))
    }

    @Test func `anything that is told otherwise, more often or not at all changes the sum`() throws {
        let first = Sighting.attributes(key(1), try digest(1))
        let listing: [Sighting] = [first, .attributes(key(2), try digest(2)), .linksRead(key(3), 1)]
        let others: [[Sighting]] = [
            [], Array(listing.dropLast()), listing + [first], listing + [.noFacet(key(3), 1)],
            [.attributes(key(1), try digest(2)), .attributes(key(2), try digest(1)), listing[2]],
            [first, listing[1], .linksRead(key(3), 2)], [first, listing[1], .linksRead(key(4), 1)],
            [.removed(key(1), .softDeleted), listing[1], listing[2]],
        ]
        let sums = ([listing] + others).map { sum([$0]) }
        #expect(Set(sums).count == sums.count)
        #expect(sum([[first], [first]]) != sum([[first]]))
    }

    @Test func `each single bit of the sightings counts`() throws {
        var list = SightingList()
        list.append(.attributes(key(7), try digest(7)))
        list.append(.link(key(7), 3, target: key(8)))
        list.append(.facet(key(9), 2, try digest(9)))
        let whole = ListingSum(list, digest: digest)
        var kinds = 0
        for bit in 0..<list.bytes.count * 8 {
            var bytes = list.bytes
            bytes[bit / 8] ^= 1 << UInt8(bit % 8)
            // Where a record's kind is hit, what is left may be no list.
            guard let other = try? SightingList(packed: bytes) else {
                kinds += 1
                continue
            }
            #expect(ListingSum(other, digest: digest) != whole, "bit \(bit)")
        }
        #expect(kinds <= 3 * 8)
    }

    @Test func `a sum comes back from its bytes and carries over all of them`() throws {
        var sum = ListingSum()
        #expect(ListingSum(bytes: sum.bytes) == sum && sum.bytes == [UInt8](repeating: 0, count: 32))
        sum.add(try digest(0xFF))
        #expect(ListingSum(bytes: sum.bytes) == sum)
        sum.add(try #require(Digest(bytes: [1] + [UInt8](repeating: 0, count: 31))))
        #expect(sum == ListingSum(), "2^256 - 1 and 1 are nothing modulo 2^256")
        #expect(ListingSum(bytes: [1, 2, 3]) == nil)
    }

    @Test func `runs are cut where the object changes`() throws {
        var list = SightingList()
        for object in [1, 1, 2, 1, 3, 3, 3] as [UInt64] { list.append(.noFacet(key(object), 1)) }
        var sizes: [Int] = []
        list.forEachRun { sizes.append($0.count / 19) }
        #expect(sizes == [2, 1, 1, 3])
        var begins: [Bool] = []
        list.forEach(in: key(1)...key(1)) { begins.append($1) }
        #expect(begins == [true, false, true], "an object outside of the range ends a run all the same")
        SightingList().forEachRun { _ in Issue.record("an empty list has no run") }
    }
}
