import BackupContracts
import Foundation
import MailFolder
import Testing

/// Messages as files: whole, once, and named failures when the folder does not take them.
@Suite struct MailFolderTests {
    private func with(_ body: (String) async throws -> Void) async throws {
        let path = NSTemporaryDirectory() + "mail-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try await body(path)
    }

    private func names(_ path: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: path).sorted()
    }

    @Test func `a message is a file with its id, for its owner alone, and nothing else is left`() async throws {
        try await with { path in
            let mail = OutgoingMail(id: UUID(), message: "Subject: x\r\n\r\nGrüße\r\n")
            try await MailFolder(path: path + "/out/going").send(mail)
            let folder = path + "/out/going"
            #expect(try names(folder) == ["\(mail.id.uuidString.lowercased()).eml"])
            let file = "\(folder)/\(mail.id.uuidString.lowercased()).eml"
            #expect(try String(contentsOfFile: file, encoding: .utf8) == mail.message)
            let attributes = try FileManager.default.attributesOfItem(atPath: file)
            #expect(attributes[.posixPermissions] as? Int == 0o600)
        }
    }

    @Test func `a message that is handed over again is the same one, also by many at once`() async throws {
        try await with { path in
            // Many times: whoever is late must meet each moment of the one before.
            for round in 1...100 {
                let mail = OutgoingMail(id: UUID(), message: String(repeating: "line\r\n", count: 10_000))
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<8 { group.addTask { try await MailFolder(path: path).send(mail) } }
                    try await group.waitForAll()
                }
                try await MailFolder(path: path).send(mail)
                #expect(try names(path).count == round)
                let file = "\(path)/\(mail.id.uuidString.lowercased()).eml"
                #expect(try String(contentsOfFile: file, encoding: .utf8) == mail.message)
            }
        }
    }

    @Test func `a folder that cannot be made is a named failure`() async throws {
        try await with { path in
            try Data("a file".utf8).write(to: URL(fileURLWithPath: path))
            let failure = await #expect(throws: StageFailure.self) {
                try await MailFolder(path: path + "/below").send(OutgoingMail(id: UUID(), message: "x"))
            }
            #expect(failure?.code == .mailNotHandedOver)
            #expect(failure?.code.rule.runbook == "mail-not-handed-over")
        }
    }
}
