import BackupContracts
import BackupModel
import Foundation
import Testing

@testable import AdminCommands

/// Values that people type.
@Suite struct CheckTests {
    private func code(_ body: () throws -> Void) -> String? {
        do {
            try body()
            return nil
        } catch {
            return (error as? CommandFailure)?.code
        }
    }

    @Test func `names are trimmed, and of a bounded length`() throws {
        #expect(try Check.name("  Contoso  ") == "Contoso")
        #expect(try Check.name(String(repeating: "x", count: 200)).count == 200)
        for wrong in ["", "   ", "a\nb", String(repeating: "x", count: 201)] {
            #expect(code { _ = try Check.name(wrong) } == "nameInvalid", "\(wrong)")
        }
        do {
            _ = try Check.name("", "--first-name")
            Issue.record("an empty name was taken")
        } catch let failure as CommandFailure {
            #expect(failure.exitCode == 2)
            #expect(failure.message.contains("--first-name"))
        }
    }

    @Test func `currencies and countries are those of ISO 4217 and 3166, in any case`() throws {
        #expect(try Check.currency("eur") == "EUR")
        #expect(try Check.country("de") == "DE")
        for wrong in ["EUX", "EURO", "", "€"] { #expect(code { _ = try Check.currency(wrong) } == "currencyUnknown") }
        for wrong in ["XX", "Germany", "", "D"] { #expect(code { _ = try Check.country(wrong) } == "countryUnknown") }
    }

    @Test func `e-mail addresses have one part before and a domain after the sign`() throws {
        #expect(try Check.email("a.b+c@mail.example") == "a.b+c@mail.example")
        for wrong in ["a", "a@b", "@b.example", "a@@b.example", "a b@c.example", ""] {
            #expect(code { _ = try Check.email(wrong) } == "emailInvalid", "\(wrong)")
        }
    }

    @Test func `a malformed id is named by what it is`() {
        #expect(code { _ = try Check.guid("1234", "deadLetterId") } == "deadLetterIdMalformed")
        do {
            _ = try Check.guid("1234", "deadLetterId")
        } catch {
            #expect("\(error)" == "The dead letter id 1234 is no GUID.")
        }
    }

    @Test func `plain http is for loopback addresses only, and a token goes to no path`() throws {
        #expect(try Check.serviceURL("https://graph.microsoft.com/", "graph-url") == "https://graph.microsoft.com")
        for loopback in ["http://127.0.0.1:80", "http://localhost", "http://[::1]:8080"] {
            #expect(try Check.serviceURL(loopback, "graph-url") == loopback)
        }
        for open in ["http://graph.example", "http://127.0.0.1.example", "ftp://localhost", "http://10.0.0.1"] {
            #expect(code { _ = try Check.serviceURL(open, "graph-url") } == "urlNotSecure", "\(open)")
        }
        for wrong in [
            "graph.example", "https://", "https://a.example/v1.0", "https://u@a.example", "https://a.example?x=1",
        ] {
            #expect(code { _ = try Check.serviceURL(wrong, "graph-url") } == "urlMalformed", "\(wrong)")
        }
    }

    @Test func `copies of stages are read, and a stage that is none is named`() throws {
        #expect(try StackPlan.workers("") == [:])
        #expect(try StackPlan.workers("fetcher=2,differ=0") == ["fetcher": 2, "differ": 0])
        for wrong in ["fetcher", "fetcher=", "fetcher=65", "fetcher=-1", "fetcher=1=2", "=1x"] {
            #expect(code { _ = try StackPlan.workers(wrong) } == "workersMalformed", "\(wrong)")
        }
        #expect(code { _ = try StackPlan.workers("cook=1") } == "stageUnknown")
    }

    @Test func `object types are read from lists, and a near name is proposed`() throws {
        #expect(try TypeNames.parse("user, group") == ["user", "group"])
        #expect(code { _ = try TypeNames.parse(",") } == "typesEmpty")
        do {
            _ = try TypeNames.parse("user,audit")
            Issue.record("an unknown type was taken")
        } catch {
            #expect("\(error)".contains("directoryAudit"))
        }
    }

    @Test func `a secret is the file's text without the line end`() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "secret-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        func file(_ name: String, _ bytes: [UInt8]) throws -> String {
            let url = folder.appending(path: name)
            try Data(bytes).write(to: url)
            return url.path
        }
        #expect(try SecretFile.read(file("good", Array("s3cret \r\n".utf8))) == "s3cret")
        let empty = try file("empty", Array(" \n".utf8)), binary = try file("binary", [0xFF, 0xFE])
        #expect(code { _ = try SecretFile.read(empty) } == "fileEmpty")
        #expect(code { _ = try SecretFile.read(binary) } == "fileNotText")
        #expect(code { _ = try SecretFile.read(folder.path) } == "fileUnreadable")
        #expect(code { _ = try SecretFile.read(folder.path + "/missing") } == "fileUnreadable")
    }

    @Test func `every named failure has an exit code, a hint and a runbook that is there`() {
        let runbooks = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "runbooks").path
        let away: Set<FailureCode> = [
            .databaseUnreachable, .brokerUnreachable, .graphUnreachable, .graphThrottled, .graphServerError,
        ]
        for code in FailureCode.all {
            let failure = CommandFailure(StageFailure(code, "Something happened."))
            #expect(failure.exitCode == (away.contains(code) ? 7 : 1), "\(code)")
            #expect(failure.code == code.name)
            #expect(!failure.hint.isEmpty, "\(code)")
            if let runbook = failure.runbook {
                #expect(FileManager.default.fileExists(atPath: "\(runbooks)/\(runbook).md"), "\(code)")
            }
            #expect(failure.json["error"]?.object?.names.sorted() == ["code", "hint", "message", "runbook"])
        }
    }
}
