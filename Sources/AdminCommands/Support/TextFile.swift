import Foundation

/// Text that commands read from a file or from standard input.
enum TextFile {
    /// The content of `path`, or of standard input for `-`, without white space around it.
    ///
    /// - Parameter hint: what belongs into it.
    static func read(_ path: String, hint: String) throws -> String {
        let data: Data
        if path == "-" {
            data = FileHandle.standardInput.readDataToEndOfFile()
        } else {
            data = try content(path)
        }
        guard let text = String(data: data, encoding: .utf8) else {
            throw CommandFailure(1, "fileNotText", "\(name(path)) is not UTF-8 text.", hint: hint)
        }
        let trimmed = text.trimmingCharacters(in: .whitespacesAndNewlines)
        guard !trimmed.isEmpty else {
            throw CommandFailure(1, "fileEmpty", "\(name(path)) is empty.", hint: hint)
        }
        return trimmed
    }

    /// What is said of the file.
    static func name(_ path: String) -> String { path == "-" ? "Standard input" : "The file \(path)" }

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
