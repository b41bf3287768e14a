import Foundation
import Testing

@testable import LibPQ

@Suite(.timeLimit(.minutes(2))) struct ConnectionTests {
    @Test func `a query returns its rows`() async throws {
        let connection = try await TemporaryCluster.connect()
        let row = try await connection.query("SELECT 1::int AS one, 'zwei' AS two").onlyRow()
        #expect(try row.int32("one") == 1)
        #expect(try row.text(1) == "zwei")
    }

    @Test func `a wrong password is an authentication failure with its SQLSTATE and without the password`() async throws
    {
        let secret = "no-such-password-41"
        let error = try await postgresError {
            _ = try await TemporaryCluster.connect { $0.password = PostgresPassword(secret) }
        }
        #expect(error?.code == .authenticationFailed)
        #expect(error?.sqlState == .invalidPassword)
        #expect(error?.message.contains("password authentication failed") == true)
        #expect(error.map { "\($0)" + String(reflecting: $0) }?.contains(secret) == false)
    }

    @Test func `a missing password is an authentication failure`() async throws {
        let error = try await postgresError { _ = try await TemporaryCluster.connect { $0.password = nil } }
        #expect(error?.code == .authenticationFailed)
    }

    @Test func `a missing database is a connection failure with its SQLSTATE`() async throws {
        let error = try await postgresError { _ = try await TemporaryCluster.connect { $0.database = "nowhere" } }
        #expect(error?.code == .connectionFailed)
        #expect(error?.sqlState == .invalidCatalogName)
    }

    @Test func `a port without a server is unreachable`() async throws {
        let port = try TemporaryCluster.freePort()
        let error = try await postgresError { _ = try await TemporaryCluster.connect { $0.port = port } }
        #expect(error?.code == .serverUnreachable)
    }

    @Test func `a socket directory without a server is unreachable`() async throws {
        let error = try await postgresError { _ = try await TemporaryCluster.connect { $0.host = "/tmp/no-such-dir" } }
        #expect(error?.code == .serverUnreachable)
    }

    @Test func `a port out of range is an invalid configuration`() async throws {
        let error = try await postgresError { _ = try await TemporaryCluster.connect { $0.port = 700_000 } }
        #expect(error?.code == .connectionFailed)
    }

    @Test func `a server that never answers ends the wait after the time-out and is disconnected`() async throws {
        let listener = try LoopbackListener()
        async let isClosed = listener.serveOnce("")
        let error = try await postgresError {
            _ = try await TemporaryCluster.connect {
                $0.port = listener.port
                $0.connectTimeout = .milliseconds(200)
            }
        }
        #expect(error?.code == .serverUnreachable)
        #expect(await isClosed)
    }

    @Test(arguments: ["HTTP/1.1 400 Bad Request\r\n\r\n", "N", "R\0\0\0\u{8}\0\0\0\u{63}", "E\0\0\0\u{5}"])
    func `a server that speaks something else is an error and the handle is freed`(answer: String) async throws {
        let listener = try LoopbackListener()
        async let isClosed = listener.serveOnce(answer)
        let error = try await postgresError {
            _ = try await TemporaryCluster.connect {
                $0.port = listener.port
                $0.sslMode = .disable
                $0.connectTimeout = .seconds(2)
            }
        }
        #expect(error != nil)
        #expect(await isClosed)
    }

    @Test func `cancelling a connect ends it`() async throws {
        let listener = try LoopbackListener()
        let task = Task {
            _ = try await TemporaryCluster.connect {
                $0.port = listener.port
                $0.connectTimeout = .seconds(300)
            }
        }
        async let isClosed = listener.serveOnce("")
        task.cancel()
        let error = try await postgresError { try await task.value }
        #expect(error?.code == .cancelled)
        // A task cancelled before it connected leaves nothing to accept.
        shutdown(listener.descriptor, Int32(SHUT_RDWR))
        _ = await isClosed
    }

    @Test func `names and passwords with quotes, spaces and backslashes connect`() async throws {
        let admin = try await TemporaryCluster.connect()
        let role = #"o'dd "role\ =x"#
        let database = #"d'b "x\ host=elsewhere"#
        let secret = #"p'w "\ port=1"#
        func quoted(_ name: String) -> String { "\"\(name.replacing("\"", with: "\"\""))\"" }
        try await admin.execute(
            "CREATE ROLE \(quoted(role)) LOGIN PASSWORD E'\(secret.replacing("\\", with: "\\\\").replacing("'", with: "''"))'"
        )
        try await admin.execute("CREATE DATABASE \(quoted(database)) OWNER \(quoted(role))")
        let connection = try await TemporaryCluster.connect {
            $0.user = role
            $0.database = database
            $0.password = PostgresPassword(secret)
            $0.applicationName = "it's \"me\" \\"
            $0.searchPath = "pg_catalog, \"my schema\""
        }
        let row = try await connection.query(
            """
            SELECT current_user::text, current_database()::text, current_setting('application_name'),
                   current_setting('search_path')
            """
        ).onlyRow()
        #expect(try row.text(0) == role)
        #expect(try row.text(1) == database)
        #expect(try row.text(2) == "it's \"me\" \\")
        #expect(try row.text(3) == "pg_catalog, \"my schema\"")
    }

    @Test func `the search path is empty`() async throws {
        let connection = try await TemporaryCluster.connect()
        #expect(try await connection.query("SELECT current_setting('search_path')").onlyRow().text(0) == "")
    }

    @Test func `a Unix-domain socket works`() async throws {
        let directory = try await TemporaryCluster.shared.value.directory
        let connection = try await TemporaryCluster.connect { $0.host = directory }
        #expect(try await connection.query("SELECT inet_client_addr() IS NULL").onlyRow().bool(0))
    }

    @Test func `closing twice and then dropping ends the session once`() async throws {
        let admin = try await TemporaryCluster.connect()
        var connection: PostgresConnection? = try await TemporaryCluster.connect()
        let id = try #require(await connection?.serverProcessID)
        await connection?.close()
        await connection?.close()
        #expect(await connection?.isAlive == false)
        let error = try await postgresError { [connection] in _ = try await connection?.query("SELECT 1") }
        #expect(error?.code == .connectionClosed)
        connection = nil
        try await eventually { try await !admin.hasSession(id) }
    }

    @Test func `dropping the last reference ends the session`() async throws {
        let admin = try await TemporaryCluster.connect()
        var connection: PostgresConnection? = try await TemporaryCluster.connect()
        let id = try #require(await connection?.serverProcessID)
        #expect(try await admin.hasSession(id))
        _ = connection
        connection = nil
        try await eventually { try await !admin.hasSession(id) }
    }

    @Test func `a password is printed by nothing`() async throws {
        let secret = "s3cret-value"
        var configuration = try await TemporaryCluster.shared.value.configuration
        configuration.password = PostgresPassword(secret)
        var dumped = ""
        dump(configuration, to: &dumped)
        dump(configuration.password, to: &dumped)
        for text in [
            "\(configuration)", String(reflecting: configuration), dumped, "\(PostgresPassword(secret))",
            String(reflecting: PostgresPassword(secret)), String(describing: configuration.password),
        ] {
            #expect(!text.contains(secret))
        }
    }

    @Test func `verify-full is the default for every host but this machine`() {
        func mode(_ host: String) -> PostgresConfiguration.SSLMode {
            PostgresConfiguration(host: host, database: "d", user: "u").sslMode
        }
        for host in ["db.example.org", "10.0.0.1", "127.0.0.1.example.org", "localhost.example.org", "128.0.0.1"] {
            #expect(mode(host) == .verifyFull)
        }
        for host in ["localhost", "127.0.0.1", "127.3.2.1", "::1", "/var/run/postgresql"] {
            #expect(mode(host) == .prefer)
        }
    }

    @Test func `a verbose libpq message gives up its SQLSTATE`() {
        let (state, message) = Handle.parse(
            #"connection to server at "h" (10.0.0.1), port 5432 failed: FATAL:  53300: sorry LOCATION:  f, proc.c:1"#)
        #expect(state == .tooManyConnections)
        #expect(message == #"connection to server at "h" (10.0.0.1), port 5432 failed: FATAL: sorry"#)
        #expect(Handle.parse("could not connect").0 == nil)
    }
}

extension PostgresConnection {
    func hasSession(_ id: Int32) async throws -> Bool {
        try await query("SELECT 1 FROM pg_catalog.pg_stat_activity WHERE pid = $1", [.int32(id)]).count == 1
    }
}
