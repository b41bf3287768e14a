import BackupModel
import Testing

/// What one stage packs, the next unpacks, and damage has a name.
@Suite struct PackedDataTests {
    private var sightings: [Sighting] {
        get throws {
            let object = ObjectKey(high: 1, low: 2), target = ObjectKey(high: 3, low: 4)
            let digest = try #require(Digest(bytes: Array(0..<32)))
            return [
                .attributes(object, digest), .removed(object, .missing), .facet(object, 513, digest),
                .noFacet(object, 7), .link(object, 300, target: target), .unlinked(object, 1, target: target),
                .linksRead(object, 65_535),
            ]
        }
    }

    @Test func `a sighting list comes back as it was`() throws {
        var list = SightingList()
        for sighting in try sightings { list.append(sighting) }
        let read = try SightingList(packed: list.bytes)
        #expect(read.count == 7)
        var found: [Sighting] = []
        read.forEach { found.append($0) }
        #expect(found == (try sightings))
    }

    @Test func `a cut sighting list is refused, wherever it is cut`() throws {
        var list = SightingList()
        for sighting in try sightings { list.append(sighting) }
        var lengths: Set<Int> = [0]
        var whole = SightingList()
        for sighting in try sightings {
            whole.append(sighting)
            lengths.insert(whole.bytes.count)
        }
        for length in 0..<list.bytes.count where !lengths.contains(length) {
            #expect(throws: PackedDataError.self) { try SightingList(packed: Array(list.bytes.prefix(length))) }
        }
    }

    @Test func `page parts come back as they were, and cut ones are refused`() throws {
        let parts = PageParts(parts: [
            .list(relationship: 0, body: Array("{\"value\":[]}".utf8)),
            .object(id: "ünïcode/id", relationship: 9, slice: 2, body: []),
            .object(id: "", relationship: 0, slice: 0, body: [0, 255]),
        ])
        let bytes = parts.encoded()
        #expect(try PageParts(decoding: bytes) == parts)
        for length in [1, 16, 20, bytes.count - 1] {
            #expect(throws: PackedDataError.self) { try PageParts(decoding: Array(bytes.prefix(length))) }
        }
    }

    @Test func `a next link that leads back is found, however long the loop`() {
        for length in 1...40 {
            var cursor = WalkCursor()
            var steps = 0
            while cursor.follow("https://graph.example/users?skip=\(steps % length)"), steps < 1_000 { steps += 1 }
            #expect(steps < 4 * length + 4, "a loop of \(length) links")
        }
        var cursor = WalkCursor()
        for page in 0..<5_000 {
            let isNew = cursor.follow("https://graph.example/users?page=\(page)")
            #expect(isNew)
        }
    }

    @Test func `chunks of keys cover all keys once`() {
        for count in [1, 2, 3, 7, 64] {
            var next = ObjectKey.zero
            for chunk in 0..<count {
                let range = ObjectKey.range(chunk: chunk, of: count)
                #expect(range.lowerBound == next)
                let upper = range.upperBound
                next = upper.low == .max ? ObjectKey(high: upper.high &+ 1, low: 0) : upper
            }
            #expect(next == ObjectKey(high: 0, low: 0), "the last chunk ends with the last key")
        }
    }
}
