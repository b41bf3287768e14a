public import struct Foundation.UUID

/// What is to be restored, and how.
public struct RestoreOptions: Sendable, Hashable {
    /// How the attributes of an existing object are set.
    public enum AttributesMode: String, Sendable, CaseIterable {
        /// Attributes that the snapshot has are set; what was added since stays.
        case merge
        /// Attributes become as in the snapshot; what was added since is taken away.
        case overwrite
    }

    /// How the links of an existing object are set.
    public enum LinksMode: String, Sendable, CaseIterable {
        /// Missing links are added; links added since stay.
        case merge
        /// Links become as in the snapshot; links added since are taken away.
        case rollback
        /// Links are left alone.
        case skip
    }

    /// What becomes of objects made since the snapshot.
    public enum NewObjects: String, Sendable, CaseIterable {
        case keep
        /// Soft-deleted where Graph has a recycle bin; never purged. Types without one are deleted for good, and the
        /// plan says so.
        case delete
    }

    /// Only these types; nil for all.
    public var types: Set<String>?
    /// Only these objects; nil for all.
    public var ids: Set<String>?
    /// Only these attributes of existing objects. Nil for all of them, or for none when ``links`` names what to restore:
    /// what neither names is left alone.
    public var attributes: Set<String>?
    /// Only these relationships and sub-collections of existing objects. Nil for all of them, or for none when
    /// ``attributes`` names what to restore.
    public var links: Set<String>?
    /// Of objects that exist; what is created has all attributes of the snapshot.
    public var attributesMode: AttributesMode
    /// Holds for licences and assigned sub-collections as well; content, such as settings, is written whatever it says.
    public var linksMode: LinksMode
    /// Of what is in scope, and only when neither `attributes` nor `links` narrows the restore.
    public var newObjects: NewObjects
    /// Objects that a policy in scope refers to are restored along with it.
    public var withReferences: Bool
    /// For a restore into another tenant: the domain that stands for each domain of the source.
    public var domains: [String: String]
    /// The account that must stay able to sign in, by id or userPrincipalName.
    public var breakGlass: String?

    /// Without arguments: everything that is missing or changed, and nothing taken away.
    public init(
        types: Set<String>? = nil, ids: Set<String>? = nil, attributes: Set<String>? = nil, links: Set<String>? = nil,
        attributesMode: AttributesMode = .merge, linksMode: LinksMode = .merge, newObjects: NewObjects = .keep,
        withReferences: Bool = false, domains: [String: String] = [:], breakGlass: String? = nil
    ) {
        self.types = types
        self.ids = ids
        self.attributes = attributes
        self.links = links
        self.attributesMode = attributesMode
        self.linksMode = linksMode
        self.newObjects = newObjects
        self.withReferences = withReferences
        self.domains = domains
        self.breakGlass = breakGlass
    }
}

/// One thing that a restore does with one object.
public struct RestoreStep: Sendable, Hashable {
    /// Raw values are stored, and part of the command-line contract.
    public enum Action: String, Sendable, CaseIterable {
        /// Bring the object back from the recycle bin, under its old id.
        case undelete
        /// Make the object anew from `document`; its id becomes another, but where the type keeps ids. Attributes that
        /// the services compute are still in the document; those that a later step sets are not.
        case create
        /// Set attributes of an object that is there (or that an earlier step brings back): whole top-level values.
        case update
        /// Add and take away links. A policy for tokens is linked from the application or service principal that it
        /// applies to (`tokenLifetimePolicies`, `tokenIssuancePolicies`).
        case link
        /// Write owned sub-collections; `licenses` are the object's own elements of `assignedLicenses`.
        case children
        /// Delete an object that was made since the snapshot.
        case delete
    }

    /// From 1, in the order of execution.
    public var number: Int
    /// Steps of one wave need nothing of each other; a wave needs all earlier ones. Not below that of the step before.
    public var wave: Int
    /// Decides which of the lists below are filled.
    public var action: Action
    /// The catalogue's name of the type.
    public var type: String
    /// The id in the source: in the snapshot, or live for what is deleted.
    public var id: String
    /// Of the source's object, else of the live one, else the id. Directory content: sealed with the step.
    public var displayName: String
    /// Live value (`from`) and what is written (`to`, nil takes it away). For `create`: empty, see `document`.
    public var attributes: [ObjectChange.Attribute]
    /// What is added and taken away, by relationship; ids of the source.
    public var links: [ObjectChange.Links]
    /// Whole sub-collections, live and wanted. `from` is nil for an object that is made anew.
    public var children: [ObjectChange.Children]
    /// For `create` and `undelete` the object as it is to be, with all its links (steps of their own write those) and
    /// the sub-collections that the creation has to carry. For other steps only where a request needs more than the
    /// change: of derived types, of assignments that are requested, of the settings of a policy. For `delete` of such
    /// objects, and of app role assignments, as they are.
    public var document: ObjectDocument?
    /// Why: one sentence for people.
    public var reason: String
    /// Requests that write.
    public var cost: Int
    /// Nobody knows what the object has of it: that is looked at before anything is sent. So with the sub-collections of
    /// an object from the recycle bin, which come back with it but for what was lost meanwhile.
    public var looksFirst = false

    /// `number` is given by the plan when the steps are in order.
    public init(
        number: Int = 0, wave: Int, action: Action, type: String, id: String, displayName: String,
        attributes: [ObjectChange.Attribute] = [], links: [ObjectChange.Links] = [],
        children: [ObjectChange.Children] = [], document: ObjectDocument? = nil, reason: String, cost: Int = 1
    ) {
        self.number = number
        self.wave = wave
        self.action = action
        self.type = type
        self.id = id
        self.displayName = displayName
        self.attributes = attributes
        self.links = links
        self.children = children
        self.document = document
        self.reason = reason
        self.cost = cost
    }

    /// The objects that are another in a snapshot when the step is done, as ids of the source: its own, and where the
    /// link is kept with the other side, as that of a policy for tokens is, the other side's.
    public func changes(_ catalogue: Catalogue = .current) -> Set<String> {
        let mirrored = links.filter { catalogue[type]?.relationship($0.name)?.isBackedUp == false }
        return Set(mirrored.flatMap { $0.added + $0.removed }).union([id])
    }
}

/// What stands in the way of a part of the plan; that part has no step.
public struct RestoreConflict: Sendable, Hashable {
    /// `backupOnly`, `breakGlassUnknown`, `builtIn`, `cannotCreate`, `cannotDelete`, `createOnly`, `delegatedOnly`,
    /// `domainNotVerified`, `firstPartyApplication`, `groupIsDynamic`, `licencesExhausted`, `lockOut`,
    /// `lockOutNotChecked`, `mailEnabledGroup`, `managedIdentity`, `notRead`, `objectMissing`, `ownApplication`,
    /// `permissionMissing`, `referenceMissing`, `restrictedUnit`, `roleAssignable`, `syncedFromOnPremises`,
    /// `usageLocationMissing`, `userPrincipalNameTaken`.
    public var code: String
    /// The catalogue's name of the type.
    public var type: String
    /// Empty when it is about the whole type.
    public var id: String
    /// What stands in the way, for people. May hold directory content: stored sealed.
    public var message: String
    /// What a person can do about it.
    public var hint: String

    /// `code` is one of those above: scripts go by it.
    public init(code: String, type: String, id: String, message: String, hint: String) {
        self.code = code
        self.type = type
        self.id = id
        self.message = message
        self.hint = hint
    }
}

/// What a person has to do, because Graph offers no way.
public struct RestoreTodo: Sendable, Hashable {
    /// `enablePolicy`, `groupContent`, `inviteGuest`, `membersByRule`, `newAppId`, `newPassword`,
    /// `newSigningCertificate`, `reconsent`, `reenterSecret`, `registerDevice`, `registerMethods`, `replacePrincipal`,
    /// `rollSecret`, `uploadCertificate`, `verifyDomain`.
    public var code: String
    /// The catalogue's name of the type.
    public var type: String
    /// The id in the source; a new one, if there is one, stands in the id map of the restore.
    public var id: String
    /// What to do, for people. May hold directory content: stored sealed.
    public var message: String

    /// `code` is one of those above: scripts go by it.
    public init(code: String, type: String, id: String, message: String) {
        self.code = code
        self.type = type
        self.id = id
        self.message = message
    }
}

/// What a restore will do, step by step, before anything is written (D11).
public struct RestorePlan: Sendable, Hashable {
    /// PLAN of `restore apply`.
    public var id: UUID
    /// The tenant that is written to.
    public var tenant: TenantID
    /// The tenant whose objects are restored; the same one but across tenants.
    public var source: TenantID
    /// The snapshot that is restored; nil when it comes from an archive.
    public var snapshot: SnapshotNumber?
    /// The snapshot of the state that the plan was computed against: what an undo goes back to.
    public var liveSnapshot: SnapshotNumber
    /// As they were asked for; an undo has its own.
    public var options: RestoreOptions
    /// In the order of execution, numbered from 1. Empty when the tenant is already as it is to be.
    public var steps: [RestoreStep]
    /// Parts that have no step; only those of ``lockingOut`` keep the plan from being applied.
    public var conflicts: [RestoreConflict]
    /// What is left to people when all steps are done.
    public var todos: [RestoreTodo]
    /// Across tenants: which objects of the tenant the source's objects are, where the ids differ. In force from the
    /// moment the plan is carried out.
    public var matches: [RestoreResult.NewID]
    /// The job that this plan undoes.
    public var undoes: JobID?

    /// Nothing is stored by it, nor anything locked: the live state may go on changing.
    public init(
        id: UUID = UUID(), tenant: TenantID, source: TenantID, snapshot: SnapshotNumber?, liveSnapshot: SnapshotNumber,
        options: RestoreOptions, steps: [RestoreStep], conflicts: [RestoreConflict], todos: [RestoreTodo],
        matches: [RestoreResult.NewID] = [], undoes: JobID? = nil
    ) {
        self.id = id
        self.tenant = tenant
        self.source = source
        self.snapshot = snapshot
        self.liveSnapshot = liveSnapshot
        self.options = options
        self.steps = steps
        self.conflicts = conflicts
        self.todos = todos
        self.matches = matches
        self.undoes = undoes
    }

    /// Conflicts of the whole plan that keep it from being applied, unless that is accepted.
    public static let lockingOut: Set<String> = ["breakGlassUnknown", "lockOut"]

    /// Whether the plan would shut out whoever could mend it, or that cannot be told of the account that was named.
    public var locksOut: Bool { conflicts.contains { Self.lockingOut.contains($0.code) } }
}

/// What came of a step.
public struct RestoreResult: Sendable, Hashable {
    /// Raw values are stored, and part of the command-line contract.
    public enum Outcome: String, Sendable, CaseIterable {
        case done, skipped, failed
    }

    /// An attribute or relationship that does not read back as it was written.
    public struct Difference: Sendable, Hashable {
        /// A slash and the name of attribute, relationship or sub-collection; empty when the object itself is missing.
        public var path: String
        /// What was written. Of links, and of elements, only those that are missing.
        public var expected: JSONValue?
        /// What was read; nil when it is absent. Of links, those that should be gone and are there.
        public var found: JSONValue?

        /// Holds directory content: stored sealed.
        public init(path: String, expected: JSONValue?, found: JSONValue?) {
            self.path = path
            self.expected = expected
            self.found = found
        }
    }

    /// What an id became.
    public struct NewID: Sendable, Hashable {
        /// The catalogue's name of the type.
        public var type: String
        /// The id in the source: of the object, or an application's `appId`.
        public var from: String
        /// Of the same kind, as Graph gave it.
        public var to: String

        /// Becomes an entry of the id map when the step's result is recorded.
        public init(type: String, from: String, to: String) {
            self.type = type
            self.from = from
            self.to = to
        }
    }

    /// The code of what was written and could not be read back.
    public static let notReadBack = "notReadBack"

    /// The step's number.
    public var number: Int
    /// Skipped: not tried, because what it needs could not be brought back.
    public var outcome: Outcome
    /// Whether the object was read back and is as it was written.
    public var verified: Bool
    /// Empty when it is verified, and when nothing could be read back.
    public var differences: [Difference]
    /// Why it was skipped, failed or could not be read back; else empty. Names no directory content but ids.
    public var message: String
    /// A name for what went wrong, as Graph or the catalogue has it; nil when it was done and read back.
    public var code: String?
    /// What the creation gave; empty for objects that keep their id. Recorded with the result.
    public var newIDs: [NewID]
    /// None as yet: the restorer makes no to-dos, those of the plan hold.
    public var todos: [RestoreTodo]

    /// Given for each step that came to an end, whether by success or not.
    public init(
        number: Int, outcome: Outcome, verified: Bool = false, differences: [Difference] = [], message: String = "",
        code: String? = nil, newIDs: [NewID] = [], todos: [RestoreTodo] = []
    ) {
        self.number = number
        self.outcome = outcome
        self.verified = verified
        self.differences = differences
        self.message = message
        self.code = code
        self.newIDs = newIDs
        self.todos = todos
    }
}
