/// One relationship of a type, or one sub-collection that it owns, and the one way in which it is read.
public struct Relationship: Sendable, CatalogueValue {
    /// Identifies the relationship within its type in stored data. Permanent, at least 1: 0 is the attributes.
    public let number: UInt16
    /// Graph's segment name, but for a few that have none of their own (`licenses`).
    public let name: String
    /// Whether ids or documents are kept.
    public let kind: Kind
    /// True when there is at most one: a manager, or an answer that is one document and not a list.
    public let single: Bool
    /// The one way in which it is read.
    public let read: Read
    /// The application permission that reads it. Nil where none is documented; those are never read in a backup.
    public let permission: String?
    /// A permission without which a part stays hidden or the expansion may be refused.
    public let alsoPermission: String?

    /// For ``Read/inline`` without ``ownList``: the property of the main list's objects that holds it. Absent is empty.
    public let property: String?
    /// For ``Read/inline``: it needs a listing of its own, because directory objects allow one expansion in a request.
    public let ownList: Bool
    /// With ``ownList`` the `$expand` of that listing; with ``Read/perObject`` that of the single reading.
    public let expand: String?
    /// An expansion returns at most this many without saying that there are more: an object that comes with as many
    /// is read singly.
    public let truncatesAt: Int?
    /// For ``Read/perObject``: only the objects that this `$filter` of the main list finds have it.
    public let listFilter: String?
    /// Path that reads it for one object, `{id}` being the object's id.
    public let path: String
    /// For ``Read/mirror`` where it is kept instead, for ``Read/onDemand`` why it is not in a backup.
    public let reason: String?
    /// How it is written, nil when Graph offers no way.
    public let write: Write?

    /// What is kept of it.
    public enum Kind: String, Sendable, CatalogueValue {
        /// References to other objects: their ids.
        case link
        /// Documents that the object owns.
        case child
    }

    /// The one way in which a relationship is read.
    public enum Read: String, Sendable, CatalogueValue, CaseIterable {
        /// Selected in the delta query; comes as `name@delta`.
        case delta
        /// With a list: the main one, or one of its own.
        case inline
        /// For each object, through `$batch`. An answer of 404 means none.
        case perObject
        /// Another type, relationship or attribute keeps it; never stored here.
        case mirror
        /// Not in a backup.
        case onDemand
    }

    /// How links and children are written back.
    public struct Write: Sendable, CatalogueValue {
        /// The form of the request.
        public let how: How
        /// Where to write, when it is neither ``Relationship/path`` nor `path/$ref`.
        public let path: String?
        /// The permission that writes it, when it differs from that of the type.
        public let permission: String?
        /// When there is nothing to write, in words.
        public let skipWhen: String?
        /// How many one request may add.
        public let addMany: Int?
        /// How many there may be.
        public let limit: Int?

        private enum Field: String {
            case how, path, permission, skipWhen, addMany, limit
        }

        init(catalogue value: JSONValue) throws(CatalogueRowError) {
            let row = try CatalogueRow<Field>(value)
            how = try row.read(.how)
            path = try row.optional(.path)
            permission = try row.optional(.permission)
            skipWhen = try row.optional(.skipWhen)
            addMany = try row.optional(.addMany)
            limit = try row.optional(.limit)
        }

        /// The forms of a request that writes.
        public enum How: String, Sendable, CatalogueValue {
            /// `POST path/$ref`, `PUT` for a single one, `DELETE path/{target}/$ref`.
            case reference
            /// `POST`, `PATCH` and `DELETE` of the documents.
            case contained
            /// An action that replaces all at once.
            case action
        }
    }

    enum Field: String, CaseIterable {
        case number, name, kind, single, read, permission, alsoPermission
        case property, ownList, expand, truncatesAt, listFilter, path, reason, write
    }

    /// Reads one entry of a row's `relationships`.
    init(catalogue value: JSONValue) throws(CatalogueRowError) {
        let entry = try CatalogueRow<Field>(value)
        number = try entry.read(.number)
        name = try entry.read(.name)
        kind = try entry.read(.kind)
        single = try entry.optional(.single) ?? false
        read = try entry.read(.read)
        permission = try entry.optional(.permission)
        alsoPermission = try entry.optional(.alsoPermission)
        property = try entry.optional(.property)
        ownList = try entry.optional(.ownList) ?? false
        expand = try entry.optional(.expand)
        truncatesAt = try entry.optional(.truncatesAt)
        listFilter = try entry.optional(.listFilter)
        path = try entry.read(.path)
        reason = try entry.optional(.reason)
        write = try entry.optional(.write)
    }

    /// True when a backup reads and stores it.
    public var isBackedUp: Bool { read != .mirror && read != .onDemand }
}
