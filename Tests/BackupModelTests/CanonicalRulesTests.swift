import BackupModel
import Testing

@Suite("Canonical: rules") struct CanonicalRulesTests {
    let guid = "ffff7b1a-13b6-477b-8c0c-380905cd99f7"

    @Test func `Annotations go, types below the top level stay`() throws {
        let text = #"""
            {"@odata.context":"c","@odata.type":"#microsoft.graph.user","@odata.etag":"e","@microsoft.graph.tips":"t",
             "photo@odata.mediaReadLink":"l","created@odata.type":"#DateTimeOffset","manager@delta":[],
             "a":{"@odata.type":"#x","@odata.id":"i","b@odata.type":"#Int32","b":1,"c@odata.context":"c"},
             "list":[{"@odata.type":"#y","@odata.etag":"e"}], "me@home.example":1, "x@":2}
            """#
        let item = try canonicalItem(text)
        #expect(
            String(decoding: item.attributes, as: UTF8.self)
                == ##"{"a":{"@odata.type":"#x","b":1},"list":[{"@odata.type":"#y"}],"me@home.example":1,"x@":2}"##)
        #expect(item.odataType == "#microsoft.graph.user")
        #expect(item.attributeCount == 4)
        let kept = try canonicalItem(text, CanonicalRules(keepsObjectType: true))
        #expect(
            String(decoding: kept.attributes, as: UTF8.self).hasPrefix(
                ##"{"@odata.type":"#microsoft.graph.user","a":"##))
        #expect(kept.attributeCount == 4)
    }

    @Test func `Types of custom security attributes stay at every depth`() throws {
        let text = #"""
            {"customSecurityAttributes":{"Engineering":{"@odata.type":"#Value",
            "Project@odata.type":"#Collection(String)","Project":["Cascade","Baker"],"Project@odata.context":"c"}}}
            """#
        #expect(
            try canonicalText(text)
                == ##"{"customSecurityAttributes":{"Engineering":{"@odata.type":"#Value","##
                + ##""Project":["Baker","Cascade"],"Project@odata.type":"#Collection(String)"}}}"##)
        #expect(try !canonicalText(text, CanonicalRules(keptAnnotationsUnder: [])).contains("Project@odata.type"))
    }

    @Test func `Dropped and captured names count at the top level only`() throws {
        let rules = CanonicalRules(
            droppedAttributes: ["signInActivity", "memberOf"], captured: ["owners", "members@delta"])
        let text =
            #"{"owners":[{"id":"a"}],"signInActivity":{"x":1},"n":{"owners":1,"signInActivity":2},"members@delta":[]}"#
        let item = try canonicalItem(text, rules)
        #expect(String(decoding: item.attributes, as: UTF8.self) == #"{"n":{"owners":1,"signInActivity":2}}"#)
        #expect(item.attributeCount == 1)
        #expect(item.captured.map(\.index) == [0, 1])
        let bytes = Array(text.utf8)
        #expect(item.captured.map { String(decoding: bytes[$0.range], as: UTF8.self) } == [#"[{"id":"a"}]"#, "[]"])
    }

    @Test func `A name written with escapes is the same name`() throws {
        let rules = CanonicalRules(droppedAttributes: ["signIn"], captured: ["owners"])
        let item = try canonicalItem(
            #"{"\u0069d":"\#(guid)","sign\u0049n":1,"owner\u0073":[],"\u0040odata.type":"t","#
                + #""a\u0062":{"\u0040odata.id":1}}"#,
            rules)
        #expect(String(decoding: item.attributes, as: UTF8.self) == #"{"ab":{}}"#)
        #expect(item.id == guid)
        #expect(item.odataType == "t")
        #expect(item.captured.count == 1)
    }

    @Test func `A list that was cut short is marked`() throws {
        let rules = CanonicalRules(captured: ["settings", "assignments"])
        let item = try canonicalItem(
            #"{"settings@odata.nextLink":"l","settings":[1],"assignments":[2],"other@odata.nextLink":"l"}"#, rules)
        #expect(item.captured.map(\.isTruncated) == [true, false])
        #expect(item.attributeCount == 0)
    }

    @Test func `A GUID is the key and no attribute, any other id stays one`() throws {
        let item = try canonicalItem(#"{"id":"\#(guid.uppercased())","a":1}"#)
        #expect(item.key == ObjectKey(guid))
        #expect(item.otherID == nil)
        #expect(item.id == guid)
        #expect(String(decoding: item.attributes, as: UTF8.self) == #"{"a":1}"#)
        let domain = try canonicalItem(#"{"isDefault":true,"id":"contoso.example"}"#)
        #expect(domain.key == nil)
        #expect(domain.id == "contoso.example")
        #expect(domain.attributeCount == 1)
        #expect(String(decoding: domain.attributes, as: UTF8.self) == #"{"id":"contoso.example","isDefault":true}"#)
        #expect(try canonicalItem(#"{"id":null,"a":1}"#).id == nil)
        #expect(try canonicalText(#"{"id":null,"a":1}"#) == #"{"a":1}"#)
        #expect(throws: JSONSyntaxError.self) { try canonicalItem(#"{"id":7}"#) }
    }

    @Test func `An id of another name stays an attribute`() throws {
        let item = try canonicalItem(#"{"tenantId":"\#(guid)","a":1}"#, CanonicalRules(idAttribute: "tenantId"))
        #expect(item.id == guid)
        #expect(String(decoding: item.attributes, as: UTF8.self) == #"{"a":1,"tenantId":"\#(guid)"}"#)
    }

    @Test func `A removed item tells its reason and no attributes`() throws {
        let soft = try canonicalItem(#"{"id":"\#(guid)","@removed":{"reason":"changed"}}"#)
        #expect(soft.removed == .changed)
        #expect(soft.attributeCount == 0)
        #expect(soft.attributes == Array("{}".utf8))
        #expect(try canonicalItem(#"{"@removed":{"reason":"deleted"},"id":"x"}"#).removed == .deleted)
        #expect(try canonicalItem(#"{"@removed":{"reason":"unheard"},"id":"x"}"#).removed == .changed)
        #expect(try canonicalItem(#"{"@removed":{},"id":"x"}"#).removed == .changed)
        #expect(try canonicalItem(#"{"id":"x"}"#).removed == nil)
    }

    @Test func `An item with only an id and links says nothing of attributes`() throws {
        let item = try canonicalItem(
            #"{"id":"\#(guid)","members@delta":[{"id":"a"}]}"#, CanonicalRules(captured: ["members@delta"]))
        #expect(item.attributeCount == 0)
        #expect(item.captured.count == 1)
    }

    @Test func `Words are read when they are asked for`() throws {
        let text =
            #"{"displayName":"Zo\u00eb","mail":null,"userPrincipalName":"zoe@contoso.example","n":{"mail":"no"}}"#
        #expect(try canonicalItem(text).words == nil)
        let item = try canonicalItem(text, CanonicalRules(readsWords: true))
        #expect(item.words == SearchWords(displayName: "Zoë", userPrincipalName: "zoe@contoso.example", mail: nil))
        #expect(item.attributes == (try canonicalItem(text).attributes))
    }

    @Test func `A name twice is an error, dropped or not`() {
        let rules = CanonicalRules(droppedAttributes: ["v"], captured: ["owners"])
        for text in [
            #"{"id":"a","id":"a"}"#, #"{"v":1,"b":2,"v":3}"#, #"{"owners":[],"owners":[]}"#, #"{"@x":1,"a":1,"@x":1}"#,
            #"{"id":"\#(guid)","id":"x"}"#, #"{"id":null,"id":"x"}"#, #"{"@removed":{},"@removed":{}}"#,
            #"{"a":{"@x":1,"@x":2}}"#, #"{"b":1,"a":1,"b":1}"#,
        ] {
            #expect { try canonicalItem(text, rules) } throws: { ($0 as? JSONSyntaxError)?.what == .duplicateKey }
        }
    }

    @Test func `What is no object is refused`() {
        for text in ["[]", "1", "null", "\"a\""] {
            #expect { try canonicalItem(text) } throws: { ($0 as? JSONSyntaxError)?.what == .notAnObject }
        }
    }

    @Test func `Children keep id and type, are sorted as a set and lose dropped names`() throws {
        let text = #"""
            [{"settingInstance":{"@odata.type":"#b","v":[2,1]},"id":"1"},
             {"id":"0","@odata.type":"#s","@odata.etag":"e"},
             {"lastModifiedDateTime":"t","id":"\#(guid)"}]
            """#
        let bytes = Array(text.utf8)
        var canonicalizer = Canonicalizer()
        let rules = CanonicalRules(droppedAttributes: ["lastModifiedDateTime"])
        let children = try canonicalizer.canonicalChildren(bytes, 0..<bytes.count, rules)
        let expected = [
            ##"{"@odata.type":"#s","id":"0"}"##, ##"{"id":"1","settingInstance":{"@odata.type":"#b","v":[1,2]}}"##,
            #"{"id":"\#(guid)"}"#,
        ]
        #expect(String(decoding: children.bytes, as: UTF8.self) == "[\(expected.joined(separator: ","))]")
        #expect(children.count == 3)
        let one = Array(#"{"b":1,"a":2}"#.utf8)
        #expect(try canonicalizer.canonicalChildren(one, 0..<one.count, rules).bytes == Array(#"[{"a":2,"b":1}]"#.utf8))
        let none = Array(" null ".utf8)
        let empty = try canonicalizer.canonicalChildren(none, 0..<none.count, rules)
        #expect(empty == CanonicalChildren(bytes: Array("[]".utf8), count: 0))
    }

    @Test func `Ordered children keep their order`() throws {
        let bytes = Array(#"{"value":[{"b":1},{"a":1}]}"#.utf8)
        var canonicalizer = Canonicalizer()
        let items = try GraphPage(bytes).items
        let ordered = try canonicalizer.canonicalChildren(bytes, items, CanonicalRules(orderedArrays: true))
        #expect(String(decoding: ordered.bytes, as: UTF8.self) == #"[{"b":1},{"a":1}]"#)
        let set = try canonicalizer.canonicalChildren(bytes, items, CanonicalRules())
        #expect(String(decoding: set.bytes, as: UTF8.self) == #"[{"a":1},{"b":1}]"#)
    }
}
