import BackupModel
import Foundation
import Testing

/// Python's json module as a second parser: the same verdict on what is JSON, the same canonical form.
@Suite("Canonical: Python as an oracle", .enabled(if: PythonOracle.path != nil, "there is no python3"))
struct CanonicalOracleTests {
    @Test func `Python agrees on random and damaged texts`() throws {
        var generator = JSONTextGenerator(30)
        var texts: [[UInt8]] = []
        for round in 0..<2_500 {
            let text = generator.write(["k": generator.value(), "v": generator.value()], shuffles: true)
            texts.append(round % 3 == 0 ? generator.damaged(text) : text)
        }
        let answers = try PythonOracle.canonical(texts)
        try #require(answers.count == texts.count)
        var canonicalizer = Canonicalizer()
        var refused = 0
        for (text, answer) in zip(texts, answers) {
            let object = Array(#"{"k":"#.utf8) + text + Array("}".utf8)
            let form = try? canonicalizer.canonicalise(object, 0..<object.count, CanonicalRules())
            // A damaged text can close the object around it and go on: then it is none itself.
            let isWhole = try form.map { try JSONValue(parsing: $0.attributes).object?.names == ["k"] } ?? false
            let own = (isWhole ? form?.attributes : nil).map {
                String(decoding: $0.dropFirst(5).dropLast(), as: UTF8.self)
            }
            if answer == nil { refused += 1 }
            #expect(own.map { Array($0.utf8) } == answer.map { Array($0.utf8) }, "seed \(SeededNumbers.seed)")
        }
        #expect(refused > 150 && refused < 1_200)
    }
}

enum PythonOracle {
    static let path = ["/usr/bin/python3", "/usr/local/bin/python3"].first(where: FileManager.default.isExecutableFile)

    /// The canonical form of each text, nil where Python finds no JSON.
    static func canonical(_ texts: [[UInt8]]) throws -> [String?] {
        guard let path else { return [] }
        let folder = FileManager.default.temporaryDirectory.appending(path: "canonical-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let input = folder.appending(path: "input")
        let output = folder.appending(path: "output")
        let lines = texts.map { Data($0).base64EncodedString() }.joined(separator: "\n")
        try Data(lines.utf8).write(to: input)
        try Data(script.utf8).write(to: folder.appending(path: "oracle.py"))
        let process = Process()
        process.executableURL = URL(filePath: path)
        process.arguments = [folder.appending(path: "oracle.py").path, input.path, output.path]
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
        let answer = try String(contentsOf: output, encoding: .utf8)
        return answer.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            line == "!" ? nil : Data(base64Encoded: String(line)).map { String(decoding: $0, as: UTF8.self) }
        }
    }

    /// Written from RFC 8785 and ECMA-262, not from the Swift source: so it can tell when that is wrong.
    private static let script = #"""
        import base64, json, math, sys
        from decimal import Decimal

        class Refused(Exception): pass

        class Whole(str): pass

        def members(pairs):
            result = dict(pairs)
            if len(result) != len(pairs): raise Refused()
            return result

        def refuse(_): raise Refused()

        def integer(text): return Whole("0" if text == "-0" else text)

        def number(value):
            if math.isinf(value) or math.isnan(value): raise Refused()
            if value == 0: return "0"
            sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
            digits = "".join(map(str, digits))
            k, n = len(digits), len(digits) + exponent
            if k <= n <= 21: text = digits + "0" * (n - k)
            elif 0 < n <= 21: text = digits[:n] + "." + digits[n:]
            elif -6 < n <= 0: text = "0." + "0" * -n + digits
            else:
                text = digits[0] + ("." + digits[1:] if k > 1 else "") + "e" + ("+" if n > 0 else "-") + str(abs(n - 1))
            return "-" * sign + text

        def string(text):
            if any(0xD800 <= ord(c) <= 0xDFFF for c in text): raise Refused()
            short = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
            return '"' + "".join(short.get(c) or ("\\u%04x" % ord(c) if c < " " else c) for c in text) + '"'

        def form(value, depth=1):
            if isinstance(value, (dict, list)) and depth >= 128: raise Refused()
            if value is None: return "null"
            if value is True: return "true"
            if value is False: return "false"
            if isinstance(value, Whole): return str(value)
            if isinstance(value, str): return string(value)
            if isinstance(value, float): return number(value)
            if isinstance(value, list):
                return "[" + ",".join(sorted((form(v, depth + 1) for v in value), key=lambda s: s.encode())) + "]"
            for key in value: string(key)
            kept = [k for k in value if not is_annotation(k) or k == "@odata.type"]
            for k in value:
                if k not in kept: form(value[k], depth + 1)
            kept.sort(key=lambda k: k.encode("utf-16-be"))
            return "{" + ",".join(string(k) + ":" + form(value[k], depth + 1) for k in kept) + "}"

        def is_annotation(key):
            at = key.rfind("@")
            if at < 0: return False
            term = key[at + 1:]
            return at == 0 or term == "delta" or term.startswith("odata.") or term.startswith("microsoft.graph.")

        with open(sys.argv[1]) as lines, open(sys.argv[2], "w") as answers:
            result = []
            for line in lines.read().split("\n"):
                try:
                    text = base64.b64decode(line).decode("utf-8")
                    value = json.loads(
                        text, object_pairs_hook=members, parse_constant=refuse, parse_int=integer)
                    result.append(base64.b64encode(form(value).encode()).decode())
                except (Refused, ValueError, RecursionError):
                    result.append("!")
            answers.write("\n".join(result))
        """#
}
