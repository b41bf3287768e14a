import BackupContracts
import BackupModel

/// The lines of a type's member.
struct MemberLines {
    let type: ObjectType
    let format: DownloadOrder.Format
    let snapshot: SnapshotNumber
    private let attributes: [String]
    /// The columns of attributes by name in bytes, ascending, as the members of an object are: one pass finds them.
    private let columns: [(name: [UInt8], index: Int)]

    init(type: ObjectType, format: DownloadOrder.Format, snapshot: SnapshotNumber) {
        self.type = type
        self.format = format
        self.snapshot = snapshot
        attributes = type.attributes.filter { $0 != "id" }
        columns = attributes.enumerated().map { (Array($0.element.utf8), $0.offset) }.sorted {
            $0.name.lexicographicallyPrecedes($1.name)
        }
    }

    /// `user.jsonl`.
    var name: String { "\(type.name).\(format == .json ? "jsonl" : "csv")" }

    /// The names of the columns, for CSV: the id, the catalogue's attributes, what else the objects have as one JSON
    /// object, links and children. Fixed before the first object, so that one pass does.
    func appendHeader(to bytes: inout [UInt8]) {
        guard format == .csv else { return }
        var row = CSVRow()
        row.add("id", to: &bytes)
        for name in attributes { row.add(name, to: &bytes) }
        for name in ["otherAttributes", "links", "children"] { row.add(name, to: &bytes) }
        row.end(&bytes)
    }

    func append(_ document: DocumentText, _ version: VersionStamp, to bytes: inout [UInt8]) throws(StageFailure) {
        switch format {
        case .json:
            document.appendJSON(snapshot: snapshot, version: version, to: &bytes)
            bytes.append(0x0A)
        case .csv:
            do throws(JSONSyntaxError) {
                try appendRow(document, to: &bytes)
            } catch {
                throw StageFailure(.storedDataDamaged, "A stored content of \(type.name) is not JSON: \(error)")
            }
        }
    }

    private func appendRow(_ document: DocumentText, to bytes: inout [UInt8]) throws(JSONSyntaxError) {
        let text = document.attributes
        var cells: [Range<Int>?] = Array(repeating: nil, count: attributes.count)
        var others: [UInt8] = []
        var column = 0
        for member in try document.attributeMembers() {
            if member.isPlain {
                let name = text.bytes[member.name]
                while column < columns.count, columns[column].name.lexicographicallyPrecedes(name) { column += 1 }
                if column < columns.count, name.elementsEqual(columns[column].name) {
                    cells[columns[column].index] = member.value
                    continue
                }
            }
            // No name of the catalogue needs an escape.
            others.append(others.isEmpty ? 0x7B : 0x2C)
            others += text.bytes[member.name.lowerBound - 1..<member.value.upperBound]
        }
        if !others.isEmpty { others.append(0x7D) }
        var row = CSVRow()
        row.add(document.id, to: &bytes)
        for cell in cells { row.add(text, cell, to: &bytes) }
        row.add(cell: others[...], to: &bytes)
        row.add(document.links.isEmpty, to: &bytes) { document.appendLinks(to: &$0) }
        row.add(document.children.isEmpty, to: &bytes) { document.appendChildren(to: &$0) }
        row.end(&bytes)
    }
}

/// A row of comma-separated values (RFC 4180), in which nothing is taken for a formula.
struct CSVRow {
    private var isFirst = true

    /// A text, a number or a truth value as it is; nothing for what is absent or null; compact JSON for the rest.
    mutating func add(_ object: CanonicalObject, _ value: Range<Int>?, to bytes: inout [UInt8]) {
        guard let value, !value.isEmpty, object.bytes[value.lowerBound] != 0x6E else {
            return add(cell: [], to: &bytes)
        }
        guard object.bytes[value.lowerBound] == 0x22 else { return add(cell: object.bytes[value], to: &bytes) }
        let inside = object.bytes[value.lowerBound + 1..<value.upperBound - 1]
        guard inside.contains(0x5C), let text = object.string(at: value) else { return add(cell: inside, to: &bytes) }
        add(text, to: &bytes)
    }

    mutating func add(_ text: String, to bytes: inout [UInt8]) {
        add(cell: Array(text.utf8)[...], to: &bytes)
    }

    mutating func add(_ isEmpty: Bool, to bytes: inout [UInt8], _ append: (inout [UInt8]) -> Void) {
        var cell: [UInt8] = []
        if !isEmpty { append(&cell) }
        add(cell: cell[...], to: &bytes)
    }

    mutating func add(cell: ArraySlice<UInt8>, to bytes: inout [UInt8]) {
        if !isFirst { bytes.append(0x2C) }
        isFirst = false
        // A spreadsheet would work out what begins so, and may fetch from the network while it does.
        let isFormula =
            switch cell.first {
            case 0x3D, 0x2B, 0x2D, 0x40, 0x09, 0x0D: true
            default: false
            }
        guard cell.contains(where: { $0 == 0x2C || $0 == 0x22 || $0 == 0x0D || $0 == 0x0A }) else {
            if isFormula { bytes.append(0x27) }
            bytes += cell
            return
        }
        bytes.append(0x22)
        if isFormula { bytes.append(0x27) }
        for byte in cell {
            if byte == 0x22 { bytes.append(0x22) }
            bytes.append(byte)
        }
        bytes.append(0x22)
    }

    consuming func end(_ bytes: inout [UInt8]) {
        bytes.append(0x0D)
        bytes.append(0x0A)
    }
}
