import Testing

@testable import LibPQ

@Suite(.timeLimit(.minutes(2))) struct NotificationTests {
    @Test(arguments: [
        "plain", #"we"ird 'name'; DROP TABLE x; --"#, "Großbuchstabe", "日本", " ", String(repeating: "x", count: 63),
    ])
    func `a notification arrives on a channel of any name with any payload`(channel: String) async throws {
        let listener = try await TemporaryCluster.connect()
        let sender = try await TemporaryCluster.connect()
        let stream = try await listener.listen(channel)
        let payloads = ["", "it's \"quoted\" \\ $1", "zwölf 👩‍👩‍👧"]
        for payload in payloads { try await sender.notify(channel, payload) }
        let id = await sender.serverProcessID
        var received: [PostgresNotification] = []
        for try await notification in stream {
            received.append(notification)
            if received.count == payloads.count { break }
        }
        #expect(received == payloads.map { PostgresNotification(channel: channel, payload: $0, processID: id) })
    }

    @Test func `a notification arrives while nothing runs, and while something does`() async throws {
        let listener = try await TemporaryCluster.connect()
        let sender = try await TemporaryCluster.connect()
        var iterator = try await listener.listen("idle").makeAsyncIterator()
        try await sender.notify("idle", "1")
        #expect(try await iterator.next()?.payload == "1")
        // Asked for before: while the listener works, its actor answers nothing.
        let id = await listener.serverProcessID
        let busy = Task { _ = try await listener.query("SELECT pg_sleep(600)") }
        try await sender.waitUntilActive(id)
        try await sender.notify("idle", "2")
        busy.cancel()
        _ = try? await busy.value
        #expect(try await iterator.next()?.payload == "2")
        try await listener.notify("idle", "3")
        #expect(try await iterator.next()?.payload == "3")
    }

    @Test func `two readers of a channel both get it, and other channels do not`() async throws {
        let listener = try await TemporaryCluster.connect()
        var first = try await listener.listen("shared").makeAsyncIterator()
        var second = try await listener.listen("shared").makeAsyncIterator()
        var other = try await listener.listen("other").makeAsyncIterator()
        try await listener.notify("shared", "a")
        try await listener.notify("other", "b")
        #expect(try await first.next()?.payload == "a")
        #expect(try await second.next()?.payload == "a")
        #expect(try await other.next()?.payload == "b")
    }

    @Test func `cancelling the reader ends the stream and the subscription`() async throws {
        let listener = try await TemporaryCluster.connect()
        let stream = try await listener.listen("ending")
        let reader = Task {
            var count = 0
            for try await _ in stream { count += 1 }
            return count
        }
        try await listener.notify("ending")
        reader.cancel()
        #expect(try await reader.value <= 1)
        try await eventually {
            try await listener.query("SELECT 1 FROM pg_listening_channels()").isEmpty
        }
        #expect(await listener.isWatching == false)
    }

    @Test func `a connection that breaks ends the stream with an error`() async throws {
        let admin = try await TemporaryCluster.connect()
        let listener = try await TemporaryCluster.connect()
        let stream = try await listener.listen("breaking")
        _ = try await admin.query("SELECT pg_terminate_backend($1)", [.int32(await listener.serverProcessID)])
        let error = try await postgresError { for try await _ in stream {} }
        #expect(error?.code == .connectionLost)
        #expect(await listener.isAlive == false)
    }

    @Test func `closing the connection ends the stream without an error`() async throws {
        let listener = try await TemporaryCluster.connect()
        let stream = try await listener.listen("closing")
        await listener.close()
        for try await _ in stream { Issue.record("a notification") }
    }

    @Test func `dropping the connection ends the stream`() async throws {
        var listener: PostgresConnection? = try await TemporaryCluster.connect()
        let stream = try #require(try await listener?.listen("dropping"))
        listener = nil
        for try await _ in stream { Issue.record("a notification") }
    }

    @Test(arguments: ["", String(repeating: "x", count: 64), "nul\0byte"])
    func `a name the server would cut or refuse is refused`(channel: String) async throws {
        let listener = try await TemporaryCluster.connect()
        let error = try await postgresError { _ = try await listener.listen(channel) }
        #expect(error?.code == .invalidUse)
    }
}

extension PostgresConnection {
    fileprivate var isWatching: Bool { listeners.source != nil }
}
