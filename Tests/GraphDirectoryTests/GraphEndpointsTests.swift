import BackupContracts
import BackupModel
import Testing

@testable import GraphDirectory

struct GraphEndpointsTests {
    @Test(arguments: [
        ("https://graph.microsoft.com", "https://graph.microsoft.com"),
        ("HTTPS://Graph.Microsoft.COM:443/", "https://graph.microsoft.com"),
        ("https://host:8443", "https://host:8443"), ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://127.1.2.3", "http://127.1.2.3"), ("http://localhost:80/", "http://localhost"),
        ("http://[::1]:9", "http://[::1]:9"),
    ])
    func `Addresses have one spelling`(text: String, expected: String) {
        #expect(ServiceURL(text)?.text == expected)
    }

    @Test(arguments: [
        "http://graph.microsoft.com", "http://10.0.0.1", "http://127.0.0.1.evil.example", "http://128.0.0.1",
        "http://localhost.evil.example", "ftp://127.0.0.1", "https://", "https://host/path", "https://user@host",
        "https://host?x", "https://host:99999", "https://host:", "https://höst", "graph.microsoft.com", "",
        "https://[::1", "http://[::2]",
    ])
    func `Plain http is for loopback, and only origins are addresses`(text: String) {
        #expect(ServiceURL(text) == nil)
    }

    @Test func `A remote address without TLS fails before anything is sent`() async throws {
        let tenant = try #require(TenantID(Bench.tenant))
        for (graph, authority) in [("http://192.0.2.1", nil), (nil, "http://192.0.2.1")] as [(String?, String?)] {
            let connection = DirectoryConnection(
                tenant: tenant, clientID: "c", credential: .clientSecret("s"), graphURL: graph, authorityURL: authority)
            #expect(throws: StageFailure.self) { try GraphEndpoints(connection) }
        }
    }

    @Test func `Links of the same Graph keep path and query`() throws {
        let graph = try #require(ServiceURL("https://graph.microsoft.com"))
        let link = "https://graph.microsoft.com/v1.0/users?$skiptoken=a%20b_~'(x)"
        #expect(graph.rest(of: link) == "/v1.0/users?$skiptoken=a%20b_~'(x)")
        #expect(
            graph.rest(of: "https://GRAPH.microsoft.com:443/beta/x y\u{0}\\#é%zz") == "/beta/x%20y%00%5C%23%C3%A9%25zz")
    }

    @Test(arguments: [
        "https://evil.example/v1.0/users", "http://graph.microsoft.com/v1.0/users",
        "https://graph.microsoft.com.evil.example/v1.0", "https://graph.microsoft.com@evil.example/v1.0",
        "https://graph.microsoft.com:444/v1.0", "https://graph.microsoft.com\\@evil.example/v1.0",
        "https://graph.microsoft.com", "https://graph.microsoft.com?x", "//graph.microsoft.com/v1.0",
        "https:/graph.microsoft.com/v1.0", "https://graph.microsoft.co\u{043C}/v1.0", "users", "",
        "https://user:pw@graph.microsoft.com/v1.0",
    ])
    func `Links that lead elsewhere are foreign`(link: String) throws {
        #expect(try #require(ServiceURL("https://graph.microsoft.com")).rest(of: link) == nil)
    }

    @Test func `Each cloud has its own hosts`() {
        let hosts = Cloud.allCases.map { GraphEndpoints.hosts($0) }
        #expect(Set(hosts.map(\.graph)).count == 4)
        #expect(hosts.allSatisfy { ServiceURL($0.graph) != nil && ServiceURL($0.authority) != nil })
        #expect(GraphEndpoints.hosts(.usGov).authority == GraphEndpoints.hosts(.usGovDoD).authority)
    }

    @Test(arguments: [
        ("/users?$filter=displayName eq 'Ada'", "GET /v1.0/users"),
        (
            "/users/6d8f2c1e-4b7a-4f0e-9c3d-2a1b5e7f9041/manager",
            "GET /v1.0/users/6d8f2c1e-4b7a-4f0e-9c3d-2a1b5e7f9041/manager"
        ),
        ("/users/ada@contoso.example", "GET /v1.0/users/{id}"), ("/users('$ada@contoso.example')", "GET /v1.0/users"),
        ("/domains/contoso.example/x", "GET /v1.0/domains/{id}/x"),
        ("/directory/deletedItems/microsoft.graph.user", "GET /v1.0/directory/deletedItems/microsoft.graph.user"),
        ("/directory/attributeSets/Engineering", "GET /v1.0/directory/attributeSets/{id}"),
    ])
    func `Requests are named without content`(path: String, expected: String) {
        #expect(GraphEndpoints.label("GET", "v1.0", path) == expected)
    }
}
