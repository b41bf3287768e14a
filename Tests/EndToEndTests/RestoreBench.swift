import BackupModel
import Foundation
import Testing

/// A tenant for tests of what an operator types: people and groups that may be changed, and commands that are refused.
final class RestoreBench {
    let installation: TestInstallation
    let writer: TenantWriter
    /// Members that live in the cloud and may be changed, sorted by id.
    let people: [String]
    private let documents: [String: JSONValue]

    /// An error as scripts get it.
    struct Refusal {
        var status: Int32
        var code: String
        var message: String
        var hint: String
        var runbook: String?
    }

    init(_ installation: TestInstallation) throws {
        self.installation = installation
        writer = try TenantWriter(installation)
        var documents: [String: JSONValue] = [:]
        for line in try installation.control("GET", "truth/user").split(separator: "\n") {
            let document = try JSONValue(parsing: Array(line.utf8))
            documents[document["id"]?.string ?? ""] = document
        }
        self.documents = documents
        people = documents.keys.sorted().filter { id in
            let attributes = documents[id]?["attributes"]
            return attributes?["onPremisesSyncEnabled"]?.bool != true && attributes?["userType"]?.string == "Member"
                && attributes?["isManagementRestricted"]?.bool != true
                && attributes?["accountEnabled"]?.bool == true && attributes?["jobTitle"]?.string != nil
                && attributes?["department"]?.string != nil
        }
        try #require(people.count > 12)
    }

    /// What a person had at the start.
    func attribute(_ id: String, _ name: String) -> JSONValue? { documents[id]?["attributes"]?[name] }

    // MARK: Changes by somebody else

    func change(_ user: String, _ body: JSONValue) throws {
        let answer = try writer.send("PATCH", "/v1.0/users/\(user)", body)
        try #require(answer.isDone, "\(answer.refusal)")
    }

    /// - Returns: the new object's id.
    func make(_ path: String, _ body: JSONValue) throws -> String {
        let answer = try writer.send("POST", path, body)
        try #require(answer.isDone, "\(path): \(answer.refusal)")
        return try #require(answer.json?["id"]?.string)
    }

    func makeGroup(_ name: String, members: [String] = []) throws -> String {
        let group = try make(
            "/v1.0/groups",
            [
                "displayName": .string(name), "mailNickname": .string(name), "mailEnabled": false,
                "securityEnabled": true, "description": "For a test",
            ])
        for member in members { try addMember(member, to: group) }
        return group
    }

    func addMember(_ member: String, to group: String) throws {
        let answer = try writer.send(
            "POST", "/v1.0/groups/\(group)/members/$ref",
            ["@odata.id": .string("\(writer.url)/v1.0/directoryObjects/\(member)")])
        try #require(answer.isDone, "\(answer.refusal)")
    }

    func removeMember(_ member: String, from group: String) throws {
        try #require(try writer.send("DELETE", "/v1.0/groups/\(group)/members/\(member)/$ref").isDone)
    }

    /// Deletes a user or group, for good when `purges`.
    func delete(_ path: String, purges: Bool = false) throws {
        let answer = try writer.send("DELETE", path)
        try #require(answer.isDone, "\(path): \(answer.refusal)")
        guard purges, let id = path.split(separator: "/").last else { return }
        try #require(try writer.send("DELETE", "/v1.0/directory/deletedItems/\(id)").isDone)
    }

    /// The object as Graph has it; nil when it is gone.
    func live(_ path: String) throws -> JSONValue? {
        let answer = try writer.send("GET", path)
        return answer.isDone ? answer.json : nil
    }

    /// A backup of some types.
    @discardableResult
    func backUp(_ types: String) throws -> Int {
        try #require(try installation.backUp(["--types", types])["snapshot"]?.int)
    }

    // MARK: Commands

    func plan(_ snapshot: Int, _ arguments: String...) throws -> RestoreRun {
        try RestoreRun(installation, to: snapshot, arguments)
    }

    /// A plan of some other source than a snapshot's number.
    func planned(_ arguments: [String]) throws -> JSONValue {
        let shown = try installation.command(["restore", "plan", installation.tenant] + arguments)
        return try #require(shown["plan"])
    }

    /// Runs a command that must be refused, for scripts and for people.
    func refused(_ arguments: [String]) throws -> Refusal {
        let script = try Programs.run("entra-backup", arguments + ["--json"], environment: installation.environment)
        #expect(script.status != 0 && script.output.isEmpty, "\(arguments): \(script.output)")
        let error = try JSONValue(parsing: Array(script.errors.utf8))["error"]
        let refusal = Refusal(
            status: script.status, code: error?["code"]?.string ?? "", message: error?["message"]?.string ?? "",
            hint: error?["hint"]?.string ?? "", runbook: error?["runbook"]?.string)
        #expect(!refusal.hint.isEmpty, "\(arguments)")
        return refusal
    }

    /// Applies a plan without waiting.
    func start(_ run: RestoreRun) throws -> JSONValue {
        try #require(try installation.command(["restore", "apply", run.id])["job"])
    }

    func job(_ id: JSONValue?) throws -> JSONValue {
        try #require(try installation.command(["job", "show", id?.string ?? ""])["job"])
    }

    func show(_ id: JSONValue?) throws -> JSONValue {
        try installation.command(["restore", "show", id?.string ?? ""])
    }

    func awaitEnd(_ id: JSONValue?) throws -> JSONValue {
        let final: Set<String> = ["succeeded", "succeededWithWarnings", "failed", "cancelled"]
        try installation.eventually("the job \(id?.string ?? "") ends", seconds: 90) {
            final.contains(try self.job(id)["state"]?.string ?? "")
        }
        return try job(id)
    }

    // MARK: The restorer

    /// The process of the stack's only restorer.
    func restorer() throws -> Int32 { try #require(try runningRestorer()) }

    /// Nil while it is started again; the stack is not ready then.
    func runningRestorer() throws -> Int32? {
        let status = try installation.command(
            ["stack", "status", "--data-dir", installation.data], allowing: [0, 7])
        let process = status["processes"]?.array?.first {
            $0["name"]?.string == "restorer" && $0["state"]?.string == "running"
        }
        return (process?["pid"]?.int).map { Int32($0) }
    }

    /// Has the restorer stand still during `body`.
    func halted(_ body: () throws -> Void) throws {
        let process = try restorer()
        kill(process, SIGSTOP)
        defer { kill(process, SIGCONT) }
        try body()
    }

    /// What the application that writes may do in tokens that it gets from now on.
    func permissions(_ verb: String, _ names: [String]) throws {
        let list = names.map { "\"\($0)\"" }.joined(separator: ",")
        try installation.control("POST", "permissions", body: "{\"client\":1,\"\(verb)\":[\(list)]}")
    }
}

extension RestoreRun {
    /// Ids of the objects that steps are about.
    var ids: Set<String> { Set(steps.compactMap { $0["id"]?.string }) }

    var codes: [String] { conflicts.compactMap { $0["code"]?.string } }
}

extension JSONValue {
    /// Paths of the attributes that a step writes, sorted.
    var paths: [String] { (self["writes"]?.array ?? []).compactMap { $0["path"]?.string }.sorted() }
}
