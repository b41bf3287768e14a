import Foundation

/// Secrets come from files or standard input, never from flags.
enum SecretFile {
    /// The content of `path`, or of standard input for `-`, without the line end.
    static func read(_ path: String) throws -> String {
        let data: Data
        if path == "-" {
            data = FileHandle.standardInput.readDataToEndOfFile()
        } else {
            guard let content = FileManager.default.contents(atPath: path) else {
                throw CommandFailure(
                    1, "fileUnreadable", "The file \(path) cannot be read.", hint: "Check its path and permissions.")
            }
            data = content
        }
        guard let text = String(data: data, encoding: .utf8) else {
            throw CommandFailure(
                1, "fileNotText", "The file \(path) is not UTF-8 text.", hint: "Give the secret as text.")
        }
        let trimmed = text.trimmingCharacters(in: .whitespacesAndNewlines)
        guard !trimmed.isEmpty else {
            throw CommandFailure(1, "fileEmpty", "The file \(path) is empty.", hint: "Put the secret into it.")
        }
        return trimmed
    }
}
