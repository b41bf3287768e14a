import CRabbitMQ
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The thread of one connection: runs the jobs of its actor and, between them, waits for the socket.
///
/// librabbitmq blocks and is not thread-safe, so a connection owns a thread and never borrows one from the
/// cooperative pool. The thread sleeps in `poll` on the socket and on an event descriptor; a job that arrives from
/// outside wakes it at once. It ends when its owner is gone.
final class ConnectionLoop: SerialExecutor {
    /// What the thread does after a turn of the owner.
    struct Wait {
        var socket: Int32 = -1
        var wantsToWrite = false
        /// Milliseconds; 0 is another turn at once, negative waits for a wake-up only.
        var timeout: Int32 = -1

        static let forWork = Wait()
        static let again = Wait(timeout: 0)
    }

    private struct State {
        var jobs: [UnownedJob] = []
        var calls: [@Sendable () -> Void] = []
        var wakeIsPending = false
        var isStopped = false
        /// A duplicate of the connection's socket; it lets other threads shut the socket down without racing the
        /// library, which closes its own descriptor when it pleases.
        var socketDuplicate: Int32 = -1
        var socketIsUnwanted = false
        var thread: pthread_t?
    }

    private let state = Mutex(State())
    private let wakeDescriptor: Int32
    // Weak references may be read by any thread; this one is written once, before the thread starts.
    nonisolated(unsafe) private weak var owner: RabbitMQConnection?

    init() {
        wakeDescriptor = crabbitmq_eventfd()
    }

    deinit {
        if wakeDescriptor >= 0 { close(wakeDescriptor) }
    }

    /// Starts the thread; false when the system gave no thread or no descriptor.
    func start(owner: RabbitMQConnection) -> Bool {
        guard wakeDescriptor >= 0 else { return false }
        self.owner = owner
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        // The library decodes nested tables by recursion, and a peer decides how deeply it nests them: a frame of
        // 128 KiB holds some twenty thousand levels. Address space is free until it is used.
        pthread_attr_setstacksize(&attributes, 64 << 20)
        var thread = pthread_t()
        let context = Unmanaged.passRetained(self)
        let status = pthread_create(
            &thread, &attributes,
            { context in
                guard let context else { return nil }
                Unmanaged<ConnectionLoop>.fromOpaque(context).takeRetainedValue().run()
                return nil
            }, context.toOpaque())
        if status != 0 { context.release() }
        return status == 0
    }

    // MARK: Executor

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        wake { $0.jobs.append(job) }
    }

    func checkIsolated() {
        precondition(isIsolatingCurrentContext() == true, "not on the connection's thread")
    }

    func isIsolatingCurrentContext() -> Bool? {
        state.withLock { $0.thread.map { pthread_equal($0, pthread_self()) != 0 } ?? false }
    }

    // MARK: From any thread

    /// Runs `call` on the thread; never when the thread has ended.
    func submit(_ call: @escaping @Sendable () -> Void) {
        wake { $0.calls.append(call) }
    }

    /// Gives the owner a turn.
    func poke() {
        wake { _ in }
    }

    /// Ends the thread after the jobs that wait.
    func stop() {
        wake { $0.isStopped = true }
    }

    /// Makes every read and write on the socket fail, even one that blocks the thread now, and on one still to come.
    func shutSocket() {
        state.withLock { state in
            state.socketIsUnwanted = true
            if state.socketDuplicate >= 0 { shutdown(state.socketDuplicate, Int32(SHUT_RDWR)) }
        }
    }

    private func wake(_ change: (inout State) -> Void) {
        state.withLock { state in
            change(&state)
            guard !state.wakeIsPending else { return }
            state.wakeIsPending = true
            var one: UInt64 = 1
            _ = write(wakeDescriptor, &one, MemoryLayout<UInt64>.size)
        }
    }

    // MARK: On the thread

    func socketOpened(_ descriptor: Int32) {
        state.withLock { state in
            state.socketDuplicate = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
            if state.socketIsUnwanted { shutdown(descriptor, Int32(SHUT_RDWR)) }
        }
    }

    func socketWillClose() {
        state.withLock { state in
            guard state.socketDuplicate >= 0 else { return }
            close(state.socketDuplicate)
            state.socketDuplicate = -1
        }
    }

    private func run() {
        state.withLock { $0.thread = pthread_self() }
        crabbitmq_name_thread("rabbitmq")
        while true {
            let (jobs, calls, isStopped) = takeWork()
            for job in jobs { job.runSynchronously(on: asUnownedSerialExecutor()) }
            for call in calls { call() }
            if isStopped && jobs.isEmpty && calls.isEmpty { return }
            sleep(giveTurn())
        }
    }

    private func giveTurn() -> Wait {
        guard let owner else { return .forWork }
        return owner.assumeIsolated { $0.takeTurn() }
    }

    private func takeWork() -> ([UnownedJob], [@Sendable () -> Void], Bool) {
        state.withLock { state in
            if state.wakeIsPending {
                var count: UInt64 = 0
                _ = read(wakeDescriptor, &count, MemoryLayout<UInt64>.size)
                state.wakeIsPending = false
            }
            let work = (state.jobs, state.calls, state.isStopped)
            state.jobs.removeAll()
            state.calls.removeAll()
            return work
        }
    }

    private func sleep(_ wait: Wait) {
        if wait.timeout == 0 || state.withLock({ $0.wakeIsPending || $0.isStopped }) { return }
        var descriptors = [pollfd(fd: wakeDescriptor, events: Int16(POLLIN), revents: 0)]
        if wait.socket >= 0 {
            let events = Int16(POLLIN) | (wait.wantsToWrite ? Int16(POLLOUT) : 0)
            descriptors.append(pollfd(fd: wait.socket, events: events, revents: 0))
        }
        // An interrupted wait is another turn, nothing worse.
        _ = poll(&descriptors, nfds_t(descriptors.count), wait.timeout)
    }
}
