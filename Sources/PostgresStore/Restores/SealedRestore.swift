import BackupContracts
import BackupModel
import Foundation
import Sealing

/// The parts of a restore as stored: JSON, sealed under the tenant's data key and bound to plan and step.
enum RestorePart: String {
    case plan = "restore plan"
    case step = "restore step"
    case result = "restore result"
}

extension OpenedKeys {
    func seal(_ value: some RestoreStored, _ part: RestorePart, _ plan: UUID, _ number: Int32 = 0) throws(StageFailure)
        -> [UInt8]
    {
        do {
            return try sealer.sealBlob(
                value.encoded, purpose: part.rawValue, context: Self.context(plan, number), kind: .directory)
        } catch {
            throw StageFailure(sealed: error, "A \(part.rawValue) could not be sealed")
        }
    }

    func open(_ sealed: [UInt8], _ part: RestorePart, _ plan: UUID, _ number: Int32 = 0) throws(StageFailure)
        -> [UInt8]
    {
        do {
            return try sealer.openBlob(sealed, purpose: part.rawValue, context: Self.context(plan, number))
        } catch {
            throw StageFailure(sealed: error, "A \(part.rawValue) could not be opened")
        }
    }

    private static func context(_ plan: UUID, _ number: Int32) -> [UInt8] {
        withUnsafeBytes(of: plan.uuid) { Array($0) } + withUnsafeBytes(of: number.bigEndian) { Array($0) }
    }
}

extension RestoreStored {
    /// From what ``OpenedKeys/open(_:_:_:_:)`` gave.
    init(opened bytes: [UInt8]) throws(StageFailure) {
        do {
            try self.init(decoding: bytes)
        } catch {
            throw StageFailure(.storedDataDamaged, "\(error)")
        }
    }
}

/// What a plan says besides its steps and the columns of its row.
struct PlanFrame: RestoreStored {
    var options: RestoreOptions
    var conflicts: [RestoreConflict]
    var todos: [RestoreTodo]
    var matches: [RestoreResult.NewID]

    init(_ plan: RestorePlan) {
        options = plan.options
        conflicts = plan.conflicts
        todos = plan.todos
        matches = plan.matches
    }

    var stored: JSONValue {
        [
            "options": options.stored, "conflicts": conflicts.stored, "todos": todos.stored,
            "matches": matches.stored,
        ]
    }

    init?(stored: JSONValue) {
        guard let options = stored["options"].flatMap(RestoreOptions.init(stored:)),
            let conflicts = stored["conflicts"].flatMap([RestoreConflict].init(stored:)),
            let todos = stored["todos"].flatMap([RestoreTodo].init(stored:)),
            // Plans of earlier versions have none.
            let matches = [RestoreResult.NewID](stored: stored["matches"] ?? [])
        else { return nil }
        self.options = options
        self.conflicts = conflicts
        self.todos = todos
        self.matches = matches
    }
}

/// Every GUID in a text, with dashes or without: the ids that a step may have to be rewritten by.
///
/// A run of hexadecimal digits and dashes counts when it has a GUID's length; `extension_0123…_name` and
/// `api://0123…` are such runs between other characters.
func guids(in bytes: [UInt8]) -> Set<UUID> {
    var found: Set<UUID> = []
    var start = 0
    for end in 0...bytes.count where end == bytes.count || !isOfGUID(bytes[end]) {
        switch end - start {
        case 36: ObjectKey(String(decoding: bytes[start..<end], as: UTF8.self)).map { _ = found.insert($0.uuid) }
        case 32:
            var text = String(decoding: bytes[start..<end], as: UTF8.self)
            for place in [20, 16, 12, 8] { text.insert("-", at: text.index(text.startIndex, offsetBy: place)) }
            ObjectKey(text).map { _ = found.insert($0.uuid) }
        default: break
        }
        start = end + 1
    }
    return found
}

private func isOfGUID(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
        UInt8(ascii: "A")...UInt8(ascii: "F"), UInt8(ascii: "-"):
        true
    default: false
    }
}
