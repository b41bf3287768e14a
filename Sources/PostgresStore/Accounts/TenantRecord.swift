public import BackupContracts
public import BackupModel
public import Foundation
import LibPQ

/// A tenant as administrators see it.
public struct TenantRecord: Sendable, Hashable {
    public enum State: String, Sendable {
        /// Known, never checked.
        case added
        /// Checked; backed up by its schedule.
        case active
        /// Backups are stopped, data is kept.
        case inactive
    }

    public var id: TenantID
    public var organization: UUID
    public var name: String
    public var clientID: String
    public var cloud: Cloud
    public var graphURL: String?
    public var authorityURL: String?
    public var state: State
    /// Application permissions that the token held when it was last checked.
    public var permissions: [String]
    public var permissionsAt: Date?
    /// `every 15m`…`every 24h`, `daily HH:MM` or `off`.
    public var schedule: String
    public var types: [String]?
    public var retention: String
    /// Words by which an administrator picks tenants; ascending.
    public var labels: [String]
    public var createdAt: Date
    public var activatedAt: Date?

    public init(
        id: TenantID, organization: UUID, name: String, clientID: String, cloud: Cloud = .global,
        graphURL: String? = nil, authorityURL: String? = nil, state: State = .added, permissions: [String] = [],
        permissionsAt: Date? = nil, schedule: String = "every 24h", types: [String]? = nil, retention: String = "90d",
        labels: [String] = [], createdAt: Date = Date(timeIntervalSince1970: 0), activatedAt: Date? = nil
    ) {
        self.id = id
        self.organization = organization
        self.name = name
        self.clientID = clientID
        self.cloud = cloud
        self.graphURL = graphURL
        self.authorityURL = authorityURL
        self.state = state
        self.permissions = permissions
        self.permissionsAt = permissionsAt
        self.schedule = schedule
        self.types = types
        self.retention = retention
        self.labels = labels
        self.createdAt = createdAt
        self.activatedAt = activatedAt
    }
}

extension TenantRecord {
    static let columns = """
        tenant_id, organization_id, name, client_id, cloud, graph_url, authority_url, state, permissions, permissions_at,
        schedule, types, retention, labels, created_at, activated_at
        """

    init(row: PostgresRow) throws(PostgresError) {
        self.init(
            id: TenantID(uuid: try row.uuid("tenant_id")), organization: try row.uuid("organization_id"),
            name: try row.text("name"), clientID: try row.text("client_id"),
            cloud: Cloud(rawValue: try row.text("cloud")) ?? .global, graphURL: try row.optionalText("graph_url"),
            authorityURL: try row.optionalText("authority_url"),
            state: State(rawValue: try row.text("state")) ?? .added, permissions: try row.textArray("permissions"),
            permissionsAt: try row.optionalTimestamp("permissions_at")?.date, schedule: try row.text("schedule"),
            types: try row.decode("types", as: [String]?.self), retention: try row.text("retention"),
            labels: try row.textArray("labels"), createdAt: try row.timestamp("created_at").date,
            activatedAt: try row.optionalTimestamp("activated_at")?.date)
    }
}

/// When a tenant is backed up.
public enum BackupSchedule: Sendable, Hashable {
    case every(seconds: Int32)
    /// Minutes after midnight, UTC.
    case daily(minutes: Int32)
    case off

    /// Reads `every 15m`…`every 24h`, `daily HH:MM`, `off`; `nil` for anything else.
    public init?(_ text: String) {
        if text == "off" {
            self = .off
        } else if text.hasPrefix("every "), let unit = text.last, let number = Int32(text.dropFirst(6).dropLast()) {
            guard let factor = ["m": Int32(60), "h": 3_600][String(unit)], number > 0, number <= 1_440 else {
                return nil
            }
            let seconds = number * factor
            guard (900...86_400).contains(seconds) else { return nil }
            self = .every(seconds: seconds)
        } else if text.hasPrefix("daily ") {
            let parts = text.dropFirst(6).split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count == 2, parts.allSatisfy({ $0.count == 2 }), let hours = Int32(parts[0]),
                let minutes = Int32(parts[1]), (0...23).contains(hours), (0...59).contains(minutes)
            else { return nil }
            self = .daily(minutes: hours * 60 + minutes)
        } else {
            return nil
        }
    }
}
