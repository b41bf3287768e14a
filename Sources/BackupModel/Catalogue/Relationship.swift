/// One relationship of a type, or one sub-collection that it owns, and the one way in which it is read.
public struct Relationship: Sendable, Decodable {
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
    public enum Kind: String, Sendable, Decodable {
        /// References to other objects: their ids.
        case link
        /// Documents that the object owns.
        case child
    }

    /// The one way in which a relationship is read.
    public enum Read: String, Sendable, Decodable, CaseIterable {
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
    public struct Write: Sendable, Decodable {
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

        /// The forms of a request that writes.
        public enum How: String, Sendable, Decodable {
            /// `POST path/$ref`, `PUT` for a single one, `DELETE path/{target}/$ref`.
            case reference
            /// `POST`, `PATCH` and `DELETE` of the documents.
            case contained
            /// An action that replaces all at once.
            case action
        }
    }

    enum CodingKeys: String, CodingKey, CaseIterable {
        case number, name, kind, single, read, permission, alsoPermission
        case property, ownList, expand, truncatesAt, listFilter, path, reason, write
    }

    /// Decodes one entry of a row's `relationships`.
    public init(from decoder: any Decoder) throws {
        let entry = try decoder.container(keyedBy: CodingKeys.self)
        number = try entry.decode(UInt16.self, forKey: .number)
        name = try entry.decode(String.self, forKey: .name)
        kind = try entry.decode(Kind.self, forKey: .kind)
        single = try entry.decodeIfPresent(Bool.self, forKey: .single) ?? false
        read = try entry.decode(Read.self, forKey: .read)
        permission = try entry.decodeIfPresent(String.self, forKey: .permission)
        alsoPermission = try entry.decodeIfPresent(String.self, forKey: .alsoPermission)
        property = try entry.decodeIfPresent(String.self, forKey: .property)
        ownList = try entry.decodeIfPresent(Bool.self, forKey: .ownList) ?? false
        expand = try entry.decodeIfPresent(String.self, forKey: .expand)
        truncatesAt = try entry.decodeIfPresent(Int.self, forKey: .truncatesAt)
        listFilter = try entry.decodeIfPresent(String.self, forKey: .listFilter)
        path = try entry.decode(String.self, forKey: .path)
        reason = try entry.decodeIfPresent(String.self, forKey: .reason)
        write = try entry.decodeIfPresent(Write.self, forKey: .write)
    }

    /// True when a backup reads and stores it.
    public var isBackedUp: Bool { read != .mirror && read != .onDemand }
}
