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
        lines += notRead
        let (whole, parts) = (plan.conflicts.filter(Self.isOfWhole), plan.conflicts.filter { !Self.isOfWhole($0) })
        if !whole.isEmpty { lines += ["", "WARNING"] + Self.text(of: whole) }
        if !parts.isEmpty { lines += ["", "CONFLICTS (these parts have no step)"] + Self.text(of: parts) }
        for wave in waves { lines += [""] + text(of: wave) }
        if !plan.todos.isEmpty { lines += ["", "TO DO BY A PERSON"] + todos }
        lines += ["", "Cost: \(Self.count(requests, "request")) that write, \(seconds) s of the tenant's write quota."]
        if plan.locksOut {
            lines.append("This plan may shut out whoever could mend it; it is applied only with --accept-lock-out.")
        }
        lines.append(plan.steps.isEmpty ? "There is nothing to apply." : "Next: \(next)")
        return lines.joined(separator: "\n")
    }

    /// The types by the reason for which they could not be read.
    private var notRead: [String] {
        Dictionary(grouping: unread, by: \.reason).sorted { $0.key < $1.key }.map { reason, items in
            "Not in this plan: \(items.map(\.type).joined(separator: ", ")): \(reason)"
        }
    }

    private var heading: String {
        let what =
            plan.undoes.map { "back to before the restore \($0)" }
            ?? plan.snapshot.map { "to snapshot \($0)" } ?? "to the archive"
        let place = plan.source == plan.tenant ? "" : " of tenant \(plan.source), into tenant \(plan.tenant)"
        let there =
            plan.matches.isEmpty ? "" : " \(plan.matches.count) ids of the source are known there by others."
        return """
            Plan \(plan.id.text) \(what)\(place): \(Self.count(plan.steps.count, "step")), \
            \(Self.count(plan.conflicts.count, "conflict")), \(Self.count(plan.todos.count, "to-do")).\(there)
            """
    }

    private static func count(_ number: Int, _ what: String) -> String {
        "\(number) \(what)\(number == 1 ? "" : "s")"
    }

    /// Conflicts that leave no part out, but are about all of the plan.
    private static func isOfWhole(_ conflict: RestoreConflict) -> Bool {
        RestorePlan.lockingOut.contains(conflict.code) || conflict.code == "lockOutNotChecked"
    }

    private static func text(of conflicts: [RestoreConflict]) -> [String] {
        let lines = conflicts.prefix(shown).flatMap { item in
            ["  \(item.code)  \(item.type) \(item.id)", "      \(item.message)"]
                + (item.hint.isEmpty ? [] : ["      \(item.hint)"])
        }
        return lines + rest(conflicts.count)
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
