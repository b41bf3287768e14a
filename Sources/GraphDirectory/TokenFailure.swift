import BackupContracts

/// What the token endpoint's refusal means; the numbers are those of
/// <https://learn.microsoft.com/entra/identity-platform/reference-error-codes>.
struct TokenFailure: Sendable, Equatable {
    /// AADSTS numbers, as the answer lists them.
    let numbers: [Int]
    /// `invalid_client` and the like.
    let error: String

    init(numbers: [Int], error: String) {
        self.numbers = numbers
        self.error = error
    }

    init(body: [UInt8]) {
        let members = JSONScan.members(body) ?? []
        func value(_ key: String) -> Range<Int>? { members.first { $0.key == key }?.value }
        func text(_ key: String) -> String { value(key).flatMap { JSONScan.string(body, $0) } ?? "" }
        let listed = value("error_codes").flatMap { JSONScan.elements(body, $0) } ?? []
        let numbers = listed.compactMap { JSONScan.integer(body, $0) }
        self.numbers = numbers.isEmpty ? Self.number(in: text("error_description")).map { [$0] } ?? [] : numbers
        let error = text("error")
        self.error = error.allSatisfy { $0.isASCII && ($0.isLetter || $0 == "_") } ? String(error.prefix(40)) : ""
    }

    /// The number in a text that begins `AADSTS7000215: …`.
    private static func number(in description: String) -> Int? {
        guard let mark = description.firstRange(of: "AADSTS") else { return nil }
        return Int(description[mark.upperBound...].prefix { $0.isNumber })
    }

    /// `nil` when Entra ID asks to try again.
    var code: FailureCode? {
        for (numbers, code) in Self.rules where self.numbers.contains(where: numbers.contains) { return code }
        return ["temporarily_unavailable", "server_error"].contains(error) ? nil : .credentialsInvalid
    }

    /// For messages.
    var label: String {
        numbers.isEmpty ? error : numbers.map { "AADSTS\($0)" }.joined(separator: "/")
    }

    private static let rules: [(Set<Int>, FailureCode?)] = [
        // Server trouble, time-outs and throttling of the token service.
        ([90006, 90012, 90033, 90055, 50196], nil),
        // Secret expired; the certificate's own date is looked at before it is sent.
        ([7000222], .credentialsExpired),
        // No consent, consent withdrawn, consent by an administrator needed, application not in the tenant's list.
        ([65001, 65004, 90094, 650051, 650052, 650056, 7000229, 501051, 500011], .consentMissing),
        // No such tenant, no valid name of one, or a tenant of another cloud.
        ([90002, 900021, 900023, 50059, 900382, 900432], .tenantUnknown),
        // Wrong secret; unknown application; assertion not signed by a known key, out of its time, or not fit.
        ([7000215, 700016, 700027, 700024, 700021, 700023, 700030, 7000216, 7000218, 7000112], .credentialsInvalid),
    ]
}
