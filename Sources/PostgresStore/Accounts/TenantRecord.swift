public import BackupContracts
public import BackupModel
public import Foundation
import LibPQ

/// A tenant as administrators see it.
public struct TenantRecord: Sendable, Hashable {
    /// What is done with a tenant by itself. Raw values are those of the database and the command line.
    public enum State: String, Sendable {
        /// Known, never checked.
        case added
        /// Checked; backed up by its schedule.
        case active
        /// Backups are stopped, data is kept.
        case inactive
    }

    /// The directory's GUID, by Microsoft; an installation has each once.
    public var id: TenantID
    /// The customer, whose plan and state decide whether backups are made.
    public var organization: UUID
    /// Chosen by who added it, else the id; need not be unique.
    public var name: String
    /// Application (client) id of the app registration that reads.
    public var clientID: String
    /// Which of Microsoft's clouds it is in; said when it was added.
    public var cloud: Cloud
    /// Scheme and host of Microsoft Graph without version; nil for the cloud's own.
    public var graphURL: String?
    /// Scheme and host of the token endpoint without tenant; nil for the cloud's own.
    public var authorityURL: String?
    /// `added` until it is activated or deactivated for the first time.
    public var state: State
    /// Application permissions that the token held when it was last checked.
    public var permissions: [String]
    /// When they were looked at, which each activation does; nil before the first.
    public var permissionsAt: Date?
    /// `every 15m`…`every 24h`, `daily HH:MM` or `off`.
    public var schedule: String
    /// Names of the object types that backups read when none are named; nil for all.
    public var types: [String]?
    /// How long snapshots are kept: `90d`, `7y` or `forever`. The newest is always kept.
    public var retention: String
    /// Words by which an administrator picks tenants; ascending.
    public var labels: [String]
    /// When it was added, by the database's clock.
    public var createdAt: Date
    /// The first activation; kept when it is deactivated. nil before.
    public var activatedAt: Date?

    /// Nothing is checked here. Of a tenant to add, state, permissions, schedule, types, retention and times are the
    /// database's, whatever is given.
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
            cloud: try row.named("cloud"), graphURL: try row.optionalText("graph_url"),
            authorityURL: try row.optionalText("authority_url"),
            state: try row.named("state"), permissions: try row.textArray("permissions"),
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
