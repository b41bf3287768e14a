/// A conditional access policy, read for one question: does it keep a person from the admin portals?
struct AccessPolicy {
    let id: String
    private let document: ObjectDocument

    init(_ document: ObjectDocument) {
        id = document.id.lowercased()
        self.document = document
    }

    private var conditions: JSONValue? { document.attributes["conditions"] }

    var isEnabled: Bool { document.attributes["state"]?.string == "enabled" }

    /// Whether it is about the portals, for people who sign in with a browser and are under no suspicion.
    var isForPortals: Bool {
        let applications = conditions?["applications"]
        let included = applications?["includeApplications"]?.strings ?? []
        let excluded = applications?["excludeApplications"]?.strings ?? []
        guard included.contains("All") || included.contains("MicrosoftAdminPortals"),
            !excluded.contains("MicrosoftAdminPortals")
        else { return false }
        let clients = conditions?["clientAppTypes"]?.strings ?? ["all"]
        guard clients.isEmpty || clients.contains("all") || clients.contains("browser") else { return false }
        let risks = [
            "userRiskLevels", "signInRiskLevels", "insiderRiskLevels", "authenticationFlows", "clientApplications",
        ]
        return risks.allSatisfy { RestorePlanner.isBlank(conditions?[$0]) }
    }

    func concerns(_ person: Circle.Person) -> Bool {
        let users = conditions?["users"]
        return names(person, users, "include") && !names(person, users, "exclude")
    }

    private func names(_ person: Circle.Person, _ users: JSONValue?, _ prefix: String) -> Bool {
        func ids(_ what: String) -> [String] { (users?[prefix + what]?.strings ?? []).map { $0.lowercased() } }
        let direct = ids("Users")
        if direct.contains("all") || direct.contains(person.id) { return true }
        if person.isGuest {
            if direct.contains("guestsorexternalusers") { return true }
            if !RestorePlanner.isBlank(users?[prefix + "GuestsOrExternalUsers"]) { return true }
        }
        return !person.groups.isDisjoint(with: ids("Groups")) || !person.roles.isDisjoint(with: ids("Roles"))
    }

    // MARK: Conditions that a person chooses

    func applies(_ choice: AccessScene.Choice) -> Bool {
        isOn(choice.platform) && isAt(choice.place) && isWith(choice.device)
    }

    private func isOn(_ platform: String) -> Bool {
        guard let platforms = conditions?["platforms"], !platforms.isNull else { return true }
        func has(_ name: String) -> Bool {
            let list = (platforms[name]?.strings ?? []).map { $0.lowercased() }
            return list.contains("all") || list.contains(platform.lowercased())
        }
        return has("includePlatforms") && !has("excludePlatforms")
    }

    private func isAt(_ place: AccessScene.Place) -> Bool {
        guard let locations = conditions?["locations"], !locations.isNull else { return true }
        func has(_ name: String) -> Bool {
            (locations[name]?.strings ?? []).contains { id in
                id == "All" || (id == "AllTrusted" && place.isTrusted) || id.lowercased() == place.id
            }
        }
        return has("includeLocations") && !has("excludeLocations")
    }

    /// A device that is registered nowhere has no properties: a rule matches it only by saying what is not. Of other
    /// devices nothing is known, so the worse is taken.
    private func isWith(_ device: AccessScene.Device) -> Bool {
        guard let filter = conditions?["devices"]?["deviceFilter"], let rule = filter["rule"]?.string else {
            return true
        }
        let negations = ["-ne ", "-notin ", "-notcontains ", "-notstartswith ", "-notendswith "]
        let matchesNothing = negations.contains { rule.lowercased().contains($0) }
        let isExclusion = filter["mode"]?.string == "exclude"
        switch device {
        case .unregistered: return isExclusion ? !matchesNothing : matchesNothing
        case .compliant, .joined: return true
        }
    }

    // MARK: Controls

    /// Whether the person can give what the policy demands.
    func isSatisfiable(_ choice: AccessScene.Choice, _ strengths: [String: ObjectDocument]) -> Bool {
        guard let grant = document.attributes["grantControls"], !grant.isNull else { return true }
        let controls = grant["builtInControls"]?.strings ?? []
        if controls.contains("block") { return false }
        var demands = controls.map { can($0, choice) }
        if let id = grant["authenticationStrength"]?["id"]?.string?.lowercased() {
            demands.append(can(strength: id, strengths))
        }
        for name in ["customAuthenticationFactors", "termsOfUse"] where !RestorePlanner.isBlank(grant[name]) {
            demands.append(true)
        }
        if demands.isEmpty { return true }
        return grant["operator"]?.string == "OR" ? demands.contains(true) : !demands.contains(false)
    }

    private func can(_ control: String, _ choice: AccessScene.Choice) -> Bool {
        switch control {
        case "mfa", "passwordChange": true
        case "compliantDevice": choice.device == .compliant
        case "domainJoinedDevice": choice.device == .joined
        // Edge for phones is such an application.
        case "approvedApplication", "compliantApplication": ["android", "iOS"].contains(choice.platform)
        default: false
        }
    }

    private func can(strength id: String, _ strengths: [String: ObjectDocument]) -> Bool {
        guard let strength = strengths[id] else {
            return id.hasPrefix("00000000-0000-0000-0000-0000000000")
        }
        return !(strength.attributes["allowedCombinations"]?.strings ?? []).isEmpty
    }
}

/// The circumstances among which a person can choose.
struct AccessScene {
    enum Device { case unregistered, compliant, joined }

    struct Place {
        /// The named location that it lies in; empty for a place in none.
        var id: String
        var isTrusted: Bool
    }

    struct Choice {
        var platform: String
        var place: Place
        var device: Device
    }

    private let choices: [Choice]
    private let strengths: [String: ObjectDocument]

    init(_ access: ConditionalAccessFacts) {
        var devices: [Device] = [.unregistered]
        if access.hasCompliantDevice { devices.append(.compliant) }
        if access.hasJoinedDevice { devices.append(.joined) }
        var places = [Place(id: "", isTrusted: false)]
        for location in access.namedLocations.sorted(by: { $0.id < $1.id }) {
            let attributes = location.attributes
            // A location without ranges or countries is nowhere.
            let parts = [attributes["ipRanges"], attributes["countriesAndRegions"]]
            guard parts.contains(where: { !RestorePlanner.isBlank($0) }) else { continue }
            places.append(Place(id: location.id.lowercased(), isTrusted: attributes["isTrusted"]?.bool == true))
        }
        var choices: [Choice] = []
        for device in devices {
            for place in places {
                for platform in ["windows", "macOS", "linux", "android", "iOS"] {
                    choices.append(Choice(platform: platform, place: place, device: device))
                }
            }
        }
        self.choices = choices
        strengths = Dictionary(
            access.strengths.map { ($0.id.lowercased(), $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// The policies that shut the person out whatever they choose, sorted; none when there is a way in.
    func shutting(_ policies: [AccessPolicy], _ person: Circle.Person) -> [String] {
        let own = policies.filter { $0.concerns(person) }
        var found: Set<String> = []
        for choice in choices {
            let shut = own.filter { $0.applies(choice) && !$0.isSatisfiable(choice, strengths) }
            if shut.isEmpty { return [] }
            found.formUnion(shut.map(\.id))
        }
        return found.sorted()
    }
}

/// The state of a tenant with the steps of a plan laid over it.
struct AccessOverlay {
    private(set) var facts: ConditionalAccessFacts
    private let map: IDMap

    init(_ facts: ConditionalAccessFacts, map: IDMap) {
        self.facts = facts
        self.map = map
    }

    mutating func apply(_ steps: [RestoreStep], enabling enabled: Set<String>) {
        for step in steps {
            switch step.type {
            case "conditionalAccessPolicy": lay(step, over: &facts.policies)
            case "namedLocation": lay(step, over: &facts.namedLocations)
            case "authenticationStrengthPolicy": lay(step, over: &facts.strengths)
            case "unifiedRoleAssignment", "unifiedRoleEligibilitySchedule": lay(step, over: &facts.roleAssignments)
            case "user": layUser(step)
            case "group": layGroup(step)
            default: break
            }
        }
        let now = Set(enabled.map { map[$0] })
        for index in facts.policies.indices where now.contains(map[facts.policies[index].id.lowercased()]) {
            facts.policies[index].attributes["state"] = "enabled"
        }
    }

    private func now(_ id: String) -> String { map[id.idKey] }

    private func lay(_ step: RestoreStep, over documents: inout [ObjectDocument]) {
        let id = now(step.id)
        switch step.action {
        case .create, .undelete:
            documents.removeAll { now($0.id) == id }
            if let document = step.document { documents.append(document) }
        case .delete: documents.removeAll { now($0.id) == id }
        case .update:
            for index in documents.indices where now(documents[index].id) == id {
                documents[index] = changed(documents[index], step)
            }
        case .link, .children: break
        }
    }

    private func changed(_ document: ObjectDocument, _ step: RestoreStep) -> ObjectDocument {
        let change = ObjectChange(
            type: step.type, id: step.id, displayName: step.displayName, kind: .updated, attributes: step.attributes)
        return ObjectDiff.applying(change, to: document)
    }

    private mutating func layUser(_ step: RestoreStep) {
        let id = now(step.id)
        switch step.action {
        case .create, .undelete: facts.users[id] = step.document
        case .delete: facts.users[id] = nil
        case .update: facts.users[id] = facts.users[id].map { changed($0, step) }
        case .link, .children: break
        }
    }

    private mutating func layGroup(_ step: RestoreStep) {
        let id = now(step.id)
        if step.action == .delete { facts.members[id] = nil }
        for links in step.links where links.name == "members" {
            let removed = Set(links.removed.map(now))
            facts.members[id] =
                (facts.members[id] ?? []).map(now).filter { !removed.contains($0) } + links.added.map(now)
        }
    }
}
