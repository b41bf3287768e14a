/// What follows from a failure: disposition, the hint that is shown beside it, and the runbook for the operator.
public struct FailureRule: Sendable {
    /// Decides what worker and stage do; the same for every occurrence of the code.
    public let disposition: Disposition
    /// What a person can do, one sentence, shown under the message by every command; names no tenant and no object.
    public let hint: String
    /// The file name, without extension, under `runbooks/`; `nil` where no operator has to act.
    public let runbook: String?
}

extension FailureCode {
    /// The rule of this code. A code that is unknown here (made by a newer version) is retried later.
    public var rule: FailureRule {
        Self.rules[self]
            ?? FailureRule(
                disposition: .retryLater, hint: "Update this stage: the failure was named by a newer version.",
                runbook: "stage-failing")
    }

    private static func later(_ hint: String, _ runbook: String?) -> FailureRule {
        FailureRule(disposition: .retryLater, hint: hint, runbook: runbook)
    }

    private static func park(_ hint: String, _ runbook: String) -> FailureRule {
        FailureRule(disposition: .park, hint: hint, runbook: runbook)
    }

    private static func ends(_ hint: String, _ runbook: String? = nil) -> FailureRule {
        FailureRule(disposition: .endCollection, hint: hint, runbook: runbook)
    }

    private static let rules: [FailureCode: FailureRule] = [
        .databaseUnreachable: later(
            "Check that PostgreSQL runs and that the stage's configuration names it.", "database-unreachable"),
        .databaseFull: later("Free or add space on the database's volume; work goes on by itself.", "disk-full"),
        .serializationConflict: FailureRule(
            disposition: .retryNow, hint: "Nothing to do: another transaction was in the way.", runbook: nil),
        .unitFenced: FailureRule(
            disposition: .retryNow, hint: "Nothing to do: another worker finished this unit first.", runbook: nil),
        .schemaMismatch: park("Run `entra-backup migrate` with the version of the stages.", "schema-mismatch"),
        .storedDataDamaged: park(
            "Run `entra-backup snapshot verify TENANT` to name what is damaged.", "stored-data-damaged"),
        .keyStoreUnavailable: later("Mount the key store and check its permissions.", "key-store-unavailable"),
        .keyWrong: park("Put back the key store that belongs to this database.", "key-wrong"),
        .storeRejected: later("See the stage's log for the SQLSTATE.", "stage-failing"),
        .brokerUnreachable: later("Check that RabbitMQ runs; nothing is lost while it is away.", "broker-unreachable"),
        .messageUndecodable: park(
            "A message of a newer version or a foreign publisher: see `dead-letters show`.", "dead-letters"),
        .attemptsExhausted: park(
            "See the last error, mend its cause, then `entra-backup dead-letters retry`.", "dead-letters"),
        .graphUnreachable: later(
            "Check DNS, proxy and firewall from the fetcher to Microsoft Graph.", "graph-unreachable"),
        .graphThrottled: later("Nothing to do: Microsoft Graph asked for a pause.", "graph-throttled"),
        .graphServerError: later("Nothing to do: Microsoft Graph reported an error of its own.", "graph-unreachable"),
        .graphAnswerMalformed: later(
            "The answer was cut or not JSON: look for a proxy between the fetcher and Microsoft Graph.",
            "graph-unreachable"),
        .graphRequestRejected: ends(
            "Microsoft Graph refused the request itself; the collection is kept as it was.", "collection-failed"),
        .nextLinkForeign: ends(
            "A next link pointed to another host; it was not followed and no token left.", "next-link-refused"),
        .nextLinkLoops: ends("A next link led back to a page that was already read.", "next-link-refused"),
        .deltaLinkExpired: FailureRule(
            disposition: .restartRound, hint: "Nothing to do: the collection is read completely instead.", runbook: nil),
        .permissionMissing: ends(
            "Grant the permission to the app registration and consent to it; see `tenant show`.", "permission-missing"),
        .licenceMissing: ends("The tenant does not have the service or licence; nothing to do."),
        .collectionNotFound: ends("The tenant does not have this collection; nothing to do."),
        .credentialsInvalid: park(
            "Give the tenant a working credential: `entra-backup tenant credentials TENANT`.", "credentials-invalid"),
        .credentialsExpired: park(
            "The credential has expired: make a new one and add it to the tenant.", "credentials-invalid"),
        .consentMissing: park("An administrator of the tenant must consent to the application.", "consent-missing"),
        .tenantUnknown: park("Check the tenant's id and cloud: Entra ID does not know it.", "credentials-invalid"),
        .writeAccessMissing: park(
            "Give the tenant write access: `entra-backup tenant write-access TENANT add`; then `job retry`.",
            "write-access"),
        .restoreFailed: ends(
            "See `entra-backup restore show JOB` for what stood in the way of each step.", "jobs-failed"),
        .snapshotRemoved: park("Start the download anew, of a snapshot that is kept.", "download-failed"),
        .auditBroken: park("Run `entra-backup audit verify`: it names the first break.", "audit-broken"),
        .stageDefect: later("A defect in the stage: keep the log and report it.", "stage-failing"),
        .mailNotHandedOver: later(
            "Check the outgoing folder and its permissions; the message waits in the database.",
            "mail-not-handed-over"),
    ]
}
