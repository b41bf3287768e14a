import BackupModel
import Testing

/// RFC 6901 section 5 and what it leaves out.
@Suite("Pointer") struct PointerTests {
    let document: JSONValue = [
        "foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4, "i\\j": 5, "k\"l": 6, " ": 7, "m~n": 8,
    ]

    @Test func `The examples of RFC 6901`() throws {
        let expected: [(String, JSONValue)] = [
            ("", document), ("/foo", ["bar", "baz"]), ("/foo/0", "bar"), ("/", 0), ("/a~1b", 1), ("/c%d", 2),
            ("/e^f", 3),
            ("/g|h", 4), ("/i\\j", 5), ("/k\"l", 6), ("/ ", 7), ("/m~0n", 8),
        ]
        for (text, value) in expected {
            let pointer = try #require(JSONPointer(text))
            #expect(pointer.resolve(in: document) == value)
            #expect(pointer.description == text)
        }
    }

    @Test func `Escapes are undone once`() {
        #expect(JSONPointer("/~01")?.tokens == ["~1"])
        #expect(JSONPointer(["~1", "a/b", ""]).description == "/~01/a~1b/")
        #expect(JSONPointer().appending("x").appending("/").description == "/x/~1")
    }

    @Test(arguments: ["foo", "/~", "/~2", "/a~", " /a"]) func `Other texts are no pointer`(_ text: String) {
        #expect(JSONPointer(text) == nil)
    }

    @Test(arguments: [
        "/nope", "/foo/2", "/foo/-", "/foo/01", "/foo/x", "/foo/", "/foo/0/x", "/foo/99999999999999999999", "/foo/-1",
    ])
    func `Places that are not there have no value`(_ text: String) throws {
        #expect(try #require(JSONPointer(text)).resolve(in: document) == nil)
    }

    @Test func `Any tokens survive`() {
        var generator = JSONTextGenerator(5)
        for _ in 0..<500 {
            let pointer = JSONPointer(
                (0..<3).map { _ in generator.text() + generator.pick(["", "~", "/", "~1", "~0"]) })
            #expect(JSONPointer(pointer.description) == pointer, "seed \(SeededNumbers.seed)")
        }
    }
}
