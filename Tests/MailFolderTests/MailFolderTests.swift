import BackupContracts
import Foundation
import Synchronization
import Testing

@testable import MailFolder

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

    @Test func `a message whose name was not flushed is handed over only when it is`() async throws {
        try await with { path in
            let mail = OutgoingMail(id: UUID(), message: "x")
            let disk = Disk(failing: 2)
            let folder = MailFolder(path: path, flush: disk.flush)
            for _ in 0..<2 {
                let failure = await #expect(throws: StageFailure.self) { try await folder.send(mail) }
                #expect(failure?.code == .mailNotHandedOver)
                #expect(try names(path) == ["\(mail.id.uuidString.lowercased()).eml"], "the name is there, unflushed")
            }
            try await folder.send(mail)
            #expect(disk.flushed == 1)
            #expect(try names(path) == ["\(mail.id.uuidString.lowercased()).eml"])
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

/// A disk that cannot flush folders so many times.
private final class Disk: Sendable {
    private let state: Mutex<(failing: Int, flushed: Int)>

    init(failing: Int) { state = Mutex((failing, 0)) }

    /// Folders that were flushed.
    var flushed: Int { state.withLock { $0.flushed } }

    @Sendable func flush(_ descriptor: Int32) -> Int32 {
        var entry = stat()
        guard fstat(descriptor, &entry) == 0 else { return -1 }
        guard entry.st_mode & S_IFMT == S_IFDIR else { return fsync(descriptor) }
        return state.withLock { state in
            if state.failing > 0 {
                state.failing -= 1
                errno = EIO
                return -1
            }
            state.flushed += 1
            return fsync(descriptor)
        }
    }
}
