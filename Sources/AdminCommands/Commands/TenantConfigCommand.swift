import AccountModel
import ArgumentParser
import BackupContracts
import BackupModel
import Foundation
import PostgresStore
import ServiceBootstrap

struct TenantConfigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Schedule, types and retention of a tenant.",
        subcommands: [Show.self, Set.self])

    struct Show: AdminCommand {
        static let configuration = CommandConfiguration(commandName: "show", abstract: "Shows the configuration.")
        @OptionGroup var options: GlobalOptions
        @Argument(help: "Id or name.") var tenant: String

        var access: Access { .feature(.viewTenantConfig) }

        func perform(_ output: Output) async throws -> Int32 {
            try await options.withStore { store, _ in
                let tenant = try await store.tenant(tenant)
                output.show(["config": tenant.configuration]) {
                    """
                    schedule   \(tenant.schedule)
                    types      \(tenant.types?.joined(separator: ",") ?? "all")
                    retention  \(tenant.retention)
                    """
                }
            }
            return 0
        }
    }

    struct Set: ChangingCommand {
        static let configuration = CommandConfiguration(
            commandName: "set",
            abstract:
                "Sets keys: schedule=every 15m…every 24h|daily HH:MM|off, types=a,b|all, retention=90d|7y|forever.")
        @OptionGroup var options: GlobalOptions
        @OptionGroup var change: ChangeOptions
        @Argument(help: "Id or name.") var tenant: String
        @Argument(help: "KEY=VALUE.") var settings: [String]

        var access: Access { .feature(.updateTenantConfig) }

        func perform(_ output: Output) async throws -> Int32 {
            try await options.withStore { store, _ in
                var tenant = try await store.tenant(tenant)
                for setting in settings { try tenant.apply(setting) }
                let wanted = tenant
                let changed = try await store.audited(
                    "tenant.config", tenant.id.description, reason: settings.joined(separator: " ")
                ) { try await store.configure(wanted) }
                output.show(["config": changed.configuration]) { "The configuration of \(changed.name) was changed." }
            }
            return 0
        }
    }
}

extension TenantRecord {
    fileprivate var configuration: JSONValue {
        [
            "schedule": .string(schedule), "types": types.map { .array($0.map { .string($0) }) } ?? .null,
            "retention": .string(retention),
        ]
    }

    fileprivate mutating func apply(_ setting: String) throws {
        guard let equals = setting.firstIndex(of: "=") else {
            throw Check.invalid("settingMalformed", "\(setting) has no =; write KEY=VALUE.")
        }
        let key = String(setting[..<equals])
        let value = String(setting[setting.index(after: equals)...])
        switch key {
        case "schedule":
            guard BackupSchedule(value) != nil else {
                throw Check.invalid(
                    "scheduleMalformed",
                    "The schedule \(value) is none of `every 15m`…`every 24h`, `daily HH:MM`, `off`.")
            }
            schedule = value
        case "types":
            types = value == "all" ? nil : try TypeNames.parse(value)
        case "retention":
            // More days than 1000 years have would leave the range of the database's times.
            guard value == "forever" || (Retention.days(value) ?? .max) <= 365_000 else {
                throw Check.invalid(
                    "retentionMalformed", "The retention \(value) is none of 90d, 7y, forever; 1000y is the longest.")
            }
            retention = value
        default:
            throw Check.invalid("settingUnknown", "There is no key \(key); keys are schedule, types and retention.")
        }
    }
}

/// Names of object types as people give them.
enum TypeNames {
    static func parse(_ list: String) throws -> [String] {
        let names = list.split(separator: ",").map { $0.trimmingPrefix(while: \.isWhitespace) }.map(String.init)
        guard !names.isEmpty else { throw Check.invalid("typesEmpty", "No object type was named.") }
        for name in names { _ = try type(name) }
        return names
    }

    static func type(_ name: String) throws -> ObjectType {
        guard let type = Catalogue.current[name] else {
            let near = Catalogue.current.types.map(\.name).filter { $0.lowercased().contains(name.lowercased()) }
            let hint = near.isEmpty ? "" : " Did you mean \(near.joined(separator: ", "))?"
            throw Check.invalid("typeUnknown", "There is no object type \(name).\(hint)")
        }
        return type
    }
}
