import Foundation
import PostgresStore

/// What is wrong with PostgreSQL itself: version, settings, connections, clock, transport.
enum ServerJudgement {
    static func findings(_ facts: ServerFacts, _ settings: DatabaseSettings) -> [Finding] {
        [version(facts), transport(facts, settings), connections(facts), clock(facts)]
            + SettingRule.all.map { setting($0, facts) }
    }

    /// A server that refuses the login is there: it is the role that has to be mended.
    /// https://www.postgresql.org/docs/15/errcodes-appendix.html, class 28
    static func unreachable(_ failure: CommandFailure) -> Finding {
        guard failure.message.contains("[28") else { return .failed("database", failure) }
        return .failed(
            "database", failure.message,
            hint: "Correct database.user and database.passwordFile, or the role's password.",
            runbook: "role-misconfigured")
    }

    private static func version(_ facts: ServerFacts) -> Finding {
        let text = facts.version >= 100_000 ? "\(facts.version / 10_000).\(facts.version % 10_000)" : "\(facts.version)"
        guard facts.version >= 150_000 else {
            return .failed(
                "database", "PostgreSQL is of version \(text); 15 or newer is needed.",
                hint: "Move the database to a newer PostgreSQL.", runbook: "settings-unsafe")
        }
        return .ok("database", "PostgreSQL \(text) answers.")
    }

    static func transport(_ facts: ServerFacts, _ settings: DatabaseSettings) -> Finding {
        if isThisMachine(settings.host) { return .ok("databaseTransport", "The database is on this machine.") }
        guard settings.sslMode == nil || settings.sslMode == "verify-full" else {
            return .warning(
                "databaseTransport",
                "The connection to \(settings.host) is made with database.sslMode \(settings.sslMode ?? ""), "
                    + (facts.isEncrypted ? "so that nobody checks who answers." : "and is not encrypted."),
                hint: "Set database.sslMode to verify-full and database.sslRootCertificate to the authority's file.",
                runbook: "settings-unsafe")
        }
        return .ok("databaseTransport", "The connection is encrypted and the server's name is checked.")
    }

    static func isThisMachine(_ host: String) -> Bool {
        host.hasPrefix("/") || host == "localhost" || host == "::1" || host.hasPrefix("127.")
    }

    private static func connections(_ facts: ServerFacts) -> Finding {
        let most = Int(facts.settings["max_connections"] ?? "") ?? 0
        guard most > 0, facts.sessions * 10 >= most * 8 else {
            return .ok("databaseConnections", "\(facts.sessions) of \(most) connections are in use.")
        }
        return .warning(
            "databaseConnections", "\(facts.sessions) of \(most) connections are in use.",
            hint: "Raise max_connections, or run fewer copies: each opens up to database.connections.",
            runbook: "database-unreachable")
    }

    private static func clock(_ facts: ServerFacts) -> Finding {
        let off = abs(facts.clockAhead)
        let text = off.formatted(.number.precision(.fractionLength(off < 10 ? 1 : 0)).grouping(.never))
        let message =
            "The database server's clock is \(text) s \(facts.clockAhead < 0 ? "behind" : "ahead of") this machine's."
        let hint = "Let both machines take their time from the same source."
        switch off {
        case ..<5: return .ok("clock", "The database server's clock and this machine's agree.")
        case ..<60: return .warning("clock", message, hint: hint, runbook: "clock-skew")
        default: return .failed("clock", message, hint: hint, runbook: "clock-skew")
        }
    }

    private static func setting(_ rule: SettingRule, _ facts: ServerFacts) -> Finding {
        let check = "setting.\(rule.name)"
        guard let value = facts.settings[rule.name] else {
            return .ok(check, "\(rule.name) is unknown to this server or hidden from this role.")
        }
        let places =
            [(nil, value)] + facts.overrides.filter { $0.name == rule.name }.map { (Optional($0.role), $0.value) }
        let wrong = places.map { (role: $0.0, value: $0.1, outcome: rule.outcome($0.1)) }.filter { $0.outcome != .ok }
        guard let first = wrong.first(where: { $0.outcome == .failed }) ?? wrong.first else {
            return .ok(check, "\(rule.name) is \(value).")
        }
        let whose = first.role.map { " for \($0)" } ?? ""
        let undo =
            switch first.role {
            case nil: "ALTER SYSTEM SET \(rule.name) = '\(rule.right)'"
            case "all roles"?: "ALTER DATABASE … RESET \(rule.name)"
            case let role?: "ALTER ROLE \(role) RESET \(rule.name)"
            }
        return Finding(
            check: check, outcome: first.outcome, message: "\(rule.name) is \(first.value)\(whose): \(rule.danger)",
            hint: rule.isFixed
                ? "It can only be chosen when the cluster is made: move the data to a new one."
                : "As a superuser: \(undo); then SELECT pg_reload_conf().",
            runbook: "settings-unsafe")
    }
}

/// A setting of PostgreSQL on which safety of the data, or its secrecy in the server's log, depends.
struct SettingRule: Sendable {
    var name: String
    /// The value to set.
    var right: String
    /// What may happen with the wrong one.
    var danger: String
    /// Whether it cannot be changed later.
    var isFixed = false
    var outcome: @Sendable (String) -> Finding.Outcome

    private static let loss = "what was committed can be lost or damaged when the machine stops."
    private static let text = "statements with names, addresses and passwords of accounts reach the server's log."
    private static let values = "values of statements reach the server's log."

    /// https://www.postgresql.org/docs/15/runtime-config.html
    static let all: [SettingRule] = [
        must("fsync", "on", loss),
        must("full_page_writes", "on", loss),
        SettingRule(name: "synchronous_commit", right: "on", danger: loss) { $0 == "off" ? .failed : .ok },
        must("data_sync_retry", "off", "after a failed write it goes on with data that never reached the disk."),
        should("data_checksums", "on", "damage on the disk is read instead of noticed.", isFixed: true),
        must("autovacuum", "on", "tables of messages grow without end and everything becomes slow."),
        must("track_counts", "on", "without it autovacuum does not work."),
        SettingRule(name: "log_statement", right: "none", danger: text) {
            $0 == "none" ? .ok : $0 == "ddl" ? .warning : .failed
        },
        must("log_min_duration_statement", "-1", text),
        must("log_min_duration_sample", "-1", text),
        must("log_duration", "off", "each statement makes a line in the server's log.", .warning),
        SettingRule(name: "log_min_error_statement", right: "panic", danger: text) {
            ["panic", "fatal", "log"].contains($0) ? .ok : .warning
        },
        should("log_parameter_max_length", "0", "as soon as statements are logged, their values are too."),
        must("log_parameter_max_length_on_error", "0", values),
        should("log_error_verbosity", "terse", "details of errors name values of keys in the server's log."),
        should("password_encryption", "scram-sha-256", "passwords are stored in a form that is easy to guess from."),
    ]

    private static func must(
        _ name: String, _ right: String, _ danger: String, _ otherwise: Finding.Outcome = .failed
    ) -> SettingRule {
        SettingRule(name: name, right: right, danger: danger) { $0 == right ? .ok : otherwise }
    }

    private static func should(_ name: String, _ right: String, _ danger: String, isFixed: Bool = false) -> SettingRule
    {
        SettingRule(name: name, right: right, danger: danger, isFixed: isFixed) { $0 == right ? .ok : .warning }
    }
}
