import BackupContracts
import BackupModel

/// The lines of a type's member.
struct MemberLines {
    let type: ObjectType
    let format: DownloadOrder.Format
    let snapshot: SnapshotNumber
    private let attributes: [String]
    private let known: Set<String>

    init(type: ObjectType, format: DownloadOrder.Format, snapshot: SnapshotNumber) {
        self.type = type
        self.format = format
        self.snapshot = snapshot
        attributes = type.attributes.filter { $0 != "id" }
        known = Set(attributes)
    }

    /// `user.jsonl`.
    var name: String { "\(type.name).\(format == .json ? "jsonl" : "csv")" }

    /// The names of the columns, for CSV: the id, the catalogue's attributes, what else the objects have as one JSON
    /// object, links and children. Fixed before the first object, so that one pass does.
    func appendHeader(to bytes: inout [UInt8]) {
        guard format == .csv else { return }
        var row = CSVRow()
        row.add("id")
        for name in attributes { row.add(name) }
        for name in ["otherAttributes", "links", "children"] { row.add(name) }
        row.end(into: &bytes)
    }

    func append(_ document: ObjectDocument, _ version: VersionStamp, to bytes: inout [UInt8]) {
        switch format {
        case .json:
            bytes += document.json(snapshot: snapshot, version: version).canonicalBytes
            bytes.append(0x0A)
        case .csv:
            appendRow(document, to: &bytes)
        }
    }

    private func appendRow(_ document: ObjectDocument, to bytes: inout [UInt8]) {
        var row = CSVRow()
        row.add(document.id)
        for name in attributes { row.add(document.attributes[name]) }
        let others = document.attributes.filter { !known.contains($0.name) }
        row.add(others.isEmpty ? nil : .object(JSONObject(others.map { ($0.name, $0.value) })))
        let links = document.links.map { ($0, JSONValue.array($1.map(JSONValue.string))) }
        row.add(links.isEmpty ? nil : .object(JSONObject(links)))
        let children = document.children.map { ($0, JSONValue.array($1)) }
        row.add(children.isEmpty ? nil : .object(JSONObject(children)))
        row.end(into: &bytes)
    }
}

/// A row of comma-separated values (RFC 4180), in which nothing is taken for a formula.
struct CSVRow {
    private var bytes: [UInt8] = []
    private var isFirst = true

    /// A text, a number or a truth value as it is; nothing for what is absent or null; compact JSON for the rest.
    mutating func add(_ value: JSONValue?) {
        switch value {
        case nil, .null?: add("")
        case .string(let text)?: add(text)
        case let value?: add(value.canonicalText)
        }
    }

    mutating func add(_ text: String) {
        if !isFirst { bytes.append(0x2C) }
        isFirst = false
        var cell = Array(text.utf8)
        // A spreadsheet would work out what begins so, and may fetch from the network while it does.
        if let first = cell.first, "=+-@\t\r".utf8.contains(first) { cell.insert(0x27, at: 0) }
        guard cell.contains(where: { ",\"\r\n".utf8.contains($0) }) else {
            bytes += cell
            return
        }
        bytes.append(0x22)
        for byte in cell {
            if byte == 0x22 { bytes.append(0x22) }
            bytes.append(byte)
        }
        bytes.append(0x22)
    }

    consuming func end(into target: inout [UInt8]) {
        target += bytes
        target += [0x0D, 0x0A]
    }
}
