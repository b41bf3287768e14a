import BackupContracts
import BackupModel
import Foundation
import StageRuntime
import Testing

/// Names, rules and messages that operators and other versions rely on.
@Suite struct ContractTests {
    private let runbooks = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("runbooks")

    @Test func `every failure has a rule, a hint, and a runbook where a person has to act`() {
        for code in FailureCode.all {
            let rule = code.rule
            #expect(!rule.hint.isEmpty, "\(code)")
            if rule.disposition == .park { #expect(rule.runbook != nil, "\(code) parks and has no runbook") }
            if let runbook = rule.runbook {
                let path = runbooks.appendingPathComponent("\(runbook).md").path
                #expect(FileManager.default.fileExists(atPath: path), "\(code) names runbooks/\(runbook).md")
            }
        }
        #expect(Set(FailureCode.all.map(\.name)).count == FailureCode.all.count)
    }

    /// These texts are on the wire of older versions: they never change.
    @Test(arguments: [
        ("backup.requested.v1", "jobs.backup"), ("walk.ready.v1", "stage.fetch"), ("page.fetched.v1", "stage.diff"),
        ("collection.walked.v1", "stage.persist"), ("round.settled.v1", "stage.persist"),
    ])
    func `messages of every kind are read as they were written`(kind: String, queue: String) throws {
        let text = """
            {"epoch":2,"id":"6BA7B810-9DAD-11D1-80B4-00C04FD430C8","job":"6ba7b811-9dad-11d1-80b4-00c04fd430c8",\
            "kind":"\(kind)","page":7,"tenant":"6ba7b812-9dad-11d1-80b4-00c04fd430c8",\
            "trace":"0123456789abcdef0123456789abcdef","type":40}
            """
        let message = try #require(Message(decoding: Array(text.utf8)))
        #expect(message.kind.rawValue == kind)
        #expect(message.kind.queue.rawValue == queue)
        #expect((message.epoch, message.type, message.page) == (2, 40, 7))
        #expect(String(decoding: message.encoded(), as: UTF8.self) == text)
    }

    @Test(arguments: ["", "{}", "[]", "{\"kind\":\"walk.ready.v2\"}", "\u{0}", "{\"kind\":\"page.fetched.v1\"}"])
    func `what is no message is not read as one`(body: String) {
        #expect(Message(decoding: Array(body.utf8)) == nil)
    }

    @Test func `pauses grow with the attempts and never undercut what was asked for`() {
        let pauses = RetryPauses { 0 }
        let failure = StageFailure(.graphUnreachable, "test")
        #expect(pauses.afterFailure(failure, attempt: 1) < pauses.afterFailure(failure, attempt: 5))
        #expect(pauses.afterFailure(failure, attempt: 50) <= .seconds(300))
        let asked = StageFailure(.graphThrottled, "test", retryAfter: .seconds(900))
        #expect(pauses.afterFailure(asked, attempt: 1) == .seconds(900))
    }

    @Test func `metrics are Prometheus text without tenants`() {
        let metrics = StageMetrics(stage: .fetcher) { 1_000 }
        metrics.count("entra_backup_graph_requests_total", labels: ["status": "2xx"])
        metrics.observe("entra_backup_stage_delivery_seconds", seconds: 0.3)
        let text = metrics.rendered()
        #expect(text.contains("# TYPE entra_backup_graph_requests_total counter"))
        #expect(text.contains("entra_backup_graph_requests_total{stage=\"fetcher\",status=\"2xx\"} 1\n"))
        #expect(text.contains("entra_backup_stage_delivery_seconds_bucket{stage=\"fetcher\",le=\"0.5\"} 1\n"))
        #expect(!text.contains("tenant"))
    }
}
