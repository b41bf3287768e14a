/// A failure on its way to the operator: what happened (never with directory content or secrets), and what follows.
public struct StageFailure: Error, Sendable, CustomStringConvertible {
    /// Says which condition it is; decides what follows.
    public var code: FailureCode
    /// What happened and where, in one sentence, fit for a log.
    public var message: String
    /// How long the other side asked to wait, when it said so.
    public var retryAfter: Duration?

    /// `message` may name tenant, type, page and SQLSTATE, never a value: it is logged and stored in clear.
    public init(_ code: FailureCode, _ message: String, retryAfter: Duration? = nil) {
        self.code = code
        self.message = message
        self.retryAfter = retryAfter
    }

    public var description: String { "\(code): \(message)" }
    /// What is done with it: that of its code, whatever the message.
    public var disposition: Disposition { code.rule.disposition }
}
