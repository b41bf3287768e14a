import BackupModel
import Testing

@Suite("GraphPage") struct GraphPageTests {
    private func page(_ text: String) throws -> GraphPage { try GraphPage(Array(text.utf8)) }

    private func items(_ text: String) throws -> [String] {
        let bytes = Array(text.utf8)
        return try GraphPage(bytes).items.map { String(decoding: bytes[$0], as: UTF8.self) }
    }

    @Test func `A list has links, a count and the places of its elements`() throws {
        let text = #"""
            { "@odata.context" : "c", "@odata.count" : 1234 , 
              "@odata.nextLink":"https://graph.example/x?$skiptoken=a\u0026b",
              "value" : [ {"id":"1","value":[1]} , {"id":"2"}, {} ] }
            """#
        let page = try page(text)
        #expect(page.nextLink == "https://graph.example/x?$skiptoken=a&b")
        #expect(page.deltaLink == nil)
        #expect(page.count == 1234)
        #expect(!page.isSingleton && !page.isError)
        #expect(try items(text) == [#"{"id":"1","value":[1]}"#, #"{"id":"2"}"#, "{}"])
    }

    @Test func `The end of a round has a delta link`() throws {
        let page = try page(#"{"value":[],"@odata.deltaLink":"d"}"#)
        #expect(page.deltaLink == "d")
        #expect(page.nextLink == nil)
        #expect(page.items.isEmpty)
    }

    @Test func `Names may be written with escapes`() throws {
        #expect(try items(#"{"v\u0061lue":[{"a":1}],"\u0040odata.count":1}"#) == [#"{"a":1}"#])
        #expect(try page(#"{"value":[],"\u0040odata.deltaLink":"d"}"#).deltaLink == "d")
        #expect(throws: JSONSyntaxError.self) { try page(#"{"value":[],"v\u0061lue":[]}"#) }
    }

    @Test func `A list needs no context`() throws {
        #expect(try items(#"{"value":[{"a":1}]}"#) == [#"{"a":1}"#])
        #expect(try !page(#"{"value":[]}"#).isSingleton)
    }

    @Test(arguments: [
        #"{"@odata.context":"c","id":"authorizationPolicy","value":"x"}"#,
        #"{"id":"1","value":[{"a":1}]}"#, #"{"value":{"a":1},"name":"n"}"#, #"{"id":"1"}"#, "{}",
        #"{"@odata.context":"c","value":"Welcome"}"#, #"{"value":true}"#, #"{"error":{"code":"x"},"id":"1"}"#,
        #"{"error":"text"}"#,
    ])
    func `An object that is no list is the only item`(_ text: String) throws {
        #expect(try page(text).isSingleton)
        #expect(try !page(text).isError)
        #expect(try items(text) == [text])
    }

    @Test func `An object wrapped in value is unwrapped`() throws {
        let text = #"{"@odata.context":"c","value":{"id":"1","credentials":[]}}"#
        #expect(try items(text) == [#"{"id":"1","credentials":[]}"#])
        #expect(try page(text).isSingleton)
    }

    @Test func `The code of an error is the innermost one, in both spellings`() throws {
        let outer = try page(#"{"error":{"code":"Request_UnsupportedQuery","message":"m","innerError":{"date":"d"}}}"#)
        #expect(outer.isError)
        #expect(outer.errorCode == "Request_UnsupportedQuery")
        #expect(outer.items.isEmpty)
        for name in ["innerError", "innererror"] {
            let text =
                #"{"error":{"\#(name)":{"code":"b","\#(name)":{"code":"c"}},"code":"a","details":[{"code":"no"}]}}"#
            #expect(try page(text).errorCodes == ["a", "b", "c"])
        }
        let empty = try page(#"{"error":{"@odata.type":"odata.error"}}"#)
        #expect(empty.isError)
        #expect(empty.errorCode == nil)
    }

    @Test func `A body that is cut short or damaged is refused`() {
        let whole = Array(#"{"@odata.nextLink":"n","value":[{"id":"1","a":[1,{"b":"\u00e9"}]},{"id":"2"}]}"#.utf8)
        for count in 0..<whole.count { #expect(throws: JSONSyntaxError.self) { try GraphPage(Array(whole[..<count])) } }
        for text in [
            "[]", "[{}]", "null", #"{"value":[]} x"#, #"{"value":[],"value":[]}"#, #"{"@odata.nextLink":1}"#,
            #"{"@odata.nextLink":"a","@odata.nextLink":"b","value":[]}"#, "<html></html>",
        ] {
            #expect(throws: JSONSyntaxError.self) { try page(text) }
        }
    }
}

@Suite("GraphPage: links") struct GraphPageLinkTests {
    private let first = "693acd06-2877-4339-8ade-b704261fe7a0"
    private let second = "49320844-be99-4164-8167-87ff5d047ace"

    private func targets(_ text: String) throws -> [LinkTarget] {
        let bytes = Array(text.utf8)
        return try LinkTarget.targets(bytes, 0..<bytes.count)
    }

    @Test func `Members of a delta page, gone ones among them`() throws {
        let found = try targets(
            """
            [{"@odata.type":"#microsoft.graph.user","id":"\(first)"},
             {"id":"\(second)","@removed":{"reason":"deleted"},"@odata.type":"#microsoft.graph.user"},
             {"id":"632f6bb2-3ec8-4c1f-9073-0027a8c6859","displayName":{"x":[1]}}]
            """)
        #expect(
            found == [
                LinkTarget(key: ObjectKey(first), odataType: "#microsoft.graph.user"),
                LinkTarget(key: ObjectKey(second), odataType: "#microsoft.graph.user", isRemoved: true),
                LinkTarget(key: nil, otherID: "632f6bb2-3ec8-4c1f-9073-0027a8c6859"),
            ])
        #expect(found.map(\.id) == [first, second, "632f6bb2-3ec8-4c1f-9073-0027a8c6859"])
    }

    @Test func `One object, null and an empty list`() throws {
        #expect(try targets(#" {"id":"\#(first)"} "#).map(\.id) == [first])
        #expect(try targets("null").isEmpty)
        #expect(try targets("[ ]").isEmpty)
    }

    @Test func `A page of its own`() throws {
        let bytes = Array(#"{"value":[{"id":"\#(first)"},{"id":"b"}]}"#.utf8)
        #expect(try LinkTarget.targets(bytes, GraphPage(bytes).items).map(\.id) == [first, "b"])
    }

    @Test(arguments: [
        #"[{"@odata.type":"x"}]"#, "{}", "[1]", "1", "true", #"[{"id":7}]"#, #"[{"id":"a","id":"b"}]"#, "[", "",
    ])
    func `A link without a target is an error`(_ text: String) {
        #expect(throws: JSONSyntaxError.self) { try targets(text) }
    }
}
