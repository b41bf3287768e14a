import Glibc

/// The exclusive lock on a data directory. The kernel frees it when its holder ends, however that happens.
final class StackLock: Sendable {
    private let descriptor: Int32

    private init(_ descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    /// Nil when someone else holds it. The file must exist or its directory be writable.
    static func take(_ layout: LocalStackLayout) throws -> StackLock? {
        let descriptor = open(layout.lockFile, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o644)
        guard descriptor >= 0 else { throw Files.failure("Cannot open \(layout.lockFile)") }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            return nil
        }
        return StackLock(descriptor)
    }

    /// Takes it for the supervisor and writes its pid. A client that looks holds the lock for an instant, so a few
    /// attempts are made.
    static func takeForSupervisor(_ layout: LocalStackLayout) async throws -> StackLock {
        for _ in 0..<10 {
            if let lock = try take(layout) {
                let text = "\(getpid())\n"
                ftruncate(lock.descriptor, 0)
                pwrite(lock.descriptor, text, text.utf8.count, 0)
                return lock
            }
            try await Task.sleep(for: .milliseconds(50))
        }
        throw LocalStackError.alreadyRunning(holder(layout), layout.root)
    }

    /// The pid that the holder wrote; only to be shown.
    static func holder(_ layout: LocalStackLayout) -> Int32? {
        ((try? Files.readIfThere(layout.lockFile)) ?? nil)
            .flatMap { Int32($0.trimmed) }
    }
}
