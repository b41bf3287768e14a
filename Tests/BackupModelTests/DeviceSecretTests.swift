import BackupModel
import Foundation
import Testing

@Suite struct DeviceSecretTests {
    private func laps(_ passwords: [(text: String, at: String)]) throws -> DeviceSecret {
        let items = passwords.map { password -> JSONValue in
            let bytes = password.text.utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }
            return [
                "accountName": "Administrator", "accountSid": "S-1-5-21-1-500", "backupDateTime": .string(password.at),
                "passwordBase64": .string(Data(bytes).base64EncodedString()),
            ]
        }
        return try #require(DeviceSecret(.laps, answer: ["id": "x", "credentials": .array(items)]))
    }

    @Test func `a recovery key is read from the object, or from one that is wrapped`() {
        let answer: JSONValue = ["id": "1", "key": "111111-222222"]
        #expect(DeviceSecret(.bitlocker, answer: answer)?.key == "111111-222222")
        #expect(DeviceSecret(.bitlocker, answer: ["value": answer])?.key == "111111-222222")
        for none: JSONValue in [["id": "1"], ["key": ""], ["key": 7], [], "x"] {
            #expect(DeviceSecret(.bitlocker, answer: none) == nil)
        }
    }

    @Test func `passwords are UTF-16, newest first`() throws {
        let secret = try laps([("älter€😀", "2026-01-02T00:00:00Z"), ("neu", "2026-02-02T00:00:00Z")])
        #expect(secret.passwords.map(\.text) == ["neu", "älter€😀"])
        #expect(secret.passwords.map(\.account) == ["Administrator", "Administrator"])
        let damaged: JSONValue = ["credentials": [["passwordBase64": "%%%"], ["accountName": "A"]]]
        #expect(DeviceSecret(.laps, answer: damaged) == nil)
        #expect(DeviceSecret(.laps, answer: ["credentials": []]) == nil)
        #expect(DeviceSecret(.laps, answer: ["key": "111111-222222"]) == nil)
    }

    @Test(arguments: [
        ("2026-02-02T00:00:00Z", false), ("2026-02-02T00:00:00.1234567Z", false), ("2026-02-02T00:00:01Z", true),
        ("2026-02-01T23:59:59Z", false), ("2026-03-01T00:00:00Z", true),
    ])
    func `a password is outdated when the device handed in another since`(lastBackup: String, isOlder: Bool) throws {
        #expect(try laps([("x", "2026-02-02T00:00:00.5Z")]).isOlder(than: lastBackup) == isOlder)
        let key = try #require(DeviceSecret(.bitlocker, answer: ["key": "111111-222222"]))
        #expect(!key.isOlder(than: lastBackup))
    }

    @Test func `what Graph has forgotten is kept, once`() throws {
        var now = try laps([("c", "2026-03-01T00:00:00Z"), ("b", "2026-02-01T00:00:00Z")])
        now.add(try laps([("b", "2026-02-01T00:00:00Z"), ("a", "2026-01-01T00:00:00Z")]))
        #expect(now.passwords.map(\.text) == ["c", "b", "a"])
    }

    @Test func `it is printed by nothing that prints`() throws {
        let secret = try laps([("geheim", "2026-03-01T00:00:00Z")])
        let key = try #require(DeviceSecret(.bitlocker, answer: ["key": "111111-222222"]))
        let texts = ["\(secret)", String(reflecting: secret), "\(secret.passwords)", "\([key])", "\(key)"]
        for text in texts {
            #expect(!text.contains("geheim") && !text.contains("111111"))
        }
    }
}
