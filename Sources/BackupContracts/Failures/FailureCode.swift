/// What the system does when a failure occurs: the decision rule of the code that carries it.
public enum Disposition: String, Sendable, Codable {
    /// The same unit again at once: another transaction was in the way, nothing is wrong. Where that one finished the
    /// unit itself (``FailureCode/unitFenced``) there is nothing to repeat: the delivery is over.
    case retryNow
    /// The same unit after a pause that grows with the attempts: a dependency is away or asks for patience.
    case retryLater
    /// The collection starts again with a complete listing: its position was lost.
    case restartRound
    /// The collection ends with this outcome and the round goes on: what could not be read is said in the snapshot.
    case endCollection
    /// No attempt can succeed until a person acts: the job fails and says what to do.
    case park
}

/// A named failure with its disposition, hint and runbook. Names are conditions and stay for ever.
public struct FailureCode: Sendable, Hashable, Codable, CustomStringConvertible {
    /// The name in JSON, logs, dead letters and runbooks; one of ``all``, or one that a newer version has stored.
    public let name: String

    private init(_ name: String) { self.name = name }

    public var description: String { name }

    public init(from decoder: any Decoder) throws {
        self = FailureCode(try decoder.singleValueContainer().decode(String.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(name)
    }

    // Store
    /// PostgreSQL cannot be reached, refuses the login or cuts work off. The delivery is held, not given back, and its
    /// message begun again every 0.2 to 5 s.
    public static let databaseUnreachable = FailureCode("databaseUnreachable")
    /// SQLSTATE 53100: the database's volume has no room. Retried with growing pauses.
    public static let databaseFull = FailureCode("databaseFull")
    /// SQLSTATE 40001, 40P01 or 55P03: another transaction held the rows. Nothing was written; retried within 0.2 s.
    public static let serializationConflict = FailureCode("serializationConflict")
    /// Another worker was first, or the job has ended or was restarted: nothing was written (D10). The delivery is
    /// acknowledged and counted as fenced, not as failed; work that is left still has its row.
    public static let unitFenced = FailureCode("unitFenced")
    /// Schema, stored format or catalogue are of another version, or the database role lacks a right. Parked.
    public static let schemaMismatch = FailureCode("schemaMismatch")
    /// A stored payload is missing, does not open or cannot be read. Parked: nothing is guessed in its place.
    public static let storedDataDamaged = FailureCode("storedDataDamaged")
    /// The key store cannot be read, lacks a key file, or lets others read it. Retried, for a volume to be mounted.
    public static let keyStoreUnavailable = FailureCode("keyStoreUnavailable")
    /// A key does not open what the database holds, is damaged, or the tenant's secret was destroyed (D8). Parked.
    public static let keyWrong = FailureCode("keyWrong")
    /// PostgreSQL refused a statement for a reason that has no code here; the log has the SQLSTATE. Retried later.
    public static let storeRejected = FailureCode("storeRejected")
    // Broker
    /// RabbitMQ cannot be reached. Messages keep their rows and are published when it is back (D1).
    public static let brokerUnreachable = FailureCode("brokerUnreachable")
    /// A delivery is no message of a known kind and version. It becomes a dead letter at once; no job is touched.
    public static let messageUndecodable = FailureCode("messageUndecodable")
    /// A message was begun ``attemptsBeforeParking`` times and never ended, as when its workers die. Parked with the
    /// last error that was told.
    public static let attemptsExhausted = FailureCode("attemptsExhausted")
    // Graph
    /// Neither Graph nor Entra ID answers the reader's repeats: no connection, no TLS, a time-out. Retried later.
    public static let graphUnreachable = FailureCode("graphUnreachable")
    /// 429, or a pause longer than the reader's patience. The rest of a walk or restore waits as a message of its own:
    /// no attempt is lost. A walk that waits too often in a row without a page ends as failed.
    public static let graphThrottled = FailureCode("graphThrottled")
    /// 408, 409 or 5xx after the reader's repeats. A walk waits as for ``graphThrottled``; all else is retried later.
    public static let graphServerError = FailureCode("graphServerError")
    /// An answer was cut, too long, not JSON, or lacks what it must have. Retried later; a stored page that cannot be
    /// parsed fails its collection instead.
    public static let graphAnswerMalformed = FailureCode("graphAnswerMalformed")
    /// An error status without a code here, such as 400. The collection ends as failed and keeps its objects (D5).
    public static let graphRequestRejected = FailureCode("graphRequestRejected")
    /// A next or delta link leads to another host: it was not followed, no token left. The collection ends as failed.
    public static let nextLinkForeign = FailureCode("nextLinkForeign")
    /// A next link led back to a page already read. The collection ends as failed and keeps its objects.
    public static let nextLinkLoops = FailureCode("nextLinkLoops")
    /// 410 or `syncStateNotFound`, or the delta link selects other directory extensions than there are now. The walk
    /// begins again as a complete listing, at most three times in a round (D6).
    public static let deltaLinkExpired = FailureCode("deltaLinkExpired")
    /// 403. The collection ends as refused; a mere part of it (a relationship, a further listing) is noted in the
    /// snapshot and stays as it was (D5).
    public static let permissionMissing = FailureCode("permissionMissing")
    /// Graph says that the tenant lacks the licence or service, such as Intune. The collection ends as refused.
    public static let licenceMissing = FailureCode("licenceMissing")
    /// 404 for the collection itself. It ends as refused; a single object's 404 is an answer, not a failure.
    public static let collectionNotFound = FailureCode("collectionNotFound")
    /// Entra ID does not accept the application's secret or certificate, Graph refuses a token (401) even when it is
    /// new, or no credential is stored. The job fails.
    public static let credentialsInvalid = FailureCode("credentialsInvalid")
    /// The secret or certificate has passed its end, as Entra ID or the certificate itself says. The job fails.
    public static let credentialsExpired = FailureCode("credentialsExpired")
    /// No administrator has consented: there is no token, or one without any permission. The job fails.
    public static let consentMissing = FailureCode("consentMissing")
    /// Entra ID has no tenant of this id in this cloud, or a URL of the tenant's connection is unfit. The job fails.
    public static let tenantUnknown = FailureCode("tenantUnknown")
    // Restores
    /// The tenant has no credential that writes, or its token lacks a permission that the steps need. The restore
    /// fails; what was done stays recorded, and `job retry` goes on behind it.
    public static let writeAccessMissing = FailureCode("writeAccessMissing")
    /// A restore came to its end without one step done. Never thrown: it is the error of the job, which ends as failed.
    public static let restoreFailed = FailureCode("restoreFailed")
    // Downloads
    /// Retention took the snapshot of a download away before its archive was begun. Parked.
    public static let snapshotRemoved = FailureCode("snapshotRemoved")
    // Audit
    /// The head of an audit chain was not written by the program (D13). Nothing is signed for it: the scheduler logs it
    /// and goes on, an export ends with it.
    public static let auditBroken = FailureCode("auditBroken")
    // Ours
    /// What cannot happen unless a stage has a defect. Retried, for another version to do better, up to ten times.
    public static let stageDefect = FailureCode("stageDefect")
    /// Mail was not taken; it waits in the database.
    public static let mailNotHandedOver = FailureCode("mailNotHandedOver")

    /// Every code; the tests check each against ``rule`` and the runbooks.
    public static let all: [FailureCode] = [
        databaseUnreachable, databaseFull, serializationConflict, unitFenced, schemaMismatch, storedDataDamaged,
        keyStoreUnavailable, keyWrong, storeRejected, brokerUnreachable, messageUndecodable, attemptsExhausted,
        graphUnreachable, graphThrottled, graphServerError, graphAnswerMalformed, graphRequestRejected, nextLinkForeign,
        nextLinkLoops, deltaLinkExpired, permissionMissing, licenceMissing, collectionNotFound, credentialsInvalid,
        credentialsExpired, consentMissing, tenantUnknown, writeAccessMissing, restoreFailed, snapshotRemoved,
        auditBroken, stageDefect, mailNotHandedOver,
    ]
}
