import BackupModel
import Testing

@Suite("Id map") struct IDMapTests {
    private static let old = "11111111-2222-4333-8444-55555555abcd"
    private static let new = "99999999-8888-4777-8666-5555555500ff"
    private let map = IDMap([old: new])

    @Test(arguments: [
        (old, new), (old.uppercased(), new), ("api://\(old)/read", "api://\(new)/read"),
        ("/administrativeUnits/\(old)", "/administrativeUnits/\(new)"),
        ("user.memberof -any (group.objectId -in ['\(old)'])", "user.memberof -any (group.objectId -in ['\(new)'])"),
        ("\(old) \(old)", "\(new) \(new)"),
        (
            "extension_11111111222243338444\("55555555abcd")_costCenter",
            "extension_999999998888477786665555555500ff_costCenter"
        ),
        (
            "(user.extension_11111111222243338444\("55555555abcd")_x -eq \"1\")",
            "(user.extension_999999998888477786665555555500ff_x -eq \"1\")"
        ),
    ])
    func `Ids are replaced wherever they stand`(text: String, wanted: String) {
        #expect(map.rewriting(text) == wanted)
        #expect(map.rewriting(.object([text: .array([.string(text)])])) == .object([wanted: .array([.string(wanted)])]))
    }

    @Test(arguments: [
        "", "a", "11111111-2222-4333-8444-55555555abce", "f\(old)", "\(old)0", "11111111222243338444\("55555555abcd")",
        "extension_11111111222243338444\("55555555abcd")", "ü – 🙂", "11111111-2222-4333-8444-",
    ])
    func `What is not in the map stays`(text: String) {
        #expect(map.rewriting(text) == text)
        #expect(map[text] == text)
    }

    @Test func `Ids that change again are followed, in a circle too`() {
        var map = IDMap(["a": "b", "b": "c"])
        #expect(map["a"] == "c")
        map.add("c", "a")
        #expect(["a", "b", "c"].contains(map["a"]))
    }

    @Test func `Ids that are no GUIDs keep their case`() {
        let map = IDMap(["aBcD-1": "xYz-1"])
        #expect(map["aBcD-1"] == "xYz-1")
        #expect(map["abcd-1"] == "abcd-1")
    }

    @Test func `Numbers of scope tags are ids in their places only`() {
        let map = IDMap(["7": "8"])
        #expect(
            map.rewriting(["roleScopeTagIds": ["0", "7"], "value": "7"])
                == ["roleScopeTagIds": ["0", "8"], "value": "7"])
    }

    @Test func `Every id of a large text is replaced`() {
        let pairs = (0..<500).map { number -> (String, String) in
            let digits = String(number + 1000)
            return ("aaaaaaaa-0000-4000-8000-00000000\(digits)", "bbbbbbbb-0000-4000-8000-00000000\(digits)")
        }
        let map = IDMap(Dictionary(uniqueKeysWithValues: pairs))
        let text = pairs.map { "<\($0.0)>" }.joined()
        #expect(map.rewriting(text) == pairs.map { "<\($0.1)>" }.joined())
    }
}
