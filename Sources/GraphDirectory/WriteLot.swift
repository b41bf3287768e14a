import BackupContracts
import BackupModel
import NIOHTTP1

/// A write with its place among the answers.
struct WriteItem: Sendable {
    let index: Int
    let write: DirectoryWrite

    var headers: [String: String] {
        var headers = ["Accept": "application/json"]
        if write.body != nil { headers["Content-Type"] = "application/json" }
        // Never with POST: the new object's id is needed.
        if write.method == .patch || write.method == .put { headers["Prefer"] = "return=minimal" }
        for (name, value) in write.headers where !["authorization", "host"].contains(name.lowercased()) {
            headers[headers.keys.first { $0.lowercased() == name.lowercased() } ?? name] = value
        }
        return headers
    }

    var path: String { ServiceURL.encoded(write.target) }
}

/// Writes that are sent together, of one version and scope.
struct WriteLot: Sendable {
    let version: String
    let scope: ThrottleScope
    private(set) var items: [WriteItem]

    /// Lots in the order of the first write of each; writes that cannot be sent are in none.
    static func lots(_ writes: [DirectoryWrite]) -> [WriteLot] {
        var lots: [WriteLot] = []
        var open: [String: Int] = [:]
        for (index, write) in writes.enumerated() where write.isOfGraph {
            let item = WriteItem(index: index, write: write)
            let key = "\(write.version) \(write.scope.rawValue)"
            if let place = open[key], lots[place].items.count < limit(write.scope) {
                lots[place].items.append(item)
            } else {
                open[key] = lots.count
                lots.append(WriteLot(version: write.version, scope: write.scope, items: [item]))
            }
        }
        return lots
    }

    /// A lot must not be dearer than what the shared budget has at a time, else most of it would be refused.
    private static func limit(_ scope: ThrottleScope) -> Int {
        switch scope {
        case .conditionalAccess, .reports: 1
        case .intune, .intuneWrites: BudgetSlices.size(.intuneWrites)
        case .identity, .identityWrites, .none: BatchBody.limit
        }
    }

    /// The shared budgets that a write draws one unit from, its own first.
    var budgets: [ThrottleScope] {
        switch scope {
        case .identity, .identityWrites: [.identityWrites, .identity]
        case .intune, .intuneWrites: [.intuneWrites, .intune]
        case .conditionalAccess, .reports, .none: [scope]
        }
    }

    /// Limits of a request a second would refuse most of a batch: such writes go by themselves.
    private var isBatch: Bool { Self.limit(scope) > 1 }

    func call(_ pending: [WriteItem], _ endpoints: GraphEndpoints) -> GraphCall {
        let root = "\(endpoints.graph.text)/\(version)"
        if !isBatch, let item = pending.first {
            return GraphCall(
                method: HTTPMethod(rawValue: item.write.method.rawValue), url: root + item.path,
                label: label(item), headers: item.headers, body: item.write.body, scope: scope, units: 1)
        }
        let items = pending.enumerated().map { place, item in
            BatchBody.Item(
                id: "\(place + 1)", method: item.write.method.rawValue, url: item.path, headers: item.headers,
                body: item.write.body)
        }
        return GraphCall(
            method: .POST, url: "\(root)/$batch", label: "POST /\(version)/$batch",
            headers: ["Content-Type": "application/json", "Accept": "application/json"],
            body: BatchBody.encode(items), scope: scope, units: pending.count)
    }

    /// A write for messages.
    func label(_ item: WriteItem) -> String {
        GraphEndpoints.label(item.write.method.rawValue, version, item.path)
    }

    /// The answers of a reply, in the order of what was sent; nil for what it does not answer.
    func answers(_ reply: HTTPReply, _ sent: Int) -> [BatchBody.Answer?] {
        let isSuccess = (200..<300).contains(reply.status)
        if isBatch, isSuccess {
            let found = reply.status == 200 ? BatchBody.answers(reply.body) ?? [] : []
            let byID = Dictionary(found.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
            return (0..<sent).map { byID["\($0 + 1)"] }
        }
        // A body that is no JSON tells nothing of what was made.
        let isWhole = reply.body.isEmpty || JSONScan.members(reply.body) != nil
        guard !isSuccess || isWhole else { return [BatchBody.Answer?](repeating: nil, count: sent) }
        var headers: [String: String] = [:]
        for (name, value) in reply.headers { headers[name.lowercased()] = value }
        let answer = BatchBody.Answer(id: "", status: reply.status, headers: headers, body: reply.body)
        return [BatchBody.Answer?](repeating: answer, count: sent)
    }
}
