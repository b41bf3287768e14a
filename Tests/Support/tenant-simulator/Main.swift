import ArgumentParser
import TenantSimulator

@main
struct Main: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tenant-simulator",
        abstract: "Simulates tenants of the directory service over HTTP on the loopback interface.")

    @Option(help: "Port to listen on; 0 takes a free one.")
    var port = 0

    @Option(help: "File to write the port to once connections are accepted.")
    var portFile: String?

    @Option(help: "Users per tenant.")
    var users = 100

    @Option(help: "Groups per tenant; a fifth of the users when not given.")
    var groups: Int?

    @Option(help: "Members of groups per tenant; four per user when not given.")
    var memberships: Int?

    @Option(help: "Seed; further tenants take the next ones.")
    var seed: UInt64 = 1

    @Option(help: "Number of tenants.")
    var tenants = 1

    @Option(help: "Tenant's GUID (of the first tenant).")
    var tenantID: String?

    @Option(help: "JSON file that describes the tenants.")
    var fixture: String?

    @Option(help: "on or off: whether the service's limits apply.")
    var quotas = "on"

    @Option(help: "Multiplies the service's limits.")
    var quotaScale = 1.0

    @Option(help: "Folder of exported policies to serve.")
    var loadPolicies: [String] = []

    @Option(help: "File to write the tenants and their clients to, as JSON.")
    var describeFile: String?

    mutating func run() async throws {
        let made = try makeTenants()
        for folder in loadPolicies {
            for tenant in made { print(try tenant.loadPolicies(folder: folder).description) }
        }
        let server = try await SimulatorServer.start(tenants: made, port: port)
        if let describeFile { try SimulatorFiles.write(SimulatorFiles.describe(made), to: describeFile) }
        if let portFile { try SimulatorFiles.write(Array("\(server.port)\n".utf8), to: portFile) }
        print("\(server.url)")
        try await server.wait()
    }

    private func makeTenants() throws -> [SimulatedTenant] {
        if let fixture { return try SimulatorFiles.tenants(fixture: fixture) }
        var settings = TenantSettings()
        settings.quotas = quotas != "off"
        settings.quotaScale = quotaScale
        let size = TenantSize(users: users, groups: groups, memberships: memberships)
        return (0..<tenants).map { number in
            SimulatedTenant(
                seed: seed + UInt64(number), size: size, id: number == 0 ? tenantID : nil, settings: settings)
        }
    }
}
