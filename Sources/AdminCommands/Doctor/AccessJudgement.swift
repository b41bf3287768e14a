import PostgresStore

/// What is wrong with the schema, the roles, their rights, and what keeps tenants apart.
enum AccessJudgement {
    // MARK: Schema

    static func schema(_ applied: [AppliedMigration]) -> Finding {
        let check = "schema"
        let newer = applied.filter { !$0.isKnown }.map(\.name)
        guard newer.isEmpty else {
            return .failed(
                check, "The database has \(newer.shortList), which this program does not know.",
                hint: "Update the programs; a newer version has been here.", runbook: "schema-mismatch")
        }
        let changed = applied.filter { !$0.isUnchanged }.map(\.name)
        guard changed.isEmpty else {
            return .failed(
                check, "\(changed.shortList) was applied with another text than this program knows.",
                hint: "Find out who changed it; an applied migration never changes.", runbook: "schema-mismatch")
        }
        let numbers = Set(applied.map(\.number))
        let missing = Migration.all.filter { !numbers.contains($0.number) }.map(\.name)
        guard missing.isEmpty else {
            return .failed(
                check, "\(missing.shortList) is not applied.", hint: "Run `entra-backup migrate`.",
                runbook: "schema-mismatch")
        }
        return .ok(check, "The schema is this version's, \(applied.last?.name ?? "").")
    }

    // MARK: Roles and rights

    static func findings(_ facts: AccessFacts) -> [Finding] {
        roles(facts) + rights(facts) + [owner(facts)] + guards(facts)
    }

    private static func roles(_ facts: AccessFacts) -> [Finding] {
        Installation.roles.map { name in
            let check = "role.\(name)"
            let full = "entra_backup_\(name)"
            guard let role = facts.roles.first(where: { $0.name == full }) else {
                return .failed(
                    check, "There is no role \(full).", hint: "Run `entra-backup migrate`.",
                    runbook: "role-misconfigured")
            }
            if let powers = tooMuch(role) { return powers }
            guard role.lacks.isEmpty else {
                return .failed(
                    check, "\(full) lacks \(role.lacks.joined(separator: ", ")): its program cannot work.",
                    hint: "As a superuser: \(role.lacks.map { fix($0, full) }.joined(separator: "; ")).",
                    runbook: "role-misconfigured")
            }
            return .ok(check, "\(full) may log in and nothing beyond its rights.")
        }
    }

    private static func fix(_ lack: String, _ role: String) -> String {
        switch lack {
        case "LOGIN": "ALTER ROLE \(role) LOGIN"
        case "VALID UNTIL": "ALTER ROLE \(role) VALID UNTIL 'infinity'"
        case "USAGE ON SCHEMA": "GRANT USAGE ON SCHEMA backup TO \(role)"
        default: "GRANT \(lack) … TO \(role)"
        }
    }

    /// - Parameter refused: what the server says to the role's password; `nil` when it lets it in.
    static func login(_ role: String, refused: CommandFailure?) -> Finding {
        guard let refused else { return .ok("login.\(role)", "The password of entra_backup_\(role) is right.") }
        return .failed(
            "login.\(role)", refused.message, hint: "Set its password anew: entra-backup stack down, then stack up.",
            runbook: "role-misconfigured")
    }

    private static func tooMuch(_ role: AccessFacts.Role) -> Finding? {
        let check = "role.\(role.name.dropFirst("entra_backup_".count))"
        if !role.powers.isEmpty {
            let attributes = role.powers.filter { $0 != "CREATE ON SCHEMA" }.map { "NO\($0)" }.joined(separator: " ")
            let fixes = [
                attributes.isEmpty ? nil : "ALTER ROLE \(role.name) \(attributes)",
                role.powers.contains("CREATE ON SCHEMA") ? "REVOKE CREATE ON SCHEMA backup FROM \(role.name)" : nil,
            ]
            return .failed(
                check,
                "\(role.name) has \(role.powers.joined(separator: ", ")): a fault in that program could reach more "
                    + "than its own work.",
                hint: "As a superuser: \(fixes.compactMap { $0 }.joined(separator: "; ")).",
                runbook: "role-misconfigured")
        }
        guard !role.memberOf.isEmpty else { return nil }
        let groups = role.memberOf.joined(separator: ", ")
        return .failed(
            check, "\(role.name) is a member of \(groups) and has its rights as well.",
            hint: "As a superuser: REVOKE \(groups) FROM \(role.name).", runbook: "role-misconfigured")
    }

    private static func rights(_ facts: AccessFacts) -> [Finding] {
        let ours = Installation.roles.map { "entra_backup_\($0)" }
        let findings = ours.map { role in
            finding(
                "rights.\(role.dropFirst("entra_backup_".count))", role, facts.missing.filter { $0.role == role },
                facts.additional.filter { $0.role == role })
        }
        let others = facts.additional.filter { !ours.contains($0.role) && $0.role != "PUBLIC" }
        let ofAll = finding(
            "rights.public", "PUBLIC", facts.missing.filter { $0.role == "PUBLIC" },
            facts.additional.filter { $0.role == "PUBLIC" })
        guard !others.isEmpty else { return findings + [ofAll] }
        let names = Set(others.map(\.role)).sorted()
        return findings + [
            ofAll,
            .warning(
                "rights.others", "Roles that no program uses have rights in the schema: \(names.shortList).",
                hint: "Take them away, unless somebody needs them: REVOKE ALL ON ALL TABLES IN SCHEMA backup FROM …",
                runbook: "role-misconfigured"),
        ]
    }

    private static func finding(
        _ check: String, _ role: String, _ missing: [DatabaseRight], _ additional: [DatabaseRight]
    ) -> Finding {
        guard !missing.isEmpty || !additional.isEmpty else {
            return .ok(check, role == "PUBLIC" ? "Nothing is open to all roles." : "\(role) has exactly its rights.")
        }
        var parts: [String] = []
        var fixes: [String] = []
        if let first = missing.first {
            parts.append("lacks \(missing.map { "\($0.privilege) on \($0.object)" }.shortList)")
            fixes.append("GRANT \(first.statement) TO \(role)")
        }
        if let first = additional.first {
            parts.append("has \(additional.map { "\($0.privilege) on \($0.object)" }.shortList) beyond its rights")
            fixes.append("REVOKE \(first.statement) FROM \(role)")
        }
        let more = missing.count > 1 || additional.count > 1 ? ", and so on" : ""
        return .failed(
            check, "\(role) \(parts.joined(separator: " and ")).",
            hint: "As the owner: \(fixes.joined(separator: "; "))\(more).", runbook: "role-misconfigured")
    }

    private static func owner(_ facts: AccessFacts) -> Finding {
        let programs = Set(Installation.roles.map { "entra_backup_\($0)" })
        let wrong = facts.tables.filter { programs.contains($0.owner) }.map { "\($0.name) (\($0.owner))" }
        guard wrong.isEmpty else {
            return .failed(
                "owner", "Tables belong to a role that a program uses: \(wrong.shortList).",
                hint: "As a superuser: ALTER TABLE backup.… OWNER TO \(Installation.owner).",
                runbook: "role-misconfigured")
        }
        return .ok("owner", "No program owns a table.")
    }

    // MARK: Row-level security

    /// Tables with a tenant's id that belong to the fleet: messages, quotas, due times and numbers of users, without
    /// directory content.
    static let fleetTables: Set<String> = ["schedule", "messages", "dead_letters", "budgets", "user_counts"]

    private static func guards(_ facts: AccessFacts) -> [Finding] {
        facts.tables.filter { $0.hasTenant && !fleetTables.contains($0.name) }.map { table in
            let check = "rowSecurity.\(table.name)"
            let full = "backup.\(table.name)"
            guard table.isGuarded, table.isForced else {
                let what = table.isGuarded ? "not forced on its owner" : "off"
                let fix = table.isGuarded ? "FORCE" : "ENABLE"
                return .failed(
                    check, "Row-level security is \(what) for \(full): rows of other tenants can be seen.",
                    hint: "As the owner: ALTER TABLE \(full) \(fix) ROW LEVEL SECURITY.", runbook: "role-misconfigured")
            }
            let wide = table.policies.filter { $0.isPermissive && !$0.isOfTheTenant && !isKnown($0, table) }.map(\.name)
            guard wide.isEmpty else {
                return .failed(
                    check, "A policy shows more than the tenant's rows of \(full): \(wide.shortList).",
                    hint: "As the owner: DROP POLICY \(wide[0]) ON \(full).", runbook: "role-misconfigured")
            }
            guard table.policies.contains(where: { $0.isOfTheTenant && $0.roles == ["public"] }) else {
                return .failed(
                    check, "No policy shows a tenant its rows of \(full).",
                    hint: "As the owner: CREATE POLICY as `entra-backup migrate --print` shows it.",
                    runbook: "role-misconfigured")
            }
            guard table.name != "tenant_credentials" || table.policies.contains(where: hidesWriteCredential) else {
                return .failed(
                    check, "Nothing hides the credentials that write from backups.",
                    hint: "As the owner: CREATE POLICY as `entra-backup migrate --print` shows it.",
                    runbook: "role-misconfigured")
            }
            guard table.policies.contains(where: confinesStaff) else {
                return .failed(
                    check, "Nothing keeps the staff of a partner from the rows of others in \(full).",
                    hint: "As the owner: CREATE POLICY as `entra-backup migrate --print` shows it.",
                    runbook: "role-misconfigured")
            }
            return .ok(check, "\(full) shows each transaction the rows of its tenant only.")
        }
    }

    private static func hidesWriteCredential(_ policy: AccessFacts.Policy) -> Bool {
        policy.name == "tenant_credentials_for_reading" && !policy.isPermissive
            && policy.roles == ["entra_backup_fetcher"]
    }

    private static func confinesStaff(_ policy: AccessFacts.Policy) -> Bool {
        policy.name.hasSuffix("_of_the_partner") && !policy.isPermissive && policy.roles == [Installation.staff]
    }

    /// The operator and the scheduler list tenants and jobs of the whole fleet; functions of the owner, which no program
    /// is, pick the tenant's rows themselves.
    private static func isKnown(_ policy: AccessFacts.Policy, _ table: AccessFacts.Table) -> Bool {
        policy.name.hasSuffix("_of_the_fleet") && policy.roles == ["entra_backup_operator"]
            || policy.name.hasSuffix("_of_the_schedule") && policy.roles == ["entra_backup_scheduler"]
            || policy.name.hasSuffix("_of_the_staff") && policy.roles == [Installation.staff]
            || policy.name.hasSuffix("_of_the_owner") && policy.roles == [table.owner]
    }
}

extension DatabaseRight {
    /// `SELECT ON backup.jobs`, as GRANT and REVOKE take it.
    fileprivate var statement: String {
        object.hasSuffix("()")
            ? "\(privilege) ON FUNCTION backup.\(object.dropLast(2))" : "\(privilege) ON backup.\(object)"
    }
}
