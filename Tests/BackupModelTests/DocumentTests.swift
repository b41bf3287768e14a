import BackupModel
import Testing

@Suite("Document") struct DocumentTests {
    let document = ObjectDocument(
        type: "group", id: "g", attributes: ["id": "g", "displayName": "Sales", "mail": .null],
        links: ["members": ["b", "a", "b"], "owners": []], children: ["settings": [["id": "1"]], "assignments": []])

    @Test func `Links are sorted and each once, the id is no attribute`() {
        #expect(document.links == ["members": ["a", "b"]])
        #expect(document.attributes.names == ["displayName", "mail"])
    }

    @Test func `The JSON is that of the contract`() throws {
        let digest = try #require(Digest(bytes: [UInt8](repeating: 0xAB, count: 32)))
        let stamp = VersionStamp(digest: digest, from: 3, to: nil, seenAt: "2026-01-02T03:04:05Z")
        let hex = String(repeating: "ab", count: 32)
        #expect(
            document.json(snapshot: 7, version: stamp).canonicalText
                == #"{"attributes":{"displayName":"Sales","mail":null},"#
                + #""children":{"assignments":[],"settings":[{"id":"1"}]},"id":"g","links":{"members":["a","b"]},"#
                + #""snapshot":7,"state":"present","type":"group","#
                + #""version":{"digest":"\#(hex)","from":3,"seenAt":"2026-01-02T03:04:05Z","to":null}}"#)
        var gone = document
        gone.state = .deleted
        #expect(gone.json(reason: "softDeleted")["state"] == "deleted")
        #expect(gone.json(reason: "softDeleted")["reason"] == "softDeleted")
        #expect(gone.json()["version"] == nil)
    }

    @Test func `A document reads back from its JSON`() {
        #expect(ObjectDocument(json: document.json(snapshot: 1)) == document)
        #expect(ObjectDocument(json: ["type": "user", "id": "u", "state": "present"]) == nil)
        #expect(ObjectDocument(json: ["type": "user", "id": "u", "state": "odd", "attributes": [:]]) == nil)
        #expect(
            ObjectDocument(json: [
                "type": "user", "id": "u", "state": "present", "attributes": [:], "links": ["m": [1]],
            ]) == nil)
        #expect(
            ObjectDocument(json: [
                "type": "user", "id": "u", "state": "present", "attributes": [:], "children": ["m": 1],
            ]) == nil)
        #expect(
            ObjectDocument(json: ["type": "user", "id": "u", "state": "deleted", "attributes": [:]])
                == ObjectDocument(type: "user", id: "u", state: .deleted))
    }

    @Test func `The display name falls back to the name, then to the id`() {
        #expect(document.displayName == "Sales")
        #expect(ObjectDocument(type: "t", id: "i", attributes: ["displayName": .null, "name": "N"]).displayName == "N")
        #expect(ObjectDocument(type: "t", id: "i", attributes: ["displayName": "", "name": 1]).displayName == "i")
    }
}
