import FoundationEssentials
import Glibc

/// Why the last supervisor ended, for the client that started it.
enum FailureFile {
    static func write(_ error: LocalStackError, _ layout: LocalStackLayout) {
        guard let data = try? JSONEncoder().encode(error) else { return }
        try? Files.write(String(decoding: data, as: UTF8.self) + "\n", to: layout.failureFile, mode: 0o644, nil)
    }

    static func read(_ layout: LocalStackLayout) -> LocalStackError? {
        guard let text = (try? Files.readIfThere(layout.failureFile)) ?? nil else { return nil }
        return try? JSONDecoder().decode(LocalStackError.self, from: Data(text.utf8))
    }

    static func remove(_ layout: LocalStackLayout) { unlink(layout.failureFile) }
}
