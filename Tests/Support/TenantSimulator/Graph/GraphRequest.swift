import NIOCore

/// One request to the simulated directory service: an HTTP request, or an item of a batch.
struct GraphRequest {
    enum Version: String {
        case v1 = "v1.0"
        case beta
    }

    var method: String
    var version: Version
    /// Decoded segments after the version.
    var path: [String]
    var query: Query
    /// Names in lower case.
    var headers: [String: String]
    var body: [UInt8]
    /// Scheme and authority that the client used; links in answers begin with it.
    var base: String
    /// The path with its query as it came, after the version, for links.
    var target: String
    var isBatchItem = false

    /// Query options; names in lower case, with their `$`.
    struct Query {
        private(set) var values: [String: String] = [:]
        /// The names in `$select`, split once: every object of an answer asks for them.
        private(set) var selected: [String]?

        init() {}

        init(_ text: some StringProtocol) {
            for pair in text.split(separator: "&") {
                let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                let name = PercentEncoding.decode(parts[0]).lowercased()
                values[name] = parts.count > 1 ? PercentEncoding.decode(parts[1], plusIsSpace: true) : ""
            }
            selected = (values["$select"] ?? values["select"]).map { text in
                text.split(separator: ",").map { $0.trimmingSpaces() }.filter { !$0.isEmpty }
            }
        }

        mutating func set(_ name: String, _ value: String) { values[name] = value }

        /// The option with or without `$`.
        subscript(name: String) -> String? { values["$" + name] ?? values[name] }

        func has(_ name: String) -> Bool { self[name] != nil }
    }

    /// Splits a path relative to the version, and normalises `users('id')` to `users/id`.
    static func segments(_ path: some StringProtocol) -> [String] {
        var list: [String] = []
        for raw in path.split(separator: "/") {
            let segment = PercentEncoding.decode(raw)
            guard let open = segment.firstIndex(of: "("), segment.last == ")" else {
                list.append(segment)
                continue
            }
            let name = String(segment[..<open])
            let argument = segment[segment.index(after: open)...].dropLast()
            list.append(name)
            if argument.hasPrefix("'"), argument.hasSuffix("'"), argument.count >= 2 {
                list.append(String(argument.dropFirst().dropLast()))
            } else if !argument.isEmpty {
                list.append("(\(argument))")
            }
        }
        return list
    }

    var select: [String]? { query.selected }

    var wantsEventualConsistency: Bool { headers["consistencylevel"]?.lowercased() == "eventual" }
}

/// What the simulated service answers.
struct GraphResponse {
    var status: Int
    var headers: [(String, String)] = []
    var body: ByteBuffer?
    /// Cost in the service's resource units.
    var units = 1

    static let noContent = GraphResponse(status: 204)

    static func json(_ status: Int = 200, _ value: SimulatedJSON) -> GraphResponse {
        GraphResponse(status: status, body: ByteBuffer(bytes: value.encoded))
    }
}

/// An error in the service's form.
struct GraphFailure: Error {
    var status: Int
    var code: String
    var message: String
    var headers: [(String, String)] = []

    static func badRequest(_ message: String, code: String = "Request_BadRequest") -> GraphFailure {
        GraphFailure(status: 400, code: code, message: message)
    }

    static func notFound(_ id: String) -> GraphFailure {
        GraphFailure(
            status: 404, code: "Request_ResourceNotFound",
            message: "Resource '\(id)' does not exist or one of its queried reference-property objects are not present."
        )
    }

    static let denied = GraphFailure(
        status: 403, code: "Authorization_RequestDenied", message: "Insufficient privileges to complete the operation.")

    static func unknownSegment(_ segment: String) -> GraphFailure {
        badRequest("Resource not found for the segment '\(segment)'.", code: "BadRequest")
    }

    static let expiredDeltaToken = GraphFailure(
        status: 400, code: "syncStateNotFound",
        message:
            "The sync state generation is not found. The delta token is expired and data must be synchronized again.")

    func response(requestID: String, clientRequestID: String?, time: String) -> GraphResponse {
        var inner: [(String, SimulatedJSON)] = [("date", .string(time)), ("request-id", .string(requestID))]
        inner.append(("client-request-id", .string(clientRequestID ?? requestID)))
        let error: SimulatedJSON = .object([
            ("code", .string(code)), ("message", .string(message)), ("innerError", .object(inner)),
        ])
        var answer = GraphResponse.json(status, .object([("error", error)]))
        answer.headers = headers
        return answer
    }
}

/// Percent-encoding of RFC 3986.
enum PercentEncoding {
    static func decode(_ text: some StringProtocol, plusIsSpace: Bool = false) -> String {
        var bytes: [UInt8] = []
        var units = text.utf8.makeIterator()
        while let unit = units.next() {
            if unit == UInt8(ascii: "%"), let high = units.next().flatMap(digit), let low = units.next().flatMap(digit)
            {
                bytes.append(high << 4 | low)
            } else {
                bytes.append(plusIsSpace && unit == UInt8(ascii: "+") ? 0x20 : unit)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func digit(_ unit: UInt8) -> UInt8? {
        switch unit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): unit - 48
        case UInt8(ascii: "a")...UInt8(ascii: "f"): unit - 87
        case UInt8(ascii: "A")...UInt8(ascii: "F"): unit - 55
        default: nil
        }
    }
}

extension StringProtocol {
    func trimmingSpaces() -> String {
        var rest = self[...]
        while rest.first?.isWhitespace == true { rest = rest.dropFirst() }
        while rest.last?.isWhitespace == true { rest = rest.dropLast() }
        return String(rest)
    }
}
