/// What Graph does not bring back, and a person has to.
extension RestorePlanner {
    /// To-dos for an object that is made anew.
    func remind(_ item: Item, _ wanted: ObjectDocument, _ draft: inout RestoreDraft) {
        let (type, id) = (item.type.name, item.id)
        switch type {
        case "user":
            draft.todo("newPassword", type, id, "the user has a new random password: give or set one")
            draft.todo("registerMethods", type, id, "methods of authentication have to be registered again")
        case "application":
            draft.todo("newAppId", type, id, "the application has a new appId: change it in what signs in with it")
            if wanted.attributes["signInAudience"]?.string?.hasPrefix("AzureADMyOrg") == false {
                draft.todo("reconsent", type, id, "other tenants have to consent to the new application")
            }
            rollSecrets(item, wanted, nil, &draft)
        case "servicePrincipal":
            if wanted.attributes["preferredSingleSignOnMode"]?.string == "saml" {
                draft.todo("newSigningCertificate", type, id, "the application has to trust a new signing certificate")
            }
            rollSecrets(item, wanted, nil, &draft)
        case "group":
            let kinds = wanted.attributes["groupTypes"]?.strings ?? []
            if kinds.contains("Unified") {
                draft.todo("groupContent", type, id, "mailbox, files and site of the group are new and empty")
            }
            remindOfRule(item, wanted, &draft)
        case "administrativeUnit": remindOfRule(item, wanted, &draft)
        case "deviceConfiguration", "configurationPolicy":
            let texts = [JSONValue.object(wanted.attributes)] + wanted.children.values.flatMap(\.self)
            if texts.contains(where: Self.holdsSecret) {
                draft.todo("reenterSecret", type, id, "encrypted settings cannot be read: enter them again")
            }
        default: break
        }
    }

    /// The service looks for the members by itself, in its own time, and may find others than before.
    func remindOfRule(_ item: Item, _ wanted: ObjectDocument, _ draft: inout RestoreDraft) {
        let isDynamic =
            switch item.type.name {
            case "group": (wanted.attributes["groupTypes"]?.strings ?? []).contains("DynamicMembership")
            case "administrativeUnit": wanted.attributes["membershipType"]?.string?.lowercased() == "dynamic"
            default: false
            }
        guard isDynamic, wanted.links["members"]?.isEmpty == false else { return }
        draft.todo(
            "membersByRule", item.type.name, item.id,
            "its members come by its rule: see that they are there after a while")
    }

    /// Encrypted settings that are gone, or go with the list that is written: nobody but a person can bring them back.
    func remindOfLost(
        _ item: Item, _ wanted: ObjectDocument, _ live: ObjectDocument, _ changes: [ObjectChange.Attribute],
        _ draft: inout RestoreDraft
    ) {
        let isLost = wanted.attributes.contains { name, value in
            guard isChosen(name), value.array?.contains(where: Sameness.isUnreadable) == true else { return false }
            return changes.contains { $0.path.tokens == [name] }
                || !Sameness.lost(value, live.attributes[name]).isEmpty
        }
        guard isLost else { return }
        draft.todo("reenterSecret", item.type.name, item.id, "encrypted settings cannot be read: enter them again")
    }

    private static func holdsSecret(_ value: JSONValue) -> Bool {
        switch value {
        case .object(let object):
            if object["isEncrypted"]?.bool == true || !isBlank(object["secretReferenceValueId"]) { return true }
            if object["@odata.type"]?.string?.hasSuffix("SecretSettingValue") == true { return true }
            return object.contains { holdsSecret($0.value) }
        case .array(let elements): return elements.contains(where: holdsSecret)
        default: return false
        }
    }

    /// A secret or certificate that the snapshot knows and that is not there.
    func rollSecrets(_ item: Item, _ wanted: ObjectDocument, _ live: ObjectDocument?, _ draft: inout RestoreDraft) {
        guard ["application", "servicePrincipal"].contains(item.type.name), options.attributes == nil,
            options.links == nil, fixedPrincipal(wanted) == nil
        else { return }
        func keys(_ document: ObjectDocument?, _ name: String) -> [String] {
            (document?.attributes[name]?.array ?? []).compactMap { $0["keyId"]?.string }
        }
        for key in keys(wanted, "passwordCredentials") where !keys(live, "passwordCredentials").contains(key) {
            draft.todo("rollSecret", item.type.name, item.id, "client secret \(key) is gone: make a new one")
        }
        for key in keys(wanted, "keyCredentials") where !keys(live, "keyCredentials").contains(key) {
            draft.todo("uploadCertificate", item.type.name, item.id, "certificate \(key) is gone: upload it again")
        }
    }
}
