/// A table as RFC 4180 has it: a header, lines ended by CR LF, quotes where they are needed.
struct CSVText {
    private(set) var text = ""

    init(_ header: [String]) { add(header) }

    mutating func add(_ cells: [String]) {
        for (index, cell) in cells.enumerated() {
            if index > 0 { text += "," }
            text += Self.field(cell)
        }
        text += "\r\n"
    }

    private static func field(_ cell: String) -> String {
        let needsQuotes = cell.utf8.contains { [0x22, 0x2C, 0x0A, 0x0D].contains($0) }
        return needsQuotes ? "\"\(cell.replacing("\"", with: "\"\""))\"" : cell
    }
}
