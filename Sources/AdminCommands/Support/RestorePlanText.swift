import BackupModel
import Foundation

/// A plan for scripts and for people.
struct RestorePlanText {
    let plan: RestorePlan
    /// Types that could not be read now, or that the snapshot does not have.
    var unread: [LiveRound.Unread] = []
    var names = LinkNames()

    /// Graph takes 3,000 writes in 150 s of one application in a tenant.
    /// <https://learn.microsoft.com/graph/throttling-limits>
    private static let writesPerSecond = 20

    /// Steps of a wave that people are shown; the document has all.
    private static let shown = 40

    /// Requests that write.
    private var requests: Int { plan.requests }

    /// Of the write quota.
    private var seconds: Int { (requests + Self.writesPerSecond - 1) / Self.writesPerSecond }

    // MARK: Document

    var json: JSONValue {
        guard case .object(var object) = plan.json else { return plan.json }
        object["cost"] = ["requests": JSONValue(requests), "seconds": JSONValue(seconds)]
        object["locksOut"] = .bool(plan.locksOut)
        object["notRead"] = .array(unread.map(\.json))
        return .object(object)
    }

    // MARK: Text

    /// - Parameter next: the command that follows.
    func text(next: String) -> String {
        var lines = [heading]
        lines += unread.map { "Not in this plan: \($0.type), \($0.reason)" }
        if !plan.conflicts.isEmpty { lines += ["", "CONFLICTS (these parts have no step)"] + conflicts }
        for wave in waves { lines += [""] + text(of: wave) }
        if !plan.todos.isEmpty { lines += ["", "TO DO BY A PERSON"] + todos }
        lines += ["", "Cost: \(requests) requests that write, \(seconds) s of the tenant's write quota."]
        if plan.locksOut {
            lines.append(
                "This plan shuts out whoever could mend it; it is applied only with --accept-lock-out.")
        }
        lines.append(plan.steps.isEmpty ? "There is nothing to apply." : "Next: \(next)")
        return lines.joined(separator: "\n")
    }

    private var heading: String {
        let what =
            plan.undoes.map { "back to before the restore \($0)" }
            ?? plan.snapshot.map { "to snapshot \($0)" } ?? "to the archive"
        let place = plan.source == plan.tenant ? "" : " of tenant \(plan.source), into tenant \(plan.tenant)"
        let there =
            plan.matches.isEmpty ? "" : " \(plan.matches.count) ids of the source are known there by others."
        return """
            Plan \(plan.id.text) \(what)\(place): \(plan.steps.count) steps, \(plan.conflicts.count) conflicts, \
            \(plan.todos.count) to-dos.\(there)
            """
    }

    private var conflicts: [String] {
        plan.conflicts.flatMap { item in
            ["  \(item.code)  \(item.type) \(item.id)", "      \(item.message)"]
                + (item.hint.isEmpty ? [] : ["      \(item.hint)"])
        }
    }

    private var todos: [String] {
        let shown = plan.todos.prefix(Self.shown).map { "  \($0.code)  \($0.type) \($0.id): \($0.message)" }
        return shown + Self.rest(plan.todos.count)
    }

    private var waves: [[RestoreStep]] {
        var waves: [[RestoreStep]] = []
        for step in plan.steps {
            if let last = waves.last?.last, last.wave == step.wave {
                waves[waves.count - 1].append(step)
            } else {
                waves.append([step])
            }
        }
        return waves
    }

    private func text(of wave: [RestoreStep]) -> [String] {
        let counts = Dictionary(grouping: wave) { "\($0.action.rawValue) \($0.type)" }.mapValues(\.count)
        let summary = counts.sorted { $0.key < $1.key }.map { "\($0.value) × \($0.key)" }.joined(separator: ", ")
        var lines = ["WAVE \(wave.first?.wave ?? 0)  \(summary)"]
        for step in wave.prefix(Self.shown) {
            lines.append("  \(step.number). \(step.action.rawValue) \(step.type) \(step.displayName)  \(step.id)")
            lines.append("      why: \(step.reason)")
            lines += Comparison.details(step.attributes, step.links, step.children, names).map { "      \($0)" }
        }
        return lines + Self.rest(wave.count)
    }

    private static func rest(_ count: Int) -> [String] {
        count > shown ? ["  ... and \(count - shown) more; --json shows all"] : []
    }

    /// Ids whose names a reader wants to see.
    var linkTargets: Set<String> {
        Set(waves.flatMap { $0.prefix(Self.shown) }.flatMap { $0.links.flatMap { $0.added + $0.removed } })
    }
}
