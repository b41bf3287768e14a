import BackupModel
import Foundation
import Testing

/// Plans and restores of a simulated tenant, as an operator runs them.
struct RestoreRun {
    let installation: TestInstallation
    /// The plan as it was shown.
    let plan: JSONValue

    /// Plans a restore of a snapshot.
    init(_ installation: TestInstallation, to snapshot: Int, _ arguments: [String] = []) throws {
        self.installation = installation
        let shown = try installation.command(
            ["restore", "plan", installation.tenant, "--snapshot", String(snapshot)] + arguments)
        plan = try #require(shown["plan"])
    }

    var id: String { plan["id"]?.string ?? "" }
    var steps: [JSONValue] { plan["steps"]?.array ?? [] }
    var conflicts: [JSONValue] { plan["conflicts"]?.array ?? [] }
    var todos: [JSONValue] { plan["todos"]?.array ?? [] }

    /// Applies the plan, waits for the end and returns the job.
    @discardableResult
    func apply(_ arguments: [String] = [], allowing: Set<Int32> = [0, 3]) throws -> JSONValue {
        let document = try installation.command(
            ["restore", "apply", id, "--wait"] + arguments, allowing: allowing)
        return try #require(document["job"])
    }

    /// What `restore show` says of a job.
    static func shown(_ installation: TestInstallation, _ job: JSONValue) throws -> JSONValue {
        try installation.command(["restore", "show", try #require(job["id"]?.string)])
    }

    /// Steps that were not done, and what did not read back as written.
    static func problems(_ shown: JSONValue, _ plan: JSONValue) -> [String] {
        let steps = plan["steps"]?.array ?? []
        return (shown["results"]?.array ?? []).compactMap { result in
            let isFine = result["outcome"]?.string == "done" && result["verified"]?.bool == true
            guard !isFine else { return nil }
            let step = steps.first { $0["n"]?.int == result["n"]?.int }
            return """
                \(result["n"]?.int ?? 0) \(step?["action"]?.string ?? "") \(step?["type"]?.string ?? "") \
                \(step?["id"]?.string ?? ""): \(result["outcome"]?.string ?? "") \
                \(result["message"]?.string ?? "") \((result["differences"] ?? .null).canonicalText.prefix(300))
                """
        }
    }

    /// The steps about an object, with what came of them: what to look at when it is not as it was.
    static func steps(of id: String, _ shown: JSONValue, _ plan: JSONValue) -> [String] {
        let results = shown["results"]?.array ?? []
        return (plan["steps"]?.array ?? []).filter { $0["id"]?.string == id }.map { step in
            let result = results.first { $0["n"]?.int == step["n"]?.int }
            return "\(step.canonicalText) gave \((result ?? .null).canonicalText)"
        }
    }

    /// Codes by object of what a person has to do and of what stands in the way.
    static func said(_ documents: JSONValue?...) -> [String: Set<String>] {
        var said: [String: Set<String>] = [:]
        for document in documents {
            for item in (document?["todos"]?.array ?? []) + (document?["conflicts"]?.array ?? []) {
                guard let id = item["id"]?.string, let code = item["code"]?.string else { continue }
                said[id, default: []].insert(code)
            }
        }
        return said
    }
}
