/// What became of the files of a folder of exported policies.
public struct PolicyLoadReport: Sendable, CustomStringConvertible {
    /// Objects by type.
    public internal(set) var counts: [String: Int] = [:]
    /// What was not taken, and why.
    public internal(set) var skipped: [(file: String, reason: String)] = []

    public var description: String {
        var lines = counts.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }
        for (file, reason) in skipped { lines.append("not taken: \(file): \(reason)") }
        return lines.joined(separator: "\n")
    }
}

extension SimulatedTenant {
    /// Takes in policies that were exported from real tenants as JSON files, at any depth of a folder.
    public func loadPolicies(folder: String) throws -> PolicyLoadReport {
        throw SimulatorError(message: "not yet")
    }
}
