public import BackupModel

/// The directory extensions of a tenant: attributes that applications have defined and that come only when they are
/// selected by name, `extension_APPID_NAME`.
///
/// <https://learn.microsoft.com/graph/extensibility-overview#directory-microsoft-entra-id-extensions>
public struct DirectoryExtensions: Sendable {
    let reader: any DirectoryReader
    let connection: DirectoryConnection

    /// Reads nothing yet. Without a permission to read applications ``names(for:)`` gives nil.
    public init(reader: any DirectoryReader, connection: DirectoryConnection) {
        self.reader = reader
        self.connection = connection
    }

    /// Object types that can carry them, as Graph names them in `targetObjects`.
    private static let targets = ["user": "User", "group": "Group", "device": "Device"]

    /// The names to select for a type; nil for types that cannot carry any, and when applications cannot be read.
    ///
    /// Cost: one page for each 999 applications, when a walk over users, groups or devices begins.
    public func names(for type: ObjectType) async throws(StageFailure) -> [String]? {
        guard type.selects, let target = Self.targets[type.name], let applications = Catalogue.current["application"],
            let properties = applications.relationship("extensionProperties"),
            var link = applications.ownListTarget(properties)
        else { return nil }
        var names: Set<String> = []
        var cursor = WalkCursor()
        while true {
            let page: [UInt8]
            do {
                page = try await reader.read(request(link, applications), connection).body
            } catch let failure where failure.disposition == .endCollection {
                return nil
            }
            let value = try parse(page)
            for application in value["value"]?.array ?? [] {
                for property in application["extensionProperties"]?.array ?? [] {
                    let isTarget = property["targetObjects"]?.array?.contains { $0.string == target } ?? false
                    if isTarget, let name = property["name"]?.string { names.insert(name) }
                }
            }
            guard let next = value["@odata.nextLink"]?.string else { return names.sorted() }
            guard cursor.follow(next) else {
                throw StageFailure(.nextLinkLoops, "A next link of applications led back to a page already read.")
            }
            link = next
        }
    }

    private func request(_ target: String, _ type: ObjectType) -> DirectoryRequest {
        DirectoryRequest(target: target, version: type.graphVersion.rawValue, scope: .identity, units: 3)
    }

    private func parse(_ page: [UInt8]) throws(StageFailure) -> JSONValue {
        do {
            return try JSONValue(parsing: page)
        } catch {
            throw StageFailure(.graphAnswerMalformed, "A page of applications is not JSON: \(error).")
        }
    }
}
