import Glibc

/// Ends what a supervisor that was killed has left behind.
///
/// Only processes that carry the data directory in their environment, or are the `postgres` programs of its
/// cluster, are touched: a pid in a file is never proof enough.
enum Orphans {
    static func any(_ layout: LocalStackLayout) -> Bool {
        !ProcessTable.marked(layout).isEmpty || !ProcessTable.postgresProcesses(layout).isEmpty
    }

    /// Programs first, then the broker, then the database. Must be called with the lock held.
    static func end(_ layout: LocalStackLayout) async {
        await endMarked(layout, grace: .seconds(20)) { $0 != RabbitMQServer.role }
        await endMarked(layout, grace: .seconds(20)) { $0 == RabbitMQServer.role }
        await endPostgres(layout)
    }

    static func endMarked(_ layout: LocalStackLayout, grace: Duration, _ chosen: (String) -> Bool) async {
        await end(grace: grace, first: SIGTERM) {
            ProcessTable.marked(layout).filter { chosen($0.role) }.map(\.process)
        }
    }

    static func endPostgres(_ layout: LocalStackLayout) async {
        // SIGINT is a fast shutdown for the postmaster and cancels what a backend runs. Backends without a postmaster
        // leave on their own.
        await end(grace: .seconds(30), first: SIGINT) { ProcessTable.postgresProcesses(layout) }
    }

    private static func end(grace: Duration, first: Int32, _ find: () -> [ProcessIdentity]) async {
        var processes = find()
        guard !processes.isEmpty else { return }
        for process in processes where process.isAlive { kill(process.pid, first) }
        let end = ContinuousClock.now + grace
        while !processes.isEmpty, ContinuousClock.now < end, !Task.isCancelled {
            try? await Task.sleep(for: .milliseconds(50))
            processes = find()
        }
        for process in processes where process.isAlive { kill(process.pid, SIGKILL) }
        while processes.contains(where: \.isAlive), !Task.isCancelled {
            try? await Task.sleep(for: .milliseconds(20))
        }
    }
}
