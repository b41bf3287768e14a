/// Fills a world from a seed and a size. Equal inputs give equal tenants.
struct TenantGenerator {
    var world: World
    var random: SeededRandom
    let size: TenantSize
    /// The applications that read (and write) this tenant, to be found among its service principals.
    let clients: [ClientApplication]
    let company: String
    var domain: String { "\(company).example" }
    var initialDomain: String { "\(company).onmicrosoft.com" }
    let organizationID: String

    // Positions of what was generated, for those that refer to it.
    var users: [World.Ref] = []
    var groups: [World.Ref] = []
    var devices: [World.Ref] = []
    var contacts: [World.Ref] = []
    var applications: [World.Ref] = []
    var servicePrincipals: [World.Ref] = []
    var administrativeUnits: [World.Ref] = []
    /// Position in `servicePrincipals`.
    var graphServicePrincipal = 0
    /// Names of directory extension properties that users carry.
    var extensionNames: [String] = []

    init(tenantID: String, seed: UInt64, size: TenantSize, clients: [ClientApplication]) {
        world = World(tenantID: tenantID, seed: seed)
        random = SeededRandom(seed: seed, purpose: "tenant")
        self.size = size
        self.clients = clients
        organizationID = tenantID
        company = random.pick(Vocabulary.companies) + String(seed % 1_000)
    }

    static func generate(
        tenantID: String, seed: UInt64, size: TenantSize, clients: [ClientApplication]
    ) -> World {
        var generator = TenantGenerator(tenantID: tenantID, seed: seed, size: size, clients: clients)
        generator.makeOrganization()
        generator.makeSecurityAttributes()
        generator.makeApplications()
        generator.makeServicePrincipals()
        generator.makeUsers()
        generator.makeDevices()
        generator.makeContacts()
        generator.makeGroups()
        generator.makeAdministrativeUnits()
        generator.makeGrants()
        generator.makeRoles()
        generator.makePolicies()
        generator.makeConditionalAccess()
        generator.makeIntune()
        generator.makeAudits()
        generator.makeDeleted()
        if size.isNew { generator.leaveNew() }
        var world = generator.world
        world.logs = true
        return world
    }

    // MARK: Helpers

    /// A time within the last years before the tenant's "today".
    mutating func pastTime(days: Int = 1_500) -> String {
        Timestamp.text(Timestamp.epoch - random.range(1...(days * 86_400)))
    }

    mutating func preciseTime(days: Int = 1_500) -> String {
        Timestamp.text(Timestamp.epoch - random.range(1...(days * 86_400)), fraction: random.below(10_000_000))
    }

    func id(_ ref: World.Ref) -> String { world.id(ref) }

    /// Stores an object given as JSON text; the first member is its key.
    @discardableResult
    mutating func store(
        _ type: SimulatedType, _ json: String, children: [String: [String]] = [:]
    ) -> World.Ref? {
        guard let value = try? SimulatedJSON.parse(json), let members = value.members else { return nil }
        let ref = world.insert(Self.object(type, members, in: &world.shapes))
        for (segment, list) in children.sorted(by: { $0.key < $1.key }) {
            world.children[World.ChildKey(owner: ref, segment: segment)] = list.compactMap(Self.child)
        }
        return ref
    }

    static func child(_ json: String) -> World.Child? {
        guard let value = try? SimulatedJSON.parse(json) else { return nil }
        return World.Child(id: value["id"]?.text, json: value.encoded)
    }

    /// An object of a type from its members: what the type has and the members do not name is null or empty.
    static func object(
        _ type: SimulatedType, _ members: [(String, SimulatedJSON)], in shapes: inout Shapes
    ) -> StoredObject {
        var builder = ObjectBuilder()
        let key = type == .crossTenantAccessPolicyPartner ? "tenantId" : "id"
        let given = Dictionary(members, uniquingKeysWith: { first, _ in first })
        if let id = given[key] { builder.dynamic(key, id.encoded, hidden: type == .adminConsentRequestPolicy) }
        for (name, value) in members where name != key {
            builder.dynamic(name, value.encoded, unset: value.isNull)
        }
        let spec = type.spec
        for name in spec.orderedProperties
        where given[name] == nil && name != key && !spec.notInCollections.contains(name)
            && !spec.perObject.contains(name)
        {
            builder.dynamic(name, ObjectBuilder.nullText, unset: true)
        }
        return builder.finish(type, in: &shapes)
    }
}
