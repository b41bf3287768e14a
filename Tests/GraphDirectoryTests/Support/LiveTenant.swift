import BackupContracts
import BackupModel
import GraphDirectory
import Logging
import TenantSimulator
import Testing

extension GraphDirectoryWriter {
    /// Writes what nobody else would.
    func write(
        _ writes: [DirectoryWrite], _ connection: DirectoryConnection
    ) async throws(StageFailure) -> [WriteAnswer] {
        try await write(writes, connection, beforeSend: {})
    }
}

/// A simulated tenant behind HTTP, and a reader and a writer of it.
struct LiveTenant {
    let tenant: SimulatedTenant
    let reader: GraphDirectoryReader
    let writer: GraphDirectoryWriter
    /// With read permissions alone.
    let reading: DirectoryConnection
    let writing: DirectoryConnection

    /// Runs `work` beside a server of its own, which is stopped whatever happens.
    static func with<Result>(
        seed: UInt64, users: Int = 150, quotas: Bool = false, clock: any Clock<Duration> = ContinuousClock(),
        budget: any ResourceBudget = UnlimitedBudget(), _ work: (LiveTenant) async throws -> Result
    ) async throws -> Result {
        var settings = TenantSettings()
        settings.quotas = quotas
        let tenant = SimulatedTenant(seed: seed, size: TenantSize(users: users), settings: settings)
        let server = try await SimulatorServer.start(tenants: [tenant])
        let reader = GraphDirectoryReader(
            budget: budget, clock: clock, logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
        let result: Swift.Result<Result, any Error>
        do {
            func connection(_ client: Int) throws -> DirectoryConnection {
                DirectoryConnection(
                    tenant: try #require(TenantID(tenant.id)), clientID: tenant.clients[client].clientID,
                    credential: .clientSecret(tenant.clients[client].secret), graphURL: server.url,
                    authorityURL: server.url)
            }
            let live = LiveTenant(
                tenant: tenant, reader: reader, writer: GraphDirectoryWriter(reader), reading: try connection(0),
                writing: try connection(1))
            result = .success(try await work(live))
        } catch {
            result = .failure(error)
        }
        await reader.shutdown()
        await server.stop()
        return try result.get()
    }

    /// The true documents of a type by id, in a form in which equal documents are equal.
    func truth(_ type: ObjectType) throws -> [String: JSONValue] {
        var documents: [String: JSONValue] = [:]
        for line in tenant.truthLines(type.name, omitsNulls: type.delta) {
            let document = try JSONValue(parsing: line)
            documents[try #require(document["id"]?.string)] = Self.normal(document, type)
        }
        guard type.nested != nil else { return documents }
        // Assignments of a service principal in the recycle bin exist, but nothing lists them.
        let principals = Set(tenant.truth("servicePrincipal").compactMap { $0["id"]?.text })
        return documents.filter { $0.value["attributes"]?["resourceId"]?.string.map(principals.contains) ?? false }
    }

    /// Without what the two sides write differently: empty links and children, the id among the attributes. Arrays
    /// that are sets are sorted.
    static func normal(_ document: JSONValue, _ type: ObjectType) -> JSONValue {
        func kept(_ part: String, _ keeps: (String, JSONValue) -> Bool) -> JSONValue {
            let members = (document[part]?.object ?? [:]).filter { keeps($0.name, $0.value) }
            return .object(JSONObject(members.map { ($0.name, sorted($0.value, type)) }))
        }
        return [
            "attributes": kept("attributes") { name, _ in name != "id" },
            "links": kept("links") { _, value in value.array?.isEmpty == false },
            "children": kept("children") { _, value in value.array?.isEmpty == false },
        ]
    }

    private static func sorted(_ value: JSONValue, _ type: ObjectType) -> JSONValue {
        switch value {
        case .array(let elements):
            let inner = elements.map { sorted($0, type) }
            return .array(type.orderedArrays ? inner : inner.sorted { $0.canonicalText < $1.canonicalText })
        case .object(let object): return .object(JSONObject(object.map { ($0.name, sorted($0.value, type)) }))
        default: return value
        }
    }

    /// The names of the parts in which two documents differ.
    static func difference(_ a: JSONValue?, _ b: JSONValue?) -> String {
        guard let a, let b else { return a == nil ? "too many" : "missing" }
        var parts: [String] = []
        for group in ["attributes", "links", "children"] {
            let old = a[group]?.object ?? [:], new = b[group]?.object ?? [:]
            for name in Set(old.names).union(new.names).sorted() where old[name] != new[name] {
                parts.append("\(group)/\(name)")
            }
        }
        return parts.joined(separator: " ")
    }
}
