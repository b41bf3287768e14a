#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Files that the program reads and writes.
public enum SimulatorFiles {
    /// Reads a whole file.
    public static func read(_ path: String) throws -> [UInt8] {
        guard let file = fopen(path, "rb") else { throw SimulatorError(message: "\(path) cannot be read.") }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = fread(&buffer, 1, buffer.count, file)
            guard count > 0 else { return bytes }
            bytes.append(contentsOf: buffer[..<count])
        }
    }

    /// Writes a file under another name first, so that readers never see half of it.
    public static func write(_ bytes: [UInt8], to path: String) throws {
        let temporary = path + ".new"
        guard let file = fopen(temporary, "wb") else { throw SimulatorError(message: "\(path) cannot be written.") }
        let count = fwrite(bytes, 1, bytes.count, file)
        guard fclose(file) == 0, count == bytes.count, rename(temporary, path) == 0 else {
            throw SimulatorError(message: "\(path) cannot be written.")
        }
    }

    /// Names of the entries of a folder, sorted; nil when it is none.
    static func entries(_ path: String) -> [String]? {
        guard let folder = opendir(path) else { return nil }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    static func makeFolder(_ path: String) throws {
        guard mkdir(path, 0o700) == 0 else { throw SimulatorError(message: "\(path) cannot be made.") }
    }

    /// Removes a folder with the files in it.
    static func remove(_ folder: String) {
        for name in entries(folder) ?? [] { unlink("\(folder)/\(name)") }
        rmdir(folder)
    }

    /// The tenants with their clients, as the control interface lists them.
    public static func describe(_ tenants: [SimulatedTenant]) -> [UInt8] {
        SimulatedJSON.object([("tenants", .array(tenants.map(ControlInterface.describe)))]).encoded
    }

    /// Makes the tenants that a fixture file describes: one object, or `{"tenants": [...]}`.
    public static func tenants(fixture path: String) throws -> [SimulatedTenant] {
        let value = try SimulatedJSON.parse(read(path))
        return try (value["tenants"]?.items ?? [value]).map(tenant)
    }

    private static func tenant(_ value: SimulatedJSON) throws -> SimulatedTenant {
        let seed = value["seed"]?.integer.map { UInt64(clamping: $0) } ?? 1
        var size = TenantSize(
            users: value["users"]?.integer ?? 100, groups: value["groups"]?.integer,
            memberships: value["memberships"]?.integer)
        if let number = value["devices"]?.integer { size.devices = number }
        if let number = value["applications"]?.integer { size.applications = number }
        if let number = value["contacts"]?.integer { size.contacts = number }
        if let number = value["audits"]?.integer { size.audits = number }
        if let number = value["intunePolicies"]?.integer { size.intunePolicies = number }
        if let number = value["conditionalAccessPolicies"]?.integer { size.conditionalAccessPolicies = number }
        if let number = value["appRoleAssignments"]?.integer { size.appRoleAssignments = number }
        if let number = value["deletedUsers"]?.integer { size.deletedUsers = number }
        size.isNew = value["isNew"]?.boolean ?? false
        var settings = TenantSettings()
        settings.apply(value["settings"] ?? value)
        var clients = ClientApplication.standard(seed: seed)
        if let names = value["permissions"]?.items { clients[0].permissions = Set(names.compactMap(\.text)) }
        for name in value["withoutPermissions"]?.items ?? [] { clients[0].permissions.remove(name.text ?? "") }
        if let id = value["clientId"]?.text { clients[0].clientID = id }
        if let secret = value["clientSecret"]?.text { clients[0].secret = secret }
        let tenant = SimulatedTenant(
            seed: seed, size: size, id: value["tenantId"]?.text, settings: settings, clients: clients)
        for folder in value["loadPolicies"]?.items ?? [] {
            if let path = folder.text { _ = try tenant.loadPolicies(folder: path) }
        }
        return tenant
    }
}
