import Foundation
public import Logging

/// Log lines as JSON objects on standard error: time, level, message, stage, then the metadata.
public struct JSONLogHandler: LogHandler {
    /// Stands in every line; what a line brings along under the same key wins.
    public var metadata: Logger.Metadata = [:]
    /// What is below it is not written.
    public var logLevel: Logger.Level
    private let stage: String

    /// - Parameter stage: stands in every line.
    public init(stage: String, level: Logger.Level) {
        self.stage = stage
        logLevel = level
    }

    /// One entry of ``metadata``.
    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    /// Writes one line, its keys ascending, in a single write.
    public func log(event: LogEvent) {
        write(event.level, event.message, event.metadata)
    }

    private func write(_ level: Logger.Level, _ message: Logger.Message, _ extra: Logger.Metadata?) {
        var line: [String: String] = [:]
        for (key, value) in metadata.merging(extra ?? [:], uniquingKeysWith: { $1 }) { line[key] = "\(value)" }
        line["level"] = level.rawValue
        line["message"] = "\(message)"
        line["stage"] = stage
        line["time"] = Date.now.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard var bytes = try? encoder.encode(line) else { return }
        bytes.append(0x0A)
        // One write a line, so that lines of several tasks do not mix.
        FileHandle.standardError.write(bytes)
    }
}
