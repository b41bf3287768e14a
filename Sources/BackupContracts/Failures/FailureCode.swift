/// What the system does when a failure occurs: the decision rule of the code that carries it.
public enum Disposition: String, Sendable, Codable {
    /// The same unit again at once: another transaction was in the way, nothing is wrong.
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
    public static let databaseUnreachable = FailureCode("databaseUnreachable")
    public static let databaseFull = FailureCode("databaseFull")
    public static let serializationConflict = FailureCode("serializationConflict")
    public static let unitFenced = FailureCode("unitFenced")
    public static let schemaMismatch = FailureCode("schemaMismatch")
    public static let storedDataDamaged = FailureCode("storedDataDamaged")
    public static let keyStoreUnavailable = FailureCode("keyStoreUnavailable")
    public static let keyWrong = FailureCode("keyWrong")
    public static let storeRejected = FailureCode("storeRejected")
    // Broker
    public static let brokerUnreachable = FailureCode("brokerUnreachable")
    public static let messageUndecodable = FailureCode("messageUndecodable")
    public static let attemptsExhausted = FailureCode("attemptsExhausted")
    // Graph
    public static let graphUnreachable = FailureCode("graphUnreachable")
    public static let graphThrottled = FailureCode("graphThrottled")
    public static let graphServerError = FailureCode("graphServerError")
    public static let graphAnswerMalformed = FailureCode("graphAnswerMalformed")
    public static let graphRequestRejected = FailureCode("graphRequestRejected")
    public static let nextLinkForeign = FailureCode("nextLinkForeign")
    public static let nextLinkLoops = FailureCode("nextLinkLoops")
    public static let deltaLinkExpired = FailureCode("deltaLinkExpired")
    public static let permissionMissing = FailureCode("permissionMissing")
    public static let licenceMissing = FailureCode("licenceMissing")
    public static let collectionNotFound = FailureCode("collectionNotFound")
    public static let credentialsInvalid = FailureCode("credentialsInvalid")
    public static let credentialsExpired = FailureCode("credentialsExpired")
    public static let consentMissing = FailureCode("consentMissing")
    public static let tenantUnknown = FailureCode("tenantUnknown")
    // Restores
    public static let writeAccessMissing = FailureCode("writeAccessMissing")
    public static let restoreFailed = FailureCode("restoreFailed")
    // Downloads
    public static let snapshotRemoved = FailureCode("snapshotRemoved")
    // Audit
    public static let auditBroken = FailureCode("auditBroken")
    // Ours
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
