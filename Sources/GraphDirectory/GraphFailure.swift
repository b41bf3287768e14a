import BackupContracts

/// Which failure an answer is. Sources: <https://learn.microsoft.com/graph/errors> and
/// <https://learn.microsoft.com/graph/delta-query-overview> for the lost position.
enum GraphFailure {
    /// The failure of an answer with an error status that is not, or no longer, worth repeating.
    static func code(status: Int, error: GraphErrorBody?, scope: ThrottleScope) -> FailureCode {
        // 410 by the documentation, 400 by what was seen when a delta token had grown too old.
        if status == 410 || error?.has("syncStateNotFound") == true { return .deltaLinkExpired }
        if (400...403).contains(status), let error, lacksLicence(status, error, scope) { return .licenceMissing }
        return switch status {
        case 401: .credentialsInvalid
        case 403: .permissionMissing
        case 404: .collectionNotFound
        case 429: .graphThrottled
        case 408, 409, 500, 502, 503, 504, 509: .graphServerError
        default: .graphRequestRejected
        }
    }

    private static let licenceCodes = [
        "Authentication_RequestFromNonPremiumTenantOrB2CTenant", "AadPremiumLicenseRequired",
    ]

    /// Texts of services that have no code of their own for it.
    private static let licenceTexts = [
        "premium license", "premium p2", "premium p1", "entra id p2", "entra id p1", "governance license",
        "license is required", "not licensed", "does not have a license", "doesn't have a license",
    ]

    /// Intune answers 400 with a general code when the tenant does not have the service.
    private static let noIntuneTexts = ["not applicable to target tenant", "intune"]

    private static func lacksLicence(_ status: Int, _ error: GraphErrorBody, _ scope: ThrottleScope) -> Bool {
        if licenceCodes.contains(where: error.has) { return true }
        let message = error.message.lowercased()
        if status == 403, licenceTexts.contains(where: message.contains) { return true }
        return status == 400 && scope == .intune && noIntuneTexts.contains(where: message.contains)
    }

    /// The failure with a sentence that names request, status and codes, and nothing of the content.
    static func failure(
        _ code: FailureCode, _ label: String, status: Int, error: GraphErrorBody?, retryAfter: Duration? = nil
    ) -> StageFailure {
        let codes = error.map(\.label) ?? ""
        let answer = codes.isEmpty ? "status \(status)" : "status \(status), \(codes)"
        return StageFailure(code, "\(label) was answered with \(answer).", retryAfter: retryAfter)
    }
}
