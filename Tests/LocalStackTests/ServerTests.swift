import Foundation
import Glibc
import Testing

@testable import LocalStack

extension StackTests {
    /// The servers one by one, as the tests of other targets use them.
    @Suite struct Servers {
        @Test func `PostgreSQL keeps what was committed over a kill`() async throws {
            let layout = TestStack.newLayout()
            let ports = PortBook()
            let server = try PostgresServer(layout, ports: ports)
            try await server.start()
            let endpoint = LocalStackEndpoints(layout: layout, ports: ports).postgres
            _ = try await TestStack.sql("CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)", endpoint)
            await server.kill()
            #expect(await server.pid == nil)
            try await server.start()
            #expect(try await TestStack.sql("SELECT n FROM kept", endpoint) == "7")
            await server.stop()
            #expect(TestStack(layout: layout).processes.isEmpty)
            try Files.removeTree(layout.root)
        }

        @Test func `a data directory with spaces and a long name works`() async throws {
            let layout = LocalStackLayout(
                TestStack.newLayout().root + " with spaces {and} $HOME " + String(repeating: "long", count: 20))
            let ports = PortBook()
            let server = try PostgresServer(layout, ports: ports)
            let broker = try RabbitMQServer(layout, ports: ports)
            async let first: Void = server.start()
            async let second: Void = broker.start()
            _ = try await (first, second)
            let endpoint = LocalStackEndpoints(layout: layout, ports: ports).postgres
            #expect(endpoint.socketDirectory == nil)
            #expect(try await TestStack.sql("SELECT 1", endpoint) == "1")
            await broker.stop()
            await server.stop()
            #expect(TestStack(layout: layout).processes.isEmpty)
            try Files.removeTree(layout.root)
        }

        @Test func `RabbitMQ can be killed, wiped and started again`() async throws {
            let layout = TestStack.newLayout()
            let server = try RabbitMQServer(layout)
            try await server.start()
            await server.kill()
            #expect(TestStack(layout: layout).processes.isEmpty)
            try await server.wipe()
            let begin = ContinuousClock.now
            try await server.start()
            print("RabbitMQ, empty: \(ContinuousClock.now - begin)")
            await server.stop()
            let again = ContinuousClock.now
            try await server.start()
            print("RabbitMQ, warm: \(ContinuousClock.now - again)")
            await server.stop()
            #expect(TestStack(layout: layout).processes.isEmpty)
            try Files.removeTree(layout.root)
        }

        @Test func `a port that is taken is named`() async throws {
            let layout = TestStack.newLayout()
            let ports = PortBook()
            let postgres = try PostgresServer(layout, ports: ports)
            let rabbitmq = try RabbitMQServer(layout, ports: ports)
            let squatters = [try Listener(postgres.port), try Listener(rabbitmq.port)]
            let first = await #expect(throws: LocalStackError.self) { try await postgres.start() }
            #expect(first?.code == .portTaken)
            let second = await #expect(throws: LocalStackError.self) { try await rabbitmq.start() }
            #expect(second?.code == .portTaken)
            #expect(TestStack(layout: layout).processes.isEmpty)
            withExtendedLifetime(squatters) {}
            try Files.removeTree(layout.root)
        }

        @Test func `an interrupted creation of the database is begun anew`() async throws {
            let layout = TestStack.newLayout()
            let account = try StackAccount.resolve(for: layout)
            try await layout.create(for: account)
            try Files.makeDirectory(layout.root + "/postgres.new", account)
            try Files.write("half", to: layout.root + "/postgres.new/PG_VERSION", mode: 0o600, account)
            let server = try PostgresServer(layout)
            try await server.start()
            await server.stop()
            #expect(!Files.exists(layout.root + "/postgres.new"))
            try Files.removeTree(layout.root)
        }
    }
}
