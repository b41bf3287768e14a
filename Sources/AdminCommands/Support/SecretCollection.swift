import BackupContracts
import BackupModel
import Foundation
import PostgresStore

/// What one run of `secret collect` did with one kind.
struct SecretCount: Sendable {
    var kind: DeviceSecret.Kind
    /// What is said when the application may not read them.
    var refusal: CommandFailure
    /// How many the snapshot lists.
    var listed = 0
    /// Of those, how many were not read yet, or have changed since.
    var wanted = 0
    var read = 0
    /// Not in Graph any more.
    var gone = 0
    var isRefused = false

    var json: JSONValue {
        [
            "kind": .string(kind.rawValue), "listed": JSONValue(listed), "wanted": JSONValue(wanted),
            "read": JSONValue(read), "gone": JSONValue(gone), "refused": .bool(isRefused),
        ]
    }

    static func table(_ counts: [SecretCount]) -> String {
        var table = Table(["kind", "listed", "wanted", "read", "gone", "refused"])
        for count in counts {
            table.add([
                count.kind.rawValue, String(count.listed), String(count.wanted), String(count.read),
                String(count.gone), count.isRefused ? "yes" : "no",
            ])
        }
        return table.text
    }
}

/// Reads the secrets of one kind that were not read yet, and keeps each as soon as it is there.
struct SecretCollection {
    /// Requests that are under way together.
    private static let width = 8

    let store: PostgresStore
    let tenant: TenantID
    let reader: SecretReader
    let output: Output

    func run(at snapshot: SnapshotNumber, isDryRun: Bool) async throws -> SecretCount {
        var count = SecretCount(kind: reader.kind, refusal: reader.refused)
        let wanted = try await wanted(snapshot, &count)
        count.wanted = wanted.count
        guard !isDryRun, !wanted.isEmpty else { return count }
        let result: Result<Void, any Error>
        do {
            result = .success(try await read(wanted, &count))
        } catch {
            result = .failure(error)
        }
        // What was read is an entry in the tenant's own log, whatever came afterwards.
        if count.read > 0 {
            let reason = "\(count.kind.rawValue): \(count.read)"
            try await store.audited("secret.collect", tenant.description, reason: reason) {}
        }
        try result.get()
        return count
    }

    private func wanted(_ snapshot: SnapshotNumber, _ count: inout SecretCount) async throws -> [UUID] {
        var listed: [(id: UUID, lastBackup: String)] = []
        try await store.documents(tenant, reader.type, at: snapshot) { stored in
            guard let id = UUID(uuidString: stored.document.id) else { return }
            listed.append((id, stored.document.attributes["lastBackupDateTime"]?.string ?? ""))
        }
        count.listed = listed.count
        let known = try await store.secretIDs(tenant, reader.kind)
        var wanted: [UUID] = []
        for item in listed {
            if !known.contains(item.id) {
                wanted.append(item.id)
            } else if reader.kind == .laps, let stored = try await store.secret(tenant, .laps, item.id)?.secret,
                stored.isOlder(than: item.lastBackup)
            {
                wanted.append(item.id)
            }
        }
        return wanted
    }

    private func read(_ wanted: [UUID], _ count: inout SecretCount) async throws {
        for start in stride(from: 0, to: wanted.count, by: Self.width) {
            let ids = wanted[start..<min(start + Self.width, wanted.count)]
            var failure: StageFailure?
            for answer in await read(ids) {
                if let secret = answer.secret {
                    try await keep(secret, answer.id)
                    count.read += 1
                } else if let problem = answer.failure {
                    failure = problem
                } else {
                    count.gone += 1
                }
            }
            if let failure {
                guard failure.code == .permissionMissing else { throw failure }
                count.isRefused = true
                return
            }
            let done = start + ids.count
            if done == wanted.count || done % 200 < Self.width {
                output.progress("\(reader.kind.rawValue): \(done) of \(wanted.count)")
            }
        }
    }

    /// What reading one secret gave: neither part is there when Graph has it no more.
    private struct Answer: Sendable {
        let id: UUID
        var secret: DeviceSecret?
        var failure: StageFailure?
    }

    private func read(_ ids: ArraySlice<UUID>) async -> [Answer] {
        let reader = reader
        return await withTaskGroup(of: Answer.self) { group in
            for id in ids { group.addTask { await Self.read(id, reader) } }
            var answers: [Answer] = []
            for await answer in group { answers.append(answer) }
            return answers
        }
    }

    private static func read(_ id: UUID, _ reader: SecretReader) async -> Answer {
        do throws(StageFailure) {
            return Answer(id: id, secret: try await reader.read(id))
        } catch {
            return Answer(id: id, failure: error)
        }
    }

    private func keep(_ secret: DeviceSecret, _ id: UUID) async throws {
        var secret = secret
        if reader.kind == .laps, let earlier = try await store.secret(tenant, .laps, id)?.secret { secret.add(earlier) }
        try await store.keep(secret, tenant, reader.kind, id)
    }
}
