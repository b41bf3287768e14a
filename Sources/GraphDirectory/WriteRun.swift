import BackupContracts

/// The writes of a lot from the first send to the last answer. Pure: it is told what came and says what is left.
struct WriteRun: Sendable {
    let lot: WriteLot
    /// Not sent yet, or refused for the moment.
    private(set) var pending: [WriteItem]
    private(set) var answers: [(Int, WriteAnswer)] = []
    /// Of the last round: how long to wait before what is pending is sent again.
    private(set) var pause = Duration.zero
    /// Of the last round: what has to happen before, beyond waiting.
    private(set) var wish: RetryDecision.Pause?
    private(set) var mustRenewToken = false
    /// Of the last round: Graph named the limit of writes, so that reads may go on.
    private var isWriteLimit = true
    private var decisions: [Int: RetryDecision]
    private var patience: Duration

    init(_ lot: WriteLot, patience: Duration) {
        self.lot = lot
        self.patience = patience
        pending = lot.items
        decisions = Dictionary(
            uniqueKeysWithValues: lot.items.map { ($0.index, RetryDecision(patience: patience)) })
    }

    /// The budgets that a pause of the whole tenant holds for.
    var pausedScopes: ArraySlice<ThrottleScope> { isWriteLimit ? lot.budgets.prefix(1) : lot.budgets[...] }

    /// Takes a wait for the budget from the patience that is left; false when it is longer.
    mutating func spend(_ wait: Duration) -> Bool {
        guard wait <= patience else { return false }
        patience -= wait
        return true
    }

    /// What is pending was not executed, and is not tried any more.
    mutating func giveUp(_ failure: StageFailure) {
        answers += pending.map { ($0.index, .failure(failure)) }
        pending = []
    }

    /// Sorts what came back of a send of all that was pending.
    mutating func take(_ result: Result<HTTPReply, HTTPProblem>, random: () -> Double) {
        let (sent, lot) = (pending, lot)
        (pending, pause, wish, mustRenewToken, isWriteLimit) = ([], .zero, nil, false, true)
        switch result {
        case .failure(.shutDown):
            pending = sent
            giveUp(StageFailure(.graphUnreachable, "Writes were not sent: the writer has been shut down."))
        case .failure(.heldBack(let failure)):
            pending = sent
            giveUp(failure)
        case .failure(.notSent(let why)):
            for item in sent {
                tryAgain(item, .unreachable, random()) { code, pause in
                    StageFailure(code, "\(lot.label(item)) was not sent: \(why).", retryAfter: pause)
                }
            }
        case .failure:
            // It may have arrived: whoever asked must look before asking again.
            answers += sent.map { ($0.index, .unknown(how: "the connection ended before the answer")) }
        case .success(let reply):
            for (item, answer) in zip(sent, lot.answers(reply, sent.count)) { settle(item, answer, random()) }
        }
    }

    private mutating func settle(_ item: WriteItem, _ answer: BatchBody.Answer?, _ random: Double) {
        guard let answer else {
            answers.append((item.index, .unknown(how: "the answer to the batch has none to it")))
            return
        }
        let error = GraphErrorBody(answer.body)
        // Some gateways send errors with 200.
        let isSuccess = (200..<300).contains(answer.status)
        let status = isSuccess ? error?.impliedStatus ?? answer.status : answer.status
        switch status {
        case 200..<300: answers.append((item.index, .done(status: status, body: answer.body)))
        case 401, 429, 503, 509: refused(item, status, answer, error, random)
        case 409 where error?.has("Directory_ConcurrencyViolation") == true:
            refused(item, status, answer, error, random)
        case 408, 500..<600:
            let code = error?.deepestCode ?? ""
            answers.append((item.index, .unknown(how: code.isEmpty ? "\(status)" : "\(status) \(code)")))
        default:
            let (code, message) = (error?.deepestCode ?? "", error?.message ?? "")
            answers.append((item.index, .rejected(status: status, code: code, message: message)))
        }
    }

    /// Not executed, for a reason that may pass.
    private mutating func refused(
        _ item: WriteItem, _ status: Int, _ answer: BatchBody.Answer, _ error: GraphErrorBody?, _ random: Double
    ) {
        if status == 429, answer.headers["x-ms-throttle-information"] != "WriteLimitExceeded" { isWriteLimit = false }
        let lot = lot
        let retryAfter = answer.headers["retry-after"].flatMap { GraphDirectoryReader.seconds($0) }
        tryAgain(item, .answer(status: status, retryAfter: retryAfter, error: error), random) { code, pause in
            GraphFailure.failure(code, lot.label(item), status: status, error: error, retryAfter: pause)
        }
    }

    private mutating func tryAgain(
        _ item: WriteItem, _ event: RetryDecision.Event, _ random: Double,
        _ failure: (FailureCode, Duration?) -> StageFailure
    ) {
        var decision = decisions[item.index] ?? RetryDecision(patience: .zero)
        let action = decision.action(for: event, scope: lot.scope, random: random)
        decisions[item.index] = decision
        switch action {
        case .accept: answers.append((item.index, .unknown(how: "no answer to keep")))
        case .renewToken:
            mustRenewToken = true
            pending.append(item)
        case .retry(let wish):
            pause = max(pause, wish.duration)
            note(wish)
            pending.append(item)
        case .fail(let code, let wish):
            if let wish { note(wish) }
            answers.append((item.index, .failure(failure(code, wish?.duration))))
        }
    }

    private mutating func note(_ wish: RetryDecision.Pause) {
        guard wish.wholeTenant || wish.freshConnection else { return }
        self.wish = RetryDecision.Pause(
            duration: max(self.wish?.duration ?? .zero, wish.duration),
            freshConnection: wish.freshConnection || self.wish?.freshConnection == true,
            wholeTenant: wish.wholeTenant || self.wish?.wholeTenant == true)
    }
}
