import BackupModel
import Foundation
import Testing

/// Somebody else who changes the simulated tenant through Microsoft Graph: the application that may write.
struct TenantWriter {
    let url: String
    let tenant: String
    let clientID: String
    let secret: String
    private let token: String

    struct Answer {
        var status: Int
        var text: String

        var isDone: Bool { (200..<300).contains(status) }
        var json: JSONValue? { try? JSONValue(parsing: Array(text.utf8)) }
        /// What Graph says against it.
        var refusal: String { json?["error"]?["message"]?.string ?? "HTTP \(status)" }
    }

    /// - Parameter tenant: nil for the installation's own.
    init(_ installation: TestInstallation, tenant: String? = nil) throws {
        url = try #require(installation.environment["ENTRA_BACKUP_SIMULATOR_URL"])
        let id = tenant ?? installation.tenant
        self.tenant = id
        let listed = try JSONValue(parsing: Array(try Self.curl(["\(url)/_control"]).text.utf8))
        let entry = listed["tenants"]?.array?.first { $0["tenantId"]?.string == id }
        let client = try #require(entry?["clients"]?[1])
        clientID = try #require(client["clientId"]?.string)
        secret = try #require(client["secret"]?.string)
        let answer = try Self.curl([
            "\(url)/\(id)/oauth2/v2.0/token", "-d",
            "client_id=\(clientID)&client_secret=\(secret)&grant_type=client_credentials"
                + "&scope=https://graph.microsoft.com/.default",
        ])
        token = try #require(answer.json?["access_token"]?.string)
    }

    private static func curl(_ arguments: [String]) throws -> Answer {
        let result = try Programs.run("/usr/bin/curl", ["-sS", "-w", "\n%{http_code}"] + arguments)
        try #require(result.status == 0, "curl: \(result.errors)")
        let lines = result.output.split(separator: "\n", omittingEmptySubsequences: false)
        return Answer(status: Int(lines.last ?? "") ?? 0, text: lines.dropLast().joined(separator: "\n"))
    }

    /// - Parameter path: with version.
    @discardableResult
    func send(_ method: String, _ path: String, _ body: JSONValue? = nil) throws -> Answer {
        var arguments = [
            "-X", method, "-H", "Authorization: Bearer \(token)", "-H", "User-Agent: tests", url + path,
        ]
        if let body { arguments += ["-H", "Content-Type: application/json", "-d", body.canonicalText] }
        return try Self.curl(arguments)
    }

    /// A file with the secret, for commands.
    func secretFile(in folder: String) throws -> String {
        let path = "\(folder)/writer-secret-\(tenant)"
        try secret.write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }

    /// Gives restores of the tenant the credential that may write.
    func grantWriteAccess(_ installation: TestInstallation) throws {
        try installation.command([
            "tenant", "write-access", tenant, "add", "--client-id", clientID, "--client-secret-file",
            try secretFile(in: installation.root),
        ])
    }
}

extension ObjectType {
    /// Path of one object, version included.
    func itemPath(_ id: String) -> String {
        let list = "/\(graphVersion.rawValue)\(listPaths[0])"
        let escaped = id.addingPercentEncoding(withAllowedCharacters: .alphanumerics.union(["-", "_", "."])) ?? id
        return shape == .singleton ? list : "\(list)/\(escaped)"
    }

    /// Where a deleted object lies; nil where there is no recycle bin.
    func binPath(_ id: String) -> String? {
        guard restore.softDelete else { return nil }
        switch name {
        case "conditionalAccessPolicy": return "/v1.0/identity/conditionalAccess/deletedItems/policies/\(id)"
        case "namedLocation": return "/v1.0/identity/conditionalAccess/deletedItems/namedLocations/\(id)"
        case "user", "group", "application", "servicePrincipal", "administrativeUnit":
            return "/v1.0/directory/deletedItems/\(id)"
        default: return nil
        }
    }

}
