import BackupContracts
import RabbitMQTransport

/// What is wrong with RabbitMQ and its queues.
enum BrokerJudgement {
    static func findings(_ facts: BrokerFacts) -> [Finding] {
        [version(facts), alarm(facts)] + facts.queues.map(shape) + [shape(facts.deadLetters)]
            + facts.queues.map(consumers) + [deadLetters(facts.deadLetters)]
    }

    /// Without a broker in the configuration nothing can be said; the command line itself needs none.
    static let notNamed = Finding.warning(
        "broker", "Queues were not checked: the configuration names no broker.",
        hint: "Run doctor where a stage runs, or set broker.host, broker.user and broker.passwordFile.",
        runbook: "broker-unreachable")

    static func transport(host: String, usesTLS: Bool) -> Finding {
        if usesTLS {
            return .ok("brokerTransport", "The connection is encrypted and the broker's name is checked.")
        }
        if ServerJudgement.isThisMachine(host) { return .ok("brokerTransport", "The broker is on this machine.") }
        return .warning(
            "brokerTransport", "The connection to \(host) is not encrypted.",
            hint: "Set broker.tls to true and broker.caCertificate to the authority's file.", runbook: "settings-unsafe"
        )
    }

    private static func version(_ facts: BrokerFacts) -> Finding {
        guard let text = facts.version else {
            return .warning(
                "broker", "The broker answers but does not tell its version.",
                hint: "Check that it is RabbitMQ 3.10 or newer.", runbook: "broker-unreachable")
        }
        let parts = text.split(separator: ".").compactMap { Int($0) }
        // Dead-lettering without loss came with 3.10:
        // https://www.rabbitmq.com/blog/2022/03/29/at-least-once-dead-lettering
        guard let major = parts.first, major > 3 || (major == 3 && parts.count > 1 && parts[1] >= 10) else {
            return .failed(
                "broker", "RabbitMQ is of version \(text); 3.10 or newer is needed.",
                hint: "Update RabbitMQ; what is in it is made again from PostgreSQL.", runbook: "broker-unreachable")
        }
        return .ok("broker", "RabbitMQ \(text) answers.")
    }

    private static func alarm(_ facts: BrokerFacts) -> Finding {
        guard let alarm = facts.alarm else { return .ok("brokerAlarm", "The broker takes messages.") }
        return .failed(
            "brokerAlarm", "The broker takes no messages: \(alarm).",
            hint: "Free disk or memory on its machine; publishers go on by themselves.", runbook: "broker-unreachable")
    }

    private static func shape(_ queue: BrokerFacts.Queue) -> Finding {
        let check = "queue.\(queue.name)"
        switch queue.shape {
        case .right:
            let limit = queue.name == BackupContracts.Queue.deadLetters ? "" : " with delivery limit and dead-lettering"
            return .ok(check, "\(queue.name) is a quorum queue\(limit).")
        case .unknown:
            return .warning(
                check, "This user may not declare \(queue.name), so that its arguments are not known.",
                hint: "Run doctor with the stages' broker user.", runbook: "broker-unreachable")
        case .missing:
            return .failed(
                check, "There is no queue \(queue.name).",
                hint: "Start the scheduler: it declares the queues and publishes again what was in them.",
                runbook: "stage-down")
        case .wrong(let text):
            return .failed(
                check, "\(queue.name) was made with other arguments: \(text)",
                hint:
                    "Delete it: rabbitmqctl delete_queue \(queue.name); the scheduler makes it anew with its messages.",
                runbook: "messages-republished")
        }
    }

    private static func consumers(_ queue: BrokerFacts.Queue) -> Finding {
        let check = "consumer.\(queue.name)"
        let stage = Stage.allCases.first { $0.queues.contains { $0.rawValue == queue.name } }
        let name = stage?.rawValue ?? "stage"
        guard queue.consumers > 0 else {
            let what = stage == .downloader ? "downloads" : stage == .restorer ? "restores" : "backups"
            return .failed(
                check, "No \(name) takes from \(queue.name): \(what) stand still there.",
                hint: "Start a copy of the \(name).", runbook: "stage-down")
        }
        return .ok(check, "Consumers of \(queue.name): \(queue.consumers).")
    }

    private static func deadLetters(_ queue: BrokerFacts.Queue) -> Finding {
        guard queue.messages > 0 else { return .ok("brokerDeadLetters", "The broker gave up on no message.") }
        return .warning(
            "brokerDeadLetters", "The broker gave up on \(queue.messages) messages after many deliveries.",
            hint:
                "Nothing is lost, their rows are published again; find out what ended the stages, then purge the queue.",
            runbook: "dead-letters")
    }
}
