import ArchiveFile
import Foundation
import Testing

/// Archives that are written as streams and read back.
@Suite struct ArchiveFileTests {
    /// A file that is gone after the test.
    private func withFile<T>(_ bytes: [UInt8], _ body: (String) throws -> T) throws -> T {
        let path = NSTemporaryDirectory() + "archive-\(UUID().uuidString).zip"
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        return try body(path)
    }

    private func archive(_ members: [(String, [UInt8])], pieces: Int = 7) throws -> [UInt8] {
        let writer = try ZipWriter(modifiedAt: 1_700_000_000)
        var output: [UInt8] = []
        for (name, content) in members {
            try writer.begin(name)
            let size = max(1, content.count / pieces)
            for start in stride(from: 0, to: content.count, by: size) {
                try writer.write(Array(content[start..<min(start + size, content.count)]))
                output += writer.takeOutput()
            }
            var hash = ContentHash()
            hash.update(content)
            #expect(try writer.end() == hash.finalize())
        }
        try writer.close()
        return output + writer.takeOutput()
    }

    private func members(of path: String) throws -> [(String, [UInt8])] {
        let reader = try ZipReader(path: path)
        var members: [(String, [UInt8])] = []
        while let name = try reader.next() {
            var content: [UInt8] = []
            while let bytes = try reader.read() { content += bytes }
            members.append((name, content))
        }
        return members
    }

    private func noise(_ count: Int, _ seed: UInt64) -> [UInt8] {
        var state = seed
        return (0..<count).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: state >> 56)
        }
    }

    private var sample: [(String, [UInt8])] {
        [
            ("a.jsonl", Array(String(repeating: "{\"id\":\"ä\"}\n", count: 20_000).utf8)), ("empty.csv", []),
            ("noise", noise(300_000, 7)), ("manifest.json", Array("{}".utf8)),
        ]
    }

    @Test func `members come back as they were written, in their order`() throws {
        let sample = sample
        let bytes = try archive(sample)
        try withFile(bytes) { path in
            let back = try members(of: path)
            #expect(back.map(\.0) == sample.map(\.0))
            for (one, other) in zip(back, sample) { #expect(one.1 == other.1, "\(one.0)") }
        }
        #expect(bytes.count < 350_000, "text is compressed")
    }

    @Test func `the same content makes the same bytes, however it is cut`() throws {
        #expect(try archive(sample, pieces: 1) == archive(sample, pieces: 13))
    }

    @Test func `other programs read it`() throws {
        try withFile(try archive(sample)) { path in
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
            process.arguments = [
                "-c",
                """
                import sys, zipfile
                z = zipfile.ZipFile(sys.argv[1])
                assert z.testzip() is None
                print(" ".join(f"{i.filename}:{i.file_size}" for i in z.infolist()))
                """, path,
            ]
            let output = Pipe()
            process.standardOutput = output
            try process.run()
            let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            process.waitUntilExit()
            #expect(process.terminationStatus == 0)
            let expected = sample.map { "\($0.0):\($0.1.count)" }.joined(separator: " ")
            #expect(text == expected + "\n")
        }
    }

    @Test func `a cut file is refused wherever it was cut`() throws {
        let bytes = try archive(sample)
        let cuts = [4, 30, 100, bytes.count / 2, bytes.count - 100, bytes.count - 23, bytes.count - 1]
        for cut in cuts {
            try withFile(Array(bytes[..<cut])) { path in
                #expect(throws: ArchiveError.self, "cut at \(cut)") { try members(of: path) }
                let code = #expect(throws: ArchiveError.self) { try members(of: path) }?.code
                #expect(code == .cut || code == .damaged, "cut at \(cut)")
            }
        }
    }

    @Test(arguments: [[], [UInt8]("PK".utf8), [UInt8]("no archive at all".utf8)])
    func `a file that is no ZIP is refused`(bytes: [UInt8]) throws {
        try withFile(bytes) { path in
            #expect(#expect(throws: ArchiveError.self) { try ZipReader(path: path) }?.code == .notZip)
        }
        #expect(#expect(throws: ArchiveError.self) { try ZipReader(path: "/nonexistent") }?.code == .unreadable)
    }

    @Test func `a flipped bit in a member is found by the member's name`() throws {
        let content = noise(200_000, 3)
        var bytes = try archive([("first", [1, 2, 3]), ("second", content), ("third", [4])])
        // In the middle of the noise, which lies as it is.
        bytes[bytes.count / 2] ^= 0x10
        try withFile(bytes) { path in
            let error = #expect(throws: ArchiveError.self) { try members(of: path) }
            #expect(error?.code == .damaged)
            #expect(error?.member == "second")
        }
    }

    @Test func `a member larger than 4 GB is written in ZIP64`() throws {
        // The headers alone: without a size the writer announces ZIP64 from the start.
        let bytes = try archive([("a", [1])])
        // "version needed to extract" of the local header: 4.5.
        #expect(bytes[4] == 45)
    }
}
