import Foundation

/// The two bodies of a `$batch`; see <https://learn.microsoft.com/graph/json-batching>.
enum BatchBody {
    /// Requests in one batch.
    static let limit = 20

    struct Item: Encodable {
        let id: String
        var method = "GET"
        let url: String
        let headers: [String: String]
        /// JSON, put in as it is.
        var body: [UInt8]?

        enum CodingKeys: CodingKey {
            case id, method, url, headers
        }
    }

    struct Answer {
        let id: String
        let status: Int
        /// Names in lower case.
        let headers: [String: String]
        /// The item's body, byte for byte; empty when it had none.
        let body: [UInt8]
    }

    static func encode(_ items: [Item]) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes]
        var text = Array(#"{"requests":["#.utf8)
        for (place, item) in items.enumerated() {
            if place > 0 { text.append(UInt8(ascii: ",")) }
            // Strings and dictionaries of strings: there is nothing that could not be encoded.
            text += (try? encoder.encode(item)).map { Array($0) } ?? []
            guard let body = item.body else { continue }
            text.removeLast()
            text += Array(#","body":"#.utf8) + body + [UInt8(ascii: "}")]
        }
        return text + Array("]}".utf8)
    }

    /// `nil` when the body is not the answer to a batch. Items that are not well formed are left out: to the caller
    /// they were not answered.
    static func answers(_ body: [UInt8]) -> [Answer]? {
        guard let list = JSONScan.members(body)?.first(where: { $0.key == "responses" }),
            let elements = JSONScan.elements(body, list.value)
        else { return nil }
        return elements.compactMap { answer(body, $0) }
    }

    private static func answer(_ bytes: [UInt8], _ range: Range<Int>) -> Answer? {
        guard let members = JSONScan.members(bytes, range) else { return nil }
        func value(_ key: String) -> Range<Int>? { members.first { $0.key == key }?.value }
        guard let idRange = value("id"), let id = identifier(bytes, idRange),
            let status = value("status").flatMap({ JSONScan.integer(bytes, $0) })
        else { return nil }
        var headers: [String: String] = [:]
        for header in value("headers").flatMap({ JSONScan.members(bytes, $0) }) ?? [] {
            headers[header.key.lowercased()] = JSONScan.string(bytes, header.value)
        }
        let body = value("body").map { Array(bytes[$0]) } ?? []
        return Answer(id: id, status: status, headers: headers, body: body == Array("null".utf8) ? [] : body)
    }

    private static func identifier(_ bytes: [UInt8], _ range: Range<Int>) -> String? {
        JSONScan.string(bytes, range) ?? JSONScan.integer(bytes, range).map { String($0) }
    }
}
