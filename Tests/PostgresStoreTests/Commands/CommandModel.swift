import AccountModel
import Foundation
import LibPQ
import Testing

@testable import PostgresStore

/// What came of a command.
struct CommandOutcome: Sendable {
    var code: Int32
    var output: String
    var errors: String
    /// What it has written into a file.
    var file = ""

    var text: String { output + errors + file }
}

/// What is to come of a command by the rules, told by what is in the database and not by the program.
enum CommandVerdict {
    /// Whoever runs it has no right to it, or does not get in.
    case refused
    /// It is about something that the partner does not have; the reference that nobody there has.
    case outside(CommandLineCall.Reference)
    /// Nothing stands against it but the state of things.
    case free
}

/// The rules, and who has been told what.
struct CommandModel {
    let world: CommandWorld
    /// Ids by the partner that was shown each first.
    private var owners: [String: Int] = [:]
    /// What callers of each partner have given: it comes back in their own audit.
    private var given: [Int: Set<String>] = [:]

    init(_ world: CommandWorld) async throws {
        self.world = world
        for partner in world.partners {
            for named in partner.things.values.joined() where UUID(uuidString: named.id) != nil {
                owners[named.id] = partner.number
            }
            for id in partner.objects + [partner.key.id] { owners[id] = partner.number }
            let ids = try await world.database.texts(
                """
                SELECT id FROM backup.users WHERE partner_id = $1 UNION ALL
                SELECT client_id::uuid FROM backup.tenants t JOIN backup.organizations o ON o.id = t.organization_id
                WHERE o.partner_id = $1
                """, [.uuid(partner.id)])
            for id in ids { owners[id] = partner.number }
        }
    }

    // MARK: Rules

    func verdict(_ call: CommandLineCall) async throws -> CommandVerdict {
        let rows = try await world.database.sql(
            """
            SELECT role, p.support_may_view FROM backup.users u JOIN backup.partners p ON p.id = u.partner_id
            WHERE u.email = $1 AND token_hash = $2 AND disabled_at IS NULL
            """, [.text(call.actor.email), .bytea(call.actor.tokenHash)])
        guard let row = rows.first, let role = Role(rawValue: try row.text("role")) else { return .refused }
        let supportMayView = try row.bool("support_may_view")
        guard var features = call.template.features else { return .refused }
        // One's own token is everybody's to make.
        let isOwnToken =
            call.words.starts(with: ["user", "token"])
            && call.references.contains { $0.text.lowercased() == call.actor.email }
        if isOwnToken { features = [] }
        guard features.allSatisfy({ Rights.allow(role, $0, supportMayView: supportMayView) }) else { return .refused }
        for reference in call.references where try await !isOwn(reference, call.actor) { return .outside(reference) }
        return .free
    }

    private func isOwn(_ reference: CommandLineCall.Reference, _ actor: CommandActor) async throws -> Bool {
        let id = UUID(uuidString: reference.text)
        let named = id == nil ? "lower(x.name) = lower($2)" : "$2 <> ''"
        let tenants = "JOIN backup.tenants x ON x.tenant_id = j.tenant_id"
        let organizations = "JOIN backup.organizations o ON o.id = x.organization_id WHERE o.partner_id = $3"
        let select =
            switch reference.thing {
            case .partner: "SELECT FROM backup.partners x WHERE id = $3 AND (id = $1 OR $1 IS NULL) AND \(named)"
            case .plan, .organization:
                """
                SELECT FROM backup.\(reference.thing.rawValue)s x
                WHERE partner_id = $3 AND (id = $1 OR $1 IS NULL) AND \(named)
                """
            case .tenant:
                "SELECT FROM backup.tenants x \(organizations) AND (x.tenant_id = $1 OR $1 IS NULL) AND \(named)"
            case .user:
                """
                SELECT FROM backup.users x
                WHERE partner_id = $3 AND $1::uuid IS NULL AND lower(x.email) = lower($2)
                """
            case .job:
                "SELECT FROM backup.jobs j \(tenants) \(organizations) AND j.job_id = $1 AND $2 <> ''"
            case .restorePlan:
                "SELECT FROM backup.restore_plans j \(tenants) \(organizations) AND j.plan_id = $1 AND $2 <> ''"
            }
        let partner = world.partners[actor.partner].id
        return try await !world.database.sql(select, [.uuid(id), .text(reference.text), .uuid(partner)]).isEmpty
    }

    // MARK: Leaks

    /// What the outcome tells of other partners that the caller did not say. What is told for the first time is the
    /// caller's from then on.
    mutating func leaks(_ call: CommandLineCall, _ outcome: CommandOutcome) -> [String] {
        let own = call.actor.partner
        let said = Set(Self.tokens(call.arguments.joined(separator: " ").lowercased()))
        given[own, default: []].formUnion(said)
        let isAudit = call.words.first == "audit"
        var leaks: [String] = []
        for token in Set(Self.tokens(outcome.text.lowercased())) {
            if said.contains(token) || (isAudit && given[own]?.contains(token) == true) { continue }
            if token.hasPrefix("cnr") {
                if !token.hasPrefix("cnr\(own)x") { leaks.append(token) }
            } else if let owner = owners[token] {
                if owner != own { leaks.append(token) }
            } else if given[own]?.contains(token) != true {
                owners[token] = own
            }
        }
        return leaks
    }

    /// Words that tell whose they are, and UUIDs; of text in lower case.
    private static func tokens(_ text: String) -> [String] {
        var tokens: [String] = []
        for word in text.utf8.split(whereSeparator: { !(isLetterOrDigit($0) || $0 == UInt8(ascii: "-")) }) {
            for part in word.split(separator: UInt8(ascii: "-")) where part.starts(with: "cnr".utf8) {
                tokens.append(String(part) ?? "")
            }
            // An id may stand at the end of another word.
            if word.count >= 36, word.contains(UInt8(ascii: "-")) { tokens += uuids(Array(word)) }
        }
        return tokens
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private static func uuids(_ word: [UInt8]) -> [String] {
        (0...(word.count - 36)).map { String(decoding: word[$0..<($0 + 36)], as: UTF8.self) }
            .filter { UUID(uuidString: $0) != nil }
    }
}
