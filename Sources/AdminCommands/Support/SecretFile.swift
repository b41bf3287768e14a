import Foundation

/// Secrets come from files or standard input, never from flags.
enum SecretFile {
    /// The content of `path`, or of standard input for `-`, without the line end.
    static func read(_ path: String) throws -> String {
        let data: Data
        if path == "-" {
            data = FileHandle.standardInput.readDataToEndOfFile()
        } else {
            data = try content(path)
        }
        let source = path == "-" ? "Standard input" : "The file \(path)"
        guard let text = String(data: data, encoding: .utf8) else {
            throw CommandFailure(1, "fileNotText", "\(source) is not UTF-8 text.", hint: "Give the secret as text.")
        }
        let trimmed = text.trimmingCharacters(in: .whitespacesAndNewlines)
        guard !trimmed.isEmpty else {
            throw CommandFailure(1, "fileEmpty", "\(source) is empty.", hint: "Put the secret into it.")
        }
        return trimmed
    }

    private static func content(_ path: String) throws -> Data {
        do {
            return try Data(contentsOf: URL(fileURLWithPath: path))
        } catch {
            let cause = ((error as? CocoaError)?.underlying as? POSIXError).map {
                ": \(String(cString: strerror($0.code.rawValue)))"
            }
            throw CommandFailure(
                1, "fileUnreadable", "The file \(path) cannot be read\(cause ?? "").",
                hint: "Check its path and permissions.")
        }
    }
}
