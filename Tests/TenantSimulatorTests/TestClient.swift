import NIOCore
import Synchronization

@testable import TenantSimulator

/// A client that talks to a tenant without HTTP: the same requests and answers, in-process.
struct TestClient {
    let tenant: SimulatedTenant
    var granted: Set<String>
    var headers = ["user-agent": "tests"]

    init(_ tenant: SimulatedTenant) {
        self.tenant = tenant
        granted = tenant.clients[0].permissions
    }

    static let base = "http://simulator"

    func send(_ method: String, _ url: String, body: String = "", headers more: [String: String] = [:]) -> (
        status: Int, headers: [String: String], body: SimulatedJSON
    ) {
        var target = url.hasPrefix(Self.base) ? String(url.dropFirst(Self.base.count)) : url
        var version = GraphRequest.Version.v1
        if target.hasPrefix("/beta") { version = .beta }
        target = String(target.dropFirst(version.rawValue.count + 1))
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let request = GraphRequest(
            method: method, version: version, path: GraphRequest.segments(parts[0]),
            query: GraphRequest.Query(parts.count > 1 ? String(parts[1]) : ""),
            headers: headers.merging(more) { $1 }, body: Array(body.utf8), base: Self.base, target: target)
        let caller = Caller(applicationID: "test", granted: granted)
        let answer = tenant.state.withLock { state in
            request.path.first == "$batch"
                ? state.batch(request, caller) : state.faulty(request, caller, transport: false).0
        }
        var fields: [String: String] = [:]
        for (name, value) in answer.headers { fields[name.lowercased()] = value }
        let text = answer.body.map { Array($0.readableBytesView) } ?? []
        let isText = fields["content-type"] == "text/plain"
        let value =
            isText
            ? SimulatedJSON.string(String(decoding: text, as: UTF8.self))
            : (try? SimulatedJSON.parse(text)) ?? .string("no JSON")
        return (answer.status, fields, text.isEmpty ? .null : value)
    }

    func get(_ url: String, headers: [String: String] = [:]) -> (
        status: Int, headers: [String: String], body: SimulatedJSON
    ) {
        send("GET", url, headers: headers)
    }

    /// Follows next links to the end.
    func walk(_ url: String) -> (items: [SimulatedJSON], pages: [[SimulatedJSON]], deltaLink: String?) {
        var pages: [[SimulatedJSON]] = []
        var next: String? = url
        var deltaLink: String?
        while let page = next, pages.count < 10_000 {
            let answer = get(page)
            guard answer.status == 200 else { return (pages.flatMap { $0 }, pages, "status \(answer.status)") }
            pages.append(answer.body["value"]?.items ?? [])
            next = answer.body["@odata.nextLink"]?.text
            deltaLink = answer.body["@odata.deltaLink"]?.text
        }
        return (pages.flatMap { $0 }, pages, deltaLink)
    }
}

/// What a client knows that follows delta answers.
struct Replica {
    private(set) var attributes: [String: [String: SimulatedJSON]] = [:]
    private(set) var links: [String: [String: Set<String>]] = [:]
    private(set) var removals: [String: String] = [:]

    mutating func apply(_ items: [SimulatedJSON]) {
        for item in items { apply(item) }
    }

    private mutating func apply(_ item: SimulatedJSON) {
        guard let id = item["id"]?.text else { return }
        if let reason = item["@removed"]?["reason"]?.text {
            attributes[id] = nil
            links[id] = nil
            removals[id] = reason
            return
        }
        for (name, value) in item.members ?? [] {
            if name.hasSuffix("@delta") {
                for target in value.items ?? [] {
                    let isGone = target["@removed"] != nil
                    let linked = target["id"]?.text ?? ""
                    let key = String(name.dropLast("@delta".count))
                    if isGone {
                        links[id, default: [:]][key, default: []].remove(linked)
                    } else {
                        links[id, default: [:]][key, default: []].insert(linked)
                    }
                }
            } else if !name.contains("@") {
                attributes[id, default: [:]][name] = value
            }
        }
    }

    /// Differences to the truth, as text; empty when there are none.
    func differences(to truth: [SimulatedJSON], links names: [String]) -> [String] {
        var found: [String] = []
        var seen: Set<String> = []
        for document in truth {
            let id = document["id"]?.text ?? ""
            seen.insert(id)
            guard let mine = attributes[id] else {
                found.append("\(id) is missing")
                continue
            }
            for (name, value) in document["attributes"]?.members ?? [] where !value.isNull && mine[name] != value {
                found.append("\(id).\(name): \(String(describing: mine[name])) is not \(value)")
            }
            for name in names {
                let wanted = Set(document["links"]?[name]?.items?.compactMap(\.text) ?? [])
                if links[id]?[name] ?? [] != wanted {
                    found.append("\(id).\(name): \(links[id]?[name]?.count ?? 0) links, \(wanted.count) wanted")
                }
            }
        }
        for id in attributes.keys where !seen.contains(id) { found.append("\(id) should be gone") }
        return found
    }
}
