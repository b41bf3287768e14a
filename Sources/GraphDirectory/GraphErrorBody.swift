/// The error that Microsoft Graph put in a body: its codes from the outermost to the deepest, never its content.
/// Decisions follow the codes; see <https://learn.microsoft.com/graph/errors>.
struct GraphErrorBody: Sendable, Equatable {
    /// Codes that are not empty, outermost first.
    var codes: [String]
    /// Read for licence and service texts alone, never shown: it may hold directory content.
    var message: String

    init(codes: [String], message: String = "") {
        self.codes = codes
        self.message = message
    }

    /// `nil` when the body holds no error object. A body with anything beside the error is an answer that has a
    /// property of that name.
    init?(_ body: [UInt8]) {
        guard let members = JSONScan.members(body) else { return nil }
        self.init(body, members: members)
    }

    init?(_ body: [UInt8], members: [JSONScan.Member]) {
        let plain = members.filter { !$0.key.hasPrefix("@") }
        guard plain.count == 1, let error = plain.first, error.key.lowercased() == "error",
            var level = JSONScan.members(body, error.value)
        else { return nil }
        codes = []
        message = Self.text("message", level, body) ?? ""
        for _ in 0..<Self.deepest {
            if let code = Self.text("code", level, body), !code.isEmpty { codes.append(code) }
            // Both spellings occur.
            guard let inner = level.first(where: { $0.key.lowercased() == "innererror" }),
                let next = JSONScan.members(body, inner.value)
            else { break }
            level = next
        }
    }

    private static let deepest = 8

    private static func text(_ key: String, _ members: [JSONScan.Member], _ body: [UInt8]) -> String? {
        members.first { $0.key == key }.flatMap { JSONScan.string(body, $0.value) }
    }

    func has(_ code: String) -> Bool {
        codes.contains { $0.lowercased() == code.lowercased() }
    }

    /// The codes for a message; what does not look like a code is left out.
    var label: String { plainCodes.joined(separator: "/") }

    /// The deepest code, the most exact one; empty when there is none.
    var deepestCode: String { plainCodes.last ?? "" }

    private var plainCodes: [String] {
        codes.filter { code in
            code.count <= 80 && code.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "_.-".contains($0)) }
        }
    }

    /// The status that an error body would have had, for the gateways that send it with 200.
    var impliedStatus: Int {
        for (code, status) in Self.statuses where has(code) { return status }
        return 500
    }

    private static let statuses: [(String, Int)] = [
        ("syncStateNotFound", 410), ("TooManyRequests", 429), ("activityLimitReached", 429), ("429", 429),
        ("serviceNotAvailable", 503), ("ServiceUnavailable", 503), ("Authorization_RequestDenied", 403),
        ("accessDenied", 403), ("InvalidAuthenticationToken", 401), ("Request_ResourceNotFound", 404),
        ("itemNotFound", 404), ("Request_BadRequest", 400), ("BadRequest", 400), ("NotImplemented", 501),
    ]
}
