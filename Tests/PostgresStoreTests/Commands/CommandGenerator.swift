import AccountModel
import Foundation

/// A command line that somebody runs.
struct CommandLineCall {
    struct Reference {
        let thing: Thing
        let text: String
        /// Its place among the words.
        let place: Int
    }

    let template: CommandTemplate
    let actor: CommandActor
    var words: [String]
    var references: [Reference]
    /// Where the command may have put something.
    var file: String?

    /// With the one who runs it.
    var arguments: [String] { words + ["--as", actor.email, "--token-file", actor.tokenFile] }

    var description: String { "\(actor.partner): \(words.joined(separator: " "))" }

    /// The same about something that nobody has, named in the same way.
    func twin(_ reference: Reference) -> CommandLineCall {
        var twin = self
        twin.words[reference.place] = String(
            reference.text.map { character in
                // As long, with dashes and the like in the same places, and a UUID again where it was one.
                if character.isHexDigit || !character.isLetter { return character.isNumber ? "7" : character }
                return character.isUppercase ? "Q" : "q"
            })
        return twin
    }
}

/// Draws command lines about own things, those of others, and what there is not.
struct CommandGenerator {
    let world: CommandWorld
    var numbers: SeededNumbers

    mutating func next(of partner: Int) -> CommandLineCall? {
        guard let template = CommandTemplate.all.randomElement(using: &numbers),
            let actor = world.actors.filter({ $0.partner == partner }).randomElement(using: &numbers)
        else { return nil }
        var call = CommandLineCall(template: template, actor: actor, words: [], references: [], file: nil)
        // Most lines are about one side as a whole, so that those with several things are not always refused.
        let isOwn = !template.isForRefusals && Int.random(in: 0..<10, using: &numbers) < 5
        for word in template.words { fill(String(word), &call, isOwn: isOwn) }
        if Bool.random(using: &numbers), !call.words.contains("--csv") { call.words.append("--json") }
        return call
    }

    private mutating func fill(_ word: String, _ call: inout CommandLineCall, isOwn: Bool) {
        guard word.hasPrefix("$") || word.contains("=$") else { return call.words.append(word) }
        if let thing = Thing(rawValue: String(word.dropFirst())) {
            let text = reference(thing, call, isOwn: isOwn)
            call.references.append(.init(thing: thing, text: text, place: call.words.count))
            return call.words.append(text)
        }
        if word == "$dry" {
            if Bool.random(using: &numbers) { call.words.append("--dry-run") }
            return
        }
        call.words.append(value(word, &call, isOwn: isOwn))
    }

    // MARK: Things

    private mutating func side(_ call: CommandLineCall, isOwn: Bool) -> CommandPartner {
        let mine = call.actor.partner
        if isOwn { return world.partners[mine] }
        return world.partners.filter { $0.number != mine }.randomElement(using: &numbers) ?? world.partners[mine]
    }

    private mutating func reference(_ thing: Thing, _ call: CommandLineCall, isOwn: Bool) -> String {
        let kind = Int.random(in: 0..<100, using: &numbers)
        // Now and then the other side, and nothing at all.
        let side = side(call, isOwn: kind < 6 && !call.template.isForRefusals ? !isOwn : isOwn)
        guard kind < 90, let named = side.things[thing]?.randomElement(using: &numbers) else {
            return thing == .user ? "\(nobody())@staff.example" : UUID().uuidString.lowercased()
        }
        guard !named.name.isEmpty else { return named.id }
        switch Int.random(in: 0..<20, using: &numbers) {
        case 0..<10: return named.id
        case 10..<16: return named.name
        case 16: return named.name.uppercased()
        case 17: return named.id.uppercased()
        case 18: return String(named.id.prefix(8))
        default: return String(named.name.dropLast(3))
        }
    }

    private mutating func nobody() -> String { "none\(Int.random(in: 0..<1_000_000, using: &numbers))" }

    // MARK: Values

    private mutating func value(_ word: String, _ call: inout CommandLineCall, isOwn: Bool) -> String {
        let side = side(call, isOwn: isOwn)
        switch word {
        case "$self": return call.actor.email
        case "$keytenant":
            call.references.append(.init(thing: .tenant, text: side.key.tenant, place: call.words.count))
            return side.key.tenant
        // That of the tenant before it: another one would have to be read from Graph.
        case "$key":
            return world.partners.first { $0.key.tenant == call.references.last?.text }?.key.id ?? UUID().uuidString
        case "$object": return side.objects.randomElement(using: &numbers) ?? "x"
        case "$label": return side.labels.randomElement(using: &numbers) ?? "x"
        case "$search":
            let words = side.things.values.joined().map(\.name).filter { !$0.isEmpty } + ["a", "c"]
            return words.randomElement(using: &numbers) ?? "a"
        case "$snapshot": return "\(Int.random(in: 1...4, using: &numbers))"
        case "$role": return Role.allCases.randomElement(using: &numbers)?.rawValue ?? "admin"
        case "$switch": return Bool.random(using: &numbers) ? "on" : "off"
        case "restore=$switch": return "restore=on"
        case "$confirm":
            let name = call.references.last.flatMap { given in
                side.things[.organization]?.first { $0.id == given.text || $0.name == given.text }?.name
            }
            // Rarely in earnest: what is erased is missed by all that comes after.
            return Int.random(in: 0..<6, using: &numbers) == 0 ? name ?? "x" : "x"
        case "$tokenfile": return side.tokenFile
        case "$secretfile": return world.secretFile
        case "$month": return world.month
        case "$nofile": return "\(world.folder)/no-such-archive"
        case "$file":
            let file = "\(world.folder)/out-\(Int.random(in: 0..<Int.max, using: &numbers))"
            call.file = file
            return file
        case "$mail": return "\(nobody())@new.example"
        case "$newtenant": return UUID().uuidString.lowercased()
        case "$guid": return UUID().uuidString.lowercased()
        default: return nobody()
        }
    }
}
