import BackupContracts
import BackupModel
import Foundation
import PostgresStore

/// Reports a job that was started, and waits for its end when asked to.
struct JobWatch {
    let store: PostgresStore
    let output: Output

    /// - Returns: the exit code: 0, 3 with warnings, 1 when it failed or was cancelled.
    func report(_ started: (job: JobRecord, joined: Bool), wait: Bool, _ line: () -> String) async throws -> Int32 {
        guard wait, !PostgresStore.isDryRun else {
            output.show(document(started.job, joined: started.joined), line)
            return 0
        }
        if !output.options.json { output.progress(line()) }
        let job = try await end(of: started.job)
        output.show(document(job, joined: started.joined)) { job.humanText }
        return Self.exitCode(job.state)
    }

    static func exitCode(_ state: JobState) -> Int32 {
        switch state {
        case .succeeded: 0
        case .succeededWithWarnings: 3
        case .queued, .running, .failed, .cancelled: 1
        }
    }

    private func document(_ job: JobRecord, joined: Bool) -> JSONValue {
        ["job": job.json, "joined": .bool(joined)]
    }

    /// Waits for the job's end. `look` sees the job each time it was asked after, and ends the waiting by an error.
    func end(of job: JobRecord, _ look: (JobRecord) async throws -> Void = { _ in }) async throws -> JobRecord {
        let bar = ProgressBar(output: output)
        defer { bar.finish() }
        var current = job
        let began = ContinuousClock.now
        while !current.state.isFinal {
            // A thirtieth of the time so far: the end is told late by no more than that, and a long job is asked after
            // four times a second.
            let pause = began.duration(to: .now) / 30
            try await Task.sleep(for: min(max(pause, .milliseconds(10)), .milliseconds(250)))
            current = try await store.job(job.id)
            bar.show(current)
            try await look(current)
        }
        return current
    }
}

/// A bar on a terminal's standard error, nothing elsewhere.
struct ProgressBar {
    let output: Output
    private let isTerminal: Bool

    init(output: Output) {
        self.output = output
        isTerminal = isatty(STDERR_FILENO) == 1 && !output.options.quiet && !output.options.json
    }

    func show(_ job: JobRecord) {
        guard isTerminal else { return }
        let width = 30
        var text = "\(job.state.rawValue)  \(job.done) objects"
        if let total = job.total, total > 0 {
            let filled = min(width, Int(Double(width) * Double(job.done) / Double(total)))
            text =
                "[" + String(repeating: "#", count: filled) + String(repeating: ".", count: width - filled) + "] "
                + text
        }
        FileHandle.standardError.write(Data("\r\u{1B}[K\(text)".utf8))
    }

    func finish() {
        guard isTerminal else { return }
        FileHandle.standardError.write(Data("\r\u{1B}[K".utf8))
    }
}
