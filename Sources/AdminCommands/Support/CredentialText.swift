import AccountModel
import BackupModel
import Foundation
import PostgresStore

extension CredentialRecord {
    /// Whether it can be used now.
    func status(now: Date = .now) -> CredentialStatus {
        let granted = permissions.map(Set.init)
        // Write access is tried when it is given; what it lacks, the plan of a restore names.
        let isChecked = hasWorked || granted != nil || purpose == "write"
        let hasConsent =
            hasWorked || purpose == "write"
            || Catalogue.current.types.contains { type in
                granted.map { type.permission != nil && type.isGranted(by: $0) } ?? false
            }
        return CredentialStatus(
            CredentialStatus.Facts(
                expiresAt: expiresAt, isChecked: isChecked, hasConsent: hasConsent, lastFailure: lastFailure),
            now: now)
    }

    /// What a backup uses and the token did not hold.
    var missingPermissions: [String] {
        guard let permissions else { return [] }
        let used = Set(Catalogue.current.types.compactMap(\.permission))
        return used.filter { !Catalogue.isGranted($0, by: Set(permissions)) }.sorted()
    }

    func json(now: Date = .now) -> JSONValue {
        let status = status(now: now)
        return [
            "purpose": .string(purpose), "kind": .string(kind), "clientId": .string(clientID),
            "status": .string(status.name), "days": status.days.map { JSONValue($0) } ?? .null,
            "expiresAt": Moment.json(expiresAt), "createdAt": Moment.json(createdAt),
            "missingPermissions": .array(missingPermissions.map { .string($0) }),
        ]
    }

    /// `valid`, with what is missing.
    func text(now: Date = .now) -> String {
        let missing = missingPermissions.count
        let status = status(now: now)
        guard missing > 0, status != .consentMissing else { return status.text }
        return "\(status.text), \(missing) \(missing == 1 ? "permission" : "permissions") missing"
    }

    /// What to do about it; nil when nothing is to be done.
    func nextStep(_ tenant: TenantRecord, now: Date = .now) -> String? {
        let replace =
            purpose == "read"
            ? "entra-backup tenant credentials \(tenant.id) --client-secret-file F"
            : "entra-backup tenant write-access \(tenant.id) add --client-id \(clientID) --client-secret-file F"
        switch status(now: now) {
        case .valid: return nil
        case .expiring, .expired, .rejected: return "Replace it: \(replace)"
        case .consentMissing:
            return "An administrator of the tenant consents; then: entra-backup tenant activate \(tenant.id)"
        case .unchecked: return "Check it: entra-backup tenant activate \(tenant.id)"
        }
    }
}
