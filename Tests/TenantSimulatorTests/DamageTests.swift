import Testing

@testable import BackupModel
@testable import TenantSimulator

/// Every kind of damage to every type of the catalogue: what a plan and its requests bring back, and what not and why.
@Suite struct DamageTests {
    private static let types = Catalogue.current.types.map(\.name).filter {
        $0 != "deletedItem" && !RestorePlanner.changesByItself.contains($0)
    }

    /// What does not come back, by cell of the table, and why.
    private static let impossible: [String: [String: String]] = [
        "conditionalAccessPolicy, deleted for good": [
            "conditionalAccessPolicy/state": "an enabled policy comes back in report-only mode, for a person to enable"
        ],
        "deviceConfiguration, changed": ["deviceConfiguration/omaSettings": "encrypted settings are not readable"],
        "deviceConfiguration, deleted for good": [
            "deviceConfiguration/omaSettings": "encrypted settings are not readable"
        ],
        "device, links": [
            "device/registeredOwners": "only a signed-in person may write it",
            "device/registeredUsers": "only a signed-in person may write it",
        ],
        "permissionGrantPolicy, links": ["permissionGrantPolicy/includes": "of a built-in policy"],
        "unifiedRoleManagementPolicy, links": [
            "unifiedRoleManagementPolicy/rules": "only a signed-in person may write it"
        ],
        "user, deleted for good": ["group/members": "of a distribution list, which Exchange has"],
        "user, links": ["user/manager": "of a user who is synchronised from on premises"],
    ]

    /// Types of which no client can delete an object.
    private static let lasting: Set<String> = [
        "adminConsentRequestPolicy", "attributeSet", "authenticationMethodsPolicy", "authorizationPolicy",
        "customSecurityAttributeDefinition", "device", "directoryRole", "domain",
        "identitySecurityDefaultsEnforcementPolicy", "orgContact", "organization", "unifiedRoleManagementPolicy",
    ]

    @Test(arguments: types) func `deleted for good`(name: String) throws {
        var restoration = Restoration(seed: 31)
        let before = try restoration.state()
        for document in try objects(name, before) where try restoration.delete(document, forGood: true) {
            #expect(!Self.lasting.contains(name))
            try check(&restoration, before, "\(name), deleted for good")
            return
        }
        #expect(Self.lasting.contains(name), "no \(name) can be deleted")
    }

    @Test(arguments: ["user", "group", "application", "servicePrincipal", "administrativeUnit"])
    func `deleted, and in the recycle bin`(name: String) throws {
        var restoration = Restoration(seed: 32)
        let before = try restoration.state()
        for document in try objects(name, before) where try restoration.delete(document, forGood: false) {
            try check(&restoration, before, "\(name), deleted")
            return
        }
        Issue.record("no \(name) can be deleted")
    }

    @Test(arguments: types) func `attributes changed`(name: String) throws {
        var restoration = Restoration(seed: 33)
        let before = try restoration.state()
        let type = try #require(Catalogue.current[name])
        guard let document = try objects(name, before).first, let simulated = SimulatedType(rawValue: name) else {
            return
        }
        let changed = restoration.change { world -> Int in
            guard let ref = world.ref(simulated, document.id) ?? world.presentRefs(simulated).first else { return 0 }
            var count = 0
            for (attribute, value) in document.attributes where !RestorePlanner.isComputed(attribute, type, document) {
                if RestorePlanner.isFixed(attribute, nil, nil, type) || attribute.contains("@") { continue }
                let new: [UInt8]
                switch value {
                case .string: new = Array(#""damaged""#.utf8)
                case .bool(let flag): new = Array((flag ? "false" : "true").utf8)
                case .array(let list) where !list.isEmpty: new = Array("[]".utf8)
                default: continue
                }
                if world.update(ref, [(attribute, new)]) { count += 1 }
            }
            return count
        }
        if changed > 0 { try check(&restoration, before, "\(name), changed") }
    }

    @Test(arguments: types) func `links and sub-collections lost and added`(name: String) throws {
        var restoration = Restoration(seed: 34)
        let before = try restoration.state()
        let type = try #require(Catalogue.current[name])
        guard let simulated = SimulatedType(rawValue: name) else { return }
        var isDamaged = false
        // Members of activated roles are the role assignments in another form.
        for relationship in type.relationships
        where relationship.isBackedUp && relationship.write != nil && name != "directoryRole" {
            isDamaged = restoration.change { Self.damage(&$0, simulated, relationship) } || isDamaged
        }
        if isDamaged { try check(&restoration, before, "\(name), links") }
    }

    /// Takes the links or elements of some objects away, and gives them others.
    private static func damage(_ world: inout World, _ type: SimulatedType, _ relationship: Relationship) -> Bool {
        let path = relationship.path.split(separator: "/").drop { $0 != "{id}" }.dropFirst().joined(separator: "/")
        let segment = path.isEmpty ? relationship.name : path
        guard let navigation = Navigation.find(segment, of: type) else { return false }
        var count = 0
        for ref in world.presentRefs(type) where count < 3 {
            if let link = navigation.linkName {
                let targets = world.targets(link, ref)
                guard !targets.isEmpty, !world.isDynamic(ref) else { continue }
                for target in targets.prefix(25) { world.unlink(link, ref, target) }
                let others = world.presentRefs(world.type(targets[0])).filter { !targets.contains($0) }
                if let other = others.first { world.link(link, ref, other) }
                count += 1
            } else if case let children = world.children(ref, navigation.segment), !children.isEmpty {
                world.setChildren(ref, navigation.segment, Array(children.dropFirst((children.count + 1) / 2)))
                count += 1
            }
        }
        return count > 0
    }

    @Test(arguments: types) func `made since the snapshot`(name: String) throws {
        var restoration = Restoration(seed: 35)
        let live = try restoration.state()
        guard let document = try objects(name, live).first else { return }
        var before = live
        before[name]?[document.id] = nil
        try restoration.restore(before, from: live, newObjects: .delete)
        #expect(restoration.failures == [])
        let isThere = try restoration.state()[name]?[document.id] != nil
        let isExcused = restoration.plan?.conflicts.isEmpty == false
        #expect(isThere == (isExcused || restoration.plan?.steps.isEmpty == true))
    }

    /// Candidates: such as can be made by a client, others last.
    private func objects(_ name: String, _ state: Restoration.State) throws -> [ObjectDocument] {
        let all = (state[name] ?? [:]).values.sorted { $0.id < $1.id }
        func isOdd(_ document: ObjectDocument) -> Bool {
            let attributes = document.attributes
            return attributes["onPremisesSyncEnabled"]?.bool == true || attributes["isBuiltIn"]?.bool == true
                || attributes["policyType"]?.string == "builtIn"
                || attributes["userType"]?.string == "Guest" || attributes["mailEnabled"]?.bool == true
                || attributes["servicePrincipalType"]?.string == "ManagedIdentity"
                || (attributes["appOwnerOrganizationId"]?.string).map { $0 == RestorePlanner.microsoft } == true
                || document.id.hasPrefix("microsoft-")
        }
        return all.filter { !isOdd($0) } + all.filter(isOdd)
    }

    private func check(_ restoration: inout Restoration, _ before: Restoration.State, _ cell: String) throws {
        let damaged = try restoration.state()
        try restoration.restore(before, from: damaged)
        let left = restoration.differences(before, try restoration.state())
        #expect(restoration.failures == [], "\(cell)")
        #expect(left == Set((Self.impossible[cell] ?? [:]).keys), "\(cell)")
    }
}
