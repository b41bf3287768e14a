import ArgumentParser
import BackupModel
import Foundation
import Testing

@testable import AdminCommands

/// What restores, downloads and write access take from the command line.
@Suite struct RestoreArgumentTests {
    private func failure(_ body: () throws -> Void) -> CommandFailure? {
        do {
            try body()
            return nil
        } catch {
            return error as? CommandFailure
        }
    }

    private func text(_ command: String) -> String? {
        do {
            _ = try EntraBackup.parseAsRoot(command.split(separator: " ").map(String.init))
            return nil
        } catch {
            return EntraBackup.fullMessage(for: error)
        }
    }

    // MARK: Ids

    @Test func `ids of a list and of a file are read alike, with comments, each once`() throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "ids-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: file) }
        let guid = "0A000000-0000-0000-0000-00000000000B"
        func write(_ text: String) throws { try text.write(toFile: file, atomically: true, encoding: .utf8) }
        #expect(try IDList.read(nil, file: nil) == nil)
        #expect(try IDList.read(" b , a,,b ", file: nil) == ["b", "a"])
        try write("# people\r\n\(guid) # the first\r\n\n  contoso.example\n\(guid.lowercased())")
        #expect(try IDList.read(nil, file: file) == [guid.lowercased(), "contoso.example"])
        #expect(try IDList.read("a,\(guid)", file: file) == ["a", guid.lowercased(), "contoso.example"])

        #expect(failure { _ = try IDList.read(",", file: nil) }?.exitCode == 2)
        try write("# nobody\n   # at all")
        let empty = try #require(failure { _ = try IDList.read("a", file: file) })
        #expect(empty.exitCode == 1 && empty.code == "idsEmpty" && empty.message.contains(file))
        try write("")
        #expect(failure { _ = try IDList.read(nil, file: file) }?.hint.contains("one id a line") == true)
    }

    // MARK: Scope

    @Test func `the scope of a restore is read, and what no restore can be is named`() throws {
        func options(_ arguments: String) throws -> RestoreOptions {
            try RestoreScope.parse(arguments.split(separator: " ").map(String.init)).options()
        }
        let usual = try options("")
        #expect(usual == RestoreOptions())
        let whole = try options("--links rollback --attributes-mode overwrite --new-objects delete --with-references")
        #expect(whole.linksMode == .rollback && whole.attributesMode == .overwrite && whole.newObjects == .delete)
        #expect(whole.withReferences && whole.links == nil)
        let chosen = try options("--types user,group --links members,owners --attributes jobTitle,department")
        #expect(chosen.links == ["members", "owners"] && chosen.linksMode == .merge)
        #expect(chosen.attributes == ["jobTitle", "department"] && chosen.types == ["user", "group"])
        #expect(try options("--map-domain A.example=b.example").domains == ["a.example": "b.example"])
        for (arguments, code) in [
            ("--links friends", "relationshipUnknown"), ("--types directoryAudit", "typeNotRestorable"),
            ("--types unicorn", "typeUnknown"), ("--map-domain a.example", "domainMapMalformed"),
            ("--map-domain a@b.example=c.example", "domainMapMalformed"),
        ] {
            let found = try #require(failure { _ = try options(arguments) }, "\(arguments)")
            #expect(found.code == code && found.exitCode == 2, "\(arguments)")
        }
    }

    @Test func `a range of snapshots has two ends, and only the second may be now`() {
        #expect(DiffRange(argument: "3..7")?.from == 3)
        #expect(DiffRange(argument: "3..7")?.to.number == 7)
        #expect(DiffRange(argument: "7..live")?.to == .live)
        for wrong in ["3", "3..", "..3", "0..3", "3..0", "live..3", "3...7", "a..b", "1..2..3"] {
            #expect(DiffRange(argument: wrong) == nil, "\(wrong)")
        }
    }

    @Test func `a plan needs one source, and what excludes each other is said`() {
        for (command, says) in [
            ("restore plan T", "--snapshot, --from-diff or --archive"),
            ("restore plan T --snapshot 0", "0 is no number"),
            ("restore plan T --snapshot 1 --archive A", "takes the place"),
            ("restore plan T --from-diff 1..2 --archive A", "takes the place"),
            ("restore plan T --archive A --new-objects delete", "keeps new objects"),
            ("restore plan T --from-diff 1..2 --ids-file F", "exclude each other"),
            ("restore plan T --snapshot 1 --map-domain a.b=c.d", "--into"),
        ] {
            #expect(text(command)?.contains(says) == true, "\(command): \(text(command) ?? "taken")")
        }
        for command in [
            "restore plan T --snapshot 1", "restore plan T --from-diff 1..live", "restore plan T --archive A",
            "restore plan T --snapshot 2 --from-diff 1..2", "restore apply P --wait --accept-lock-out",
            "restore undo J --dry-run", "restore cancel J",
        ] { #expect(text(command) == nil, "\(command)") }
    }

    // MARK: Write access

    @Test func `write access is added with one credential and removed without`() {
        let add = "tenant write-access T add"
        for (command, says) in [
            (add, "--client-id"), ("\(add) --client-id C", "--client-secret-file"),
            ("\(add) --client-secret-file F", "--client-id"),
            ("\(add) --client-id C --client-secret-file F --client-certificate-file G", "either"),
            ("tenant write-access T remove --client-id C", "takes no credential"),
            ("tenant write-access T remove --client-certificate-file G", "takes no credential"),
            ("tenant write-access T lend", "lend"),
        ] {
            #expect(text(command)?.contains(says) == true, "\(command): \(text(command) ?? "taken")")
        }
        for command in [
            "\(add) --client-id C --client-secret-file F", "\(add) --client-id C --client-certificate-file F",
            "tenant write-access T remove",
        ] { #expect(text(command) == nil, "\(command)") }
    }

    // MARK: Texts

    @Test func `conflicts of the whole plan are told apart from parts that have no step`() {
        func conflict(_ code: String) -> RestoreConflict {
            RestoreConflict(code: code, type: "user", id: "i", message: "m-\(code)", hint: "h")
        }
        let tenant = TenantID(uuid: UUID())
        var plan = RestorePlan(
            tenant: tenant, source: tenant, snapshot: 1, liveSnapshot: 2, options: RestoreOptions(),
            steps: [
                RestoreStep(
                    number: 1, wave: 1, action: .update, type: "user", id: "i", displayName: "Ada", reason: "differs")
            ], conflicts: [conflict("groupIsDynamic")], todos: [])
        let plain = RestorePlanText(plan: plan).text(next: "NEXT")
        #expect(plain.contains("1 step, 1 conflict, 0 to-dos.") && plain.contains("Next: NEXT"))
        #expect(!plain.contains("WARNING") && plain.contains("CONFLICTS"))
        plan.conflicts = [conflict("lockOut")]
        let marked = RestorePlanText(plan: plan).text(next: "NEXT")
        #expect(marked.contains("WARNING") && marked.contains("m-lockOut") && !marked.contains("CONFLICTS"))
        #expect(marked.contains("--accept-lock-out"))
        plan.conflicts = (0..<60).map { conflict("c\($0)") }
        let long = RestorePlanText(plan: plan).text(next: "NEXT")
        #expect(long.contains("m-c39") && !long.contains("m-c40") && long.contains("and 20 more"))
    }
}
