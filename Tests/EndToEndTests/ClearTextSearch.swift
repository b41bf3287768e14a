import Foundation
import Testing

/// Looks for words in files, in every form in which a program may have written them: one pass over each file.
struct ClearTextSearch {
    enum Form: String, CaseIterable {
        case utf8, utf16LittleEndian, utf16BigEndian, base64, hexLower, hexUpper, jsonEscaped, raw
    }

    struct Hit: Hashable {
        var file: String
        var word: String
        var form: Form
    }

    private var patterns: [[UInt8]: (word: String, form: Form)] = [:]
    /// Patterns shorter than this occur by chance.
    private static let shortest = 8

    mutating func add(_ words: some Sequence<String>) {
        for word in words {
            for form in Form.allCases {
                for pattern in Self.patterns(of: word, form) where pattern.count >= Self.shortest {
                    if patterns[pattern] == nil { patterns[pattern] = (word, form) }
                }
            }
        }
    }

    /// A key in binary form; a pattern holds no line feed, so that the longest stretch without one is looked for.
    mutating func add(raw bytes: [UInt8], named name: String) {
        let longest = bytes.split(separator: 0x0A).max { $0.count < $1.count } ?? []
        if longest.count >= Self.shortest { patterns[Array(longest)] = (name, .raw) }
    }

    var count: Int { patterns.count }

    /// - Parameter word: letters of ASCII and ü, which JSON may escape.
    static func patterns(of word: String, _ form: Form) -> [[UInt8]] {
        let bytes = Array(word.utf8)
        switch form {
        case .utf8: return [bytes]
        case .utf16LittleEndian: return [word.utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }]
        case .utf16BigEndian: return [word.utf16.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] }]
        case .base64: return (0..<3).flatMap { base64(bytes, after: $0) }
        case .hexLower: return [Array(hex(bytes).utf8)]
        case .hexUpper: return [Array(hex(bytes).uppercased().utf8)]
        case .jsonEscaped:
            return ["\\u00" + hex([0xFC]), "\\u00" + hex([0xFC]).uppercased()].map { escape in
                Array(word.unicodeScalars.map { $0.isASCII ? String($0) : escape }.joined().utf8)
            }
        case .raw: return []
        }
    }

    /// The characters that the word alone decides when `offset` bytes stand before it, in both alphabets.
    private static func base64(_ bytes: [UInt8], after offset: Int) -> [[UInt8]] {
        let text = Data([UInt8](repeating: 0, count: offset) + bytes).base64EncodedString()
        let from = (offset * 8 + 5) / 6, to = (offset + bytes.count) * 8 / 6
        let inner = String(decoding: Array(text.utf8)[from..<to], as: UTF8.self)
        return [Array(inner.utf8), Array(inner.replacing("+", with: "-").replacing("/", with: "_").utf8)]
    }

    private static func hex(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// Searches files and folders.
    /// - Parameter patternFile: where to write the patterns for `grep`; outside of what is searched.
    func run(_ paths: [String], patternFile: String) throws -> Set<Hit> {
        var text = Data()
        for pattern in patterns.keys.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
            text.append(contentsOf: pattern)
            text.append(0x0A)
        }
        try text.write(to: URL(fileURLWithPath: patternFile))
        let output = patternFile + ".found"
        // The matches go to a file, since they are no text. A file that is not there any more is none.
        let result = try Programs.run(
            "/bin/bash",
            [
                "-c", #"out=$1; shift; LC_ALL=C grep -r -a -F -o -s --null --exclude=.erlang.cookie "$@" > "$out""#,
                "grep", output, "-f", patternFile, "--",
            ] + paths)
        try #require(result.status == 0 || result.status == 1, "grep: \(result.status) \(result.errors)")
        return try hits(Array(Data(contentsOf: URL(fileURLWithPath: output))))
    }

    /// Each line is a file's name, a zero byte and what matched.
    private func hits(_ output: [UInt8]) throws -> Set<Hit> {
        var hits: Set<Hit> = []
        for line in output.split(separator: 0x0A) {
            guard let end = line.firstIndex(of: 0) else { continue }
            let file = String(decoding: line[..<end], as: UTF8.self)
            let found = try #require(patterns[Array(line[(end + 1)...])], "an unknown match in \(file)")
            hits.insert(Hit(file: file, word: found.word, form: found.form))
        }
        return hits
    }
}
