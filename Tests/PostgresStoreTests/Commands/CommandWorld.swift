import AccountModel
import BackupContracts
import BackupModel
import Foundation
import LibPQ
import Testing

@testable import PostgresStore

/// Somebody who runs commands.
struct CommandActor {
    let partner: Int
    let role: Role
    let email: String
    let tokenFile: String
    let tokenHash: [UInt8]
}

/// A thing and how it may be named.
struct NamedThing {
    var id: String
    var name: String
}

/// A partner with everything that commands are about. Every text of it has a word that is nobody else's.
struct CommandPartner {
    let number: Int
    let id: UUID
    var things: [Thing: [NamedThing]] = [:]
    var objects: [String] = []
    var labels: [String] = []
    /// A tenant and the id of a key of it that was kept.
    var key: (tenant: String, id: String) = ("", "")
    var tokenFile = ""
    /// Texts that no caller ever gives: what is told of them was looked up.
    var hidden: [String] = []
}

/// Partners in a database: the last one has nobody who runs commands.
struct CommandWorld {
    let database: TestDatabase
    let folder: String
    let month: String
    private(set) var partners: [CommandPartner] = []
    private(set) var actors: [CommandActor] = []

    static let callers = 3

    init(_ database: TestDatabase, folder: String, _ numbers: inout SeededNumbers) async throws {
        self.database = database
        self.folder = folder
        month = try await database.texts("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM')")[0]
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        _ = try file("secret", "a secret of an application")
        for number in 0...Self.callers { try await add(number, &numbers) }
    }

    var secretFile: String { "\(folder)/secret" }

    // MARK: Words

    /// A word that tells whose it is.
    static func word(_ partner: Int, _ numbers: inout SeededNumbers) -> String {
        let letters = Array("abcdefghijklmnopqrstuvwxyz0123456789")
        return "cnr\(partner)x" + String((0..<10).map { _ in letters.randomElement(using: &numbers) ?? "a" }) + "z"
    }

    @discardableResult
    private func file(_ name: String, _ text: String) throws -> String {
        let path = "\(folder)/\(name)"
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }

    // MARK: Making

    private mutating func add(_ number: Int, _ numbers: inout SeededNumbers) async throws {
        let admin = database.admin
        func word() -> String { Self.word(number, &numbers) }
        let made = try await admin.createPartner(name: word())
        var partner = CommandPartner(number: number, id: made.id)
        partner.things[.partner] = [NamedThing(id: "\(made.id)".lowercased(), name: made.name)]
        try await admin.audit(
            actor: word(), action: "test.made", target: word(), about: made.id, outcome: .allowed, reason: word())
        var plans: [UUID] = []
        for product in [ProductType.backupEntra, .archiveEntra, .backup] {
            let plan = try await admin.createPlan(
                name: word(), product: product, currency: "EUR", periodicity: .monthly, partner: made.id)
            plans.append(plan.id)
            partner.things[.plan, default: []].append(NamedThing(id: "\(plan.id)".lowercased(), name: plan.name))
        }
        for tenants in [2, 1] {
            let organization = try await admin.createOrganization(
                Organization(
                    id: UUID(), partner: made.id, plan: plans[0], name: word(), firstName: word(), lastName: word(),
                    email: "\(word())@customer.example", country: "DE", seats: 7, autoLicense: false, state: .active,
                    createdAt: .distantPast))
            partner.things[.organization, default: []].append(
                NamedThing(id: "\(organization.id)".lowercased(), name: organization.name))
            try await addToken(organization.id, &partner, &numbers)
            for _ in 0..<tenants { try await addTenant(organization.id, &partner, &numbers) }
        }
        try await addStaff(&partner, &numbers)
        partner.hidden = try await database.texts(
            """
            SELECT email FROM backup.organizations WHERE partner_id = $1 UNION ALL
            SELECT target FROM backup.audit_entries WHERE chain_id = $1
            """, [.uuid(made.id)])
        partners.append(partner)
    }

    private func addToken(
        _ organization: UUID, _ partner: inout CommandPartner, _ numbers: inout SeededNumbers
    ) async throws {
        let token = AccessToken.make(.organization)
        try await database.sql(
            "INSERT INTO backup.organization_tokens (organization_id, prefix, hash) VALUES ($1, $2, $3)",
            [.uuid(organization), .text(Self.word(partner.number, &numbers)), .bytea(Array(token.hash))])
        partner.tokenFile = try file("token-of-\(organization)", token.text)
    }

    private func addTenant(
        _ organization: UUID, _ partner: inout CommandPartner, _ numbers: inout SeededNumbers
    ) async throws {
        let admin = database.admin
        func word() -> String { Self.word(partner.number, &numbers) }
        let id = TenantID(uuid: UUID())
        let label = word()
        let tenant = try await admin.addTenant(
            TenantRecord(
                id: id, organization: organization, name: word(), clientID: "\(UUID())".lowercased(), labels: [label]),
            .clientSecret(word()), expiresAt: nil)
        _ = try await admin.activate(id, permissions: ["User.Read.All"])
        partner.labels.append(label)
        partner.things[.tenant, default: []].append(NamedThing(id: id.description, name: tenant.name))
        let keys = [numbers.key(), numbers.key()]
        partner.objects += keys.map(\.description)
        for round in 1...2 {
            let objects = keys.map { ($0, #"{"displayName":"\#(word())","jobTitle":"\#(word())"}"#) }
            let users = Listing(Dictionary(uniqueKeysWithValues: objects.prefix(round)))
            try await database.backUp(id, [Types.user: users, Types.group: Listing()])
        }
        try await addJobs(id, &partner, &numbers)
        let key = UUID()
        let secret = try #require(DeviceSecret(.bitlocker, answer: ["key": .string(word())]))
        try await admin.keep(secret, id, .bitlocker, key)
        partner.key = (id.description, "\(key)".lowercased())
    }

    private func addJobs(
        _ tenant: TenantID, _ partner: inout CommandPartner, _ numbers: inout SeededNumbers
    ) async throws {
        let admin = database.admin
        let words = (0..<3).map { _ in Self.word(partner.number, &numbers) }
        for isApplied in [false, true] {
            let step = RestoreStep(
                number: 1, wave: 1, action: .update, type: "user", id: partner.objects[0], displayName: words[0],
                attributes: [.init(path: JSONPointer(["jobTitle"]), from: nil, to: .string(words[1]))],
                reason: words[2])
            let plan = RestorePlan(
                tenant: tenant, source: tenant, snapshot: 1, liveSnapshot: 2, options: RestoreOptions(), steps: [step],
                conflicts: [], todos: [])
            try await admin.savePlan(plan)
            partner.things[.restorePlan, default: []].append(NamedThing(id: "\(plan.id)".lowercased(), name: ""))
            if isApplied { _ = try await admin.applyPlan(plan) }
        }
        _ = try await admin.startBackup(tenant, types: nil, full: false)
        _ = try await admin.startDownload(tenant, snapshot: 1, format: .json, types: nil, ids: nil)
        partner.things[.job, default: []] += try await database.texts(
            "SELECT job_id FROM backup.jobs WHERE tenant_id = $1", [.uuid(tenant.uuid)]
        ).map { NamedThing(id: $0, name: "") }
    }

    private mutating func addStaff(_ partner: inout CommandPartner, _ numbers: inout SeededNumbers) async throws {
        for role in Role.allCases + [.owner, .superAdmin, .admin] {
            let name = Self.word(partner.number, &numbers)
            let email = "\(Self.word(partner.number, &numbers))@staff.example"
            let user = try await database.admin.createUser(email: email, name: name, role: role, partner: partner.id)
            partner.things[.user, default: []].append(NamedThing(id: email, name: email))
            let token = AccessToken.make(.user)
            _ = try await database.admin.setToken(
                email, hash: Array(token.hash), prefix: Self.word(partner.number, &numbers), expiresAt: nil)
            guard partner.number < Self.callers else { continue }
            actors.append(
                CommandActor(
                    partner: partner.number, role: role, email: email,
                    tokenFile: try file("token-\(user.user.id)", token.text),
                    tokenHash: Array(token.hash)))
        }
    }

    /// Gives the staff its roles and tokens back, which commands have changed: else soon nobody would be let in.
    func mendStaff(of partner: Int) async throws {
        for actor in actors where actor.partner == partner {
            try await database.sql(
                "UPDATE backup.users SET role = $2, token_hash = $3, disabled_at = NULL WHERE email = $1",
                [.text(actor.email), .text(actor.role.rawValue), .bytea(actor.tokenHash)])
        }
    }

    // MARK: Looking

    /// Where in the database each row says whose it is.
    private static let owners = """
        SELECT c.relname, (array_agg(a.attname ORDER BY array_position(
                '{partner_id,chain_id,organization_id,tenant_id}'::text[], a.attname::text)))[1] AS owner
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE n.nspname = 'backup' AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND NOT a.attisdropped
            AND a.attname IN ('partner_id', 'chain_id', 'organization_id', 'tenant_id')
        GROUP BY 1 ORDER BY 1
        """

    /// A statement that makes one number of all rows that are not of the partner `$1`.
    func fingerprintStatement() async throws -> String {
        var parts = ["SELECT md5('partners' || t::text) AS h FROM backup.partners t WHERE id <> $1"]
        let organizations = "SELECT id FROM backup.organizations WHERE partner_id = $1"
        for row in try await database.sql(Self.owners) {
            let (table, owner) = (try row.text("relname"), try row.text("owner"))
            let condition =
                switch owner {
                case "organization_id": "organization_id NOT IN (\(organizations))"
                case "tenant_id":
                    "tenant_id NOT IN (SELECT tenant_id FROM backup.tenants WHERE organization_id IN (\(organizations)))"
                default: "\(owner) <> $1"
                }
            parts.append("SELECT md5('\(table)' || t::text) FROM backup.\(table) t WHERE \(condition)")
        }
        return "SELECT md5(string_agg(h, '' ORDER BY h)), count(*) FROM (\(parts.joined(separator: " UNION ALL "))) q"
    }
}
