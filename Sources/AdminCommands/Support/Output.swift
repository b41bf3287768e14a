import BackupModel
import Foundation

/// Where commands print: standard output and standard error, unless many of them run in one process.
struct Printing: Sendable {
    @TaskLocal static var current = Printing(
        output: { FileHandle.standardOutput.write(Data($0.utf8)) },
        errors: { FileHandle.standardError.write(Data($0.utf8)) })

    var output: @Sendable (String) -> Void
    var errors: @Sendable (String) -> Void
}

/// What a command prints: JSON for scripts, tables and lines for people.
struct Output: Sendable {
    let options: GlobalOptions

    /// Prints a document, or, for people, what `human` makes.
    func show(_ document: JSONValue, _ human: () -> String) {
        let text = options.json ? document.prettyText : human()
        Printing.current.output(text + "\n")
    }

    /// Prints text as it is.
    func write(_ text: String) { Printing.current.output(text) }

    /// A line about progress on standard error; none for scripts, to whom an error is one document there.
    func progress(_ line: String) {
        guard !options.quiet, !options.json else { return }
        Printing.current.errors(line + "\n")
    }

    var usesColour: Bool {
        !options.noColor && ProcessInfo.processInfo.environment["NO_COLOR"] == nil
            && ProcessInfo.processInfo.environment["TERM"] != "dumb" && isatty(STDOUT_FILENO) == 1
    }
}

/// A table of aligned columns.
struct Table {
    private var rows: [[String]]

    init(_ header: [String]) { rows = [header.map { $0.uppercased() }] }

    mutating func add(_ cells: [String]) { rows.append(cells) }

    var text: String {
        guard let columns = rows.first?.count else { return "" }
        let widths = (0..<columns).map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            row.enumerated().map { index, cell in
                index == columns - 1 ? cell : cell + String(repeating: " ", count: widths[index] - cell.count)
            }.joined(separator: "  ")
        }.joined(separator: "\n")
    }

    var isEmpty: Bool { rows.count == 1 }
}

/// Times as the contract writes them, and as people read them.
enum Moment {
    static func json(_ date: Date?) -> JSONValue {
        guard let date else { return .null }
        return .string(text(date))
    }

    static func text(_ date: Date) -> String {
        date.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }

    /// Reads RFC 3339 with or without fractions.
    static func date(_ text: String) -> Date? {
        (try? Date(
            text,
            strategy: .iso8601.year().month().day().time(includingFractionalSeconds: true).timeZone(separator: .colon)))
            ?? (try? Date(text, strategy: .iso8601))
    }

    /// `3 min ago`.
    static func relative(_ date: Date?, now: Date = .now) -> String {
        guard let date else { return "never" }
        let seconds = Int(now.timeIntervalSince(date))
        switch seconds {
        case ..<0: return "in \(span(-seconds))"
        case 0..<5: return "just now"
        default: return "\(span(seconds)) ago"
        }
    }

    static func span(_ seconds: Int) -> String {
        switch seconds {
        case ..<120: "\(seconds) s"
        case ..<7_200: "\(seconds / 60) min"
        case ..<172_800: "\(seconds / 3_600) h"
        default: "\(seconds / 86_400) days"
        }
    }
}
