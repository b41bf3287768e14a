import Testing

@testable import GraphDirectory

struct JSONScanTests {
    static let text = #" {"a" : [1, {"b":"}]\"\\"}, -1.5e3], "c\u0041":null,"d":{ } ,"e":"x" } "#

    @Test func `Members are found by their bytes`() throws {
        let bytes = Array(Self.text.utf8)
        let members = try #require(JSONScan.members(bytes))
        #expect(members.map(\.key) == ["a", "cA", "d", "e"])
        #expect(
            members.map { String(decoding: bytes[$0.value], as: UTF8.self) }
                == [#"[1, {"b":"}]\"\\"}, -1.5e3]"#, "null", "{ }", #""x""#])
        #expect(JSONScan.elements(bytes, members[0].value)?.count == 3)
        #expect(JSONScan.string(bytes, members[3].value) == "x")
    }

    @Test func `A string ends at its own quote, wherever quotes and backslashes stand in it`() throws {
        for before in 0..<20 {
            for after in 0..<20 {
                for middle in ["", #"\""#, #"\\"#, #"\\\""#, "é", "\u{80}\u{FF}"] {
                    let filling = String(repeating: "x", count: before) + middle + String(repeating: "!", count: after)
                    let bytes = Array(#"{"a":"\#(filling)","b":1}"#.utf8)
                    let members = try #require(JSONScan.members(bytes))
                    #expect(members.map(\.key) == ["a", "b"])
                    #expect(String(decoding: bytes[members[0].value], as: UTF8.self) == "\"\(filling)\"")
                    #expect(JSONScan.members(Array(bytes[..<(before + 6)])) == nil)
                }
            }
        }
    }

    @Test func `No proper prefix passes for the whole`() {
        let bytes = Array(Self.text.utf8.dropLast())
        for count in 0..<bytes.count { #expect(JSONScan.members(Array(bytes[..<count])) == nil, "\(count) bytes") }
    }

    @Test(arguments: [
        "", " ", "[]", "null", "<html></html>", "{} {}", "{,}", "{\"a\":1,}", "{\"a\"}", "{\"a\":}", "{\"a\":\"}",
        "{1:2}", "{\"a\":1 2}", "{\"a\\\":1}",
    ])
    func `What is no object is not taken for one`(text: String) {
        #expect(JSONScan.members(Array(text.utf8)) == nil)
    }

    @Test func `An empty object has no members`() {
        #expect(JSONScan.members(Array(" {\n} ".utf8))?.isEmpty == true)
    }

    @Test func `Codes come from the outermost to the deepest in both spellings`() throws {
        let body = #"""
            {"error":{"code":"outer","message":"m","innererror":{"code":"","innerError":{"code":"deep"}}}}
            """#
        let error = try #require(GraphErrorBody(Array(body.utf8)))
        #expect(error.codes == ["outer", "deep"])
        #expect(error.label == "outer/deep")
    }

    @Test(arguments: [
        #"{"error":null}"#, #"{"id":"1","error":{"message":"m"}}"#, #"{"value":[]}"#, #"{"error":"text"}"#,
        #"{"error":{"code":"c","message":"m"},"value":[]}"#,
    ])
    func `An answer with a property of that name is no error`(body: String) {
        #expect(GraphErrorBody(Array(body.utf8)) == nil)
    }

    @Test func `What does not look like a code is not shown`() throws {
        let body = #"{"error":{"code":"user Ada Lovelace","message":"m","innerError":{"code":"a.b-c_1"}}}"#
        #expect(try #require(GraphErrorBody(Array(body.utf8))).label == "a.b-c_1")
    }
}
