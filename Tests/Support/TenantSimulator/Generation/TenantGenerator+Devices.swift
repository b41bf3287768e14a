extension TenantGenerator {
    mutating func makeDevices() {
        var builder = ObjectBuilder()
        for number in 0..<size.devices {
            let deviceID = random.guid()
            writeDevice(number, deviceID: deviceID, to: &builder)
            let device = world.insert(builder.finish(.device, in: &world.shapes))
            devices.append(device)
            let owner = users[random.below(users.count)]
            _ = world.link(.registeredOwners, device, owner)
            _ = world.link(.registeredUsers, device, owner)
            if random.chance(0.4) { writeKeys(deviceID) }
            if random.chance(0.2) { writeLocalCredential(deviceID, number: number) }
        }
        if let shared = devices.first, users.count >= 60 {
            for user in users[..<30] { _ = world.link(.registeredUsers, shared, user) }
        }
    }

    private mutating func writeDevice(_ number: Int, deviceID: String, to builder: inout ObjectBuilder) {
        let system = random.pick(["Windows", "Windows", "Windows", "iOS", "Android", "macOS", "Linux"])
        let isManaged = random.chance(0.7)
        builder.string("id", random.guid())
        builder.bool("accountEnabled", random.chance(0.97))
        builder.raw(
            "alternativeSecurityIds",
            #"[{"type":2,"identityProvider":null,"key":"\#(random.base64(bytes: 40))"}]"#)
        builder.string("approximateLastSignInDateTime", pastTime(days: 60))
        builder.string("complianceExpirationDateTime", isManaged ? Timestamp.text(Timestamp.epoch + 600_000) : nil)
        builder.null("deletedDateTime")
        builder.null("deviceCategory")
        builder.string("deviceId", deviceID)
        builder.null("deviceMetadata")
        builder.string("deviceOwnership", isManaged ? random.pick(["Company", "Personal"]) : nil)
        builder.int("deviceVersion", 2)
        builder.string("displayName", "\(system.uppercased())-\(100_000 + number)")
        builder.null("enrollmentProfileName")
        builder.string("enrollmentType", isManaged ? "windowsAzureADJoin" : nil)
        builder.bool("isCompliant", isManaged ? random.chance(0.9) : nil)
        builder.bool("isManaged", isManaged ? true : nil)
        builder.null("isManagementRestricted")
        builder.bool("isRooted", isManaged ? false : nil)
        builder.string("managementType", isManaged ? "MDM" : nil)
        builder.string("manufacturer", isManaged ? random.pick(["Contoso PC", "Fabrikam", "Café Digital"]) : nil)
        builder.string("mdmAppId", isManaged ? "0000000a-0000-0000-c000-000000000000" : nil)
        builder.string("model", isManaged ? "Model \(random.range(1...40))" : nil)
        builder.null("onPremisesLastSyncDateTime")
        builder.null("onPremisesSecurityIdentifier")
        builder.null("onPremisesSyncEnabled")
        builder.string("operatingSystem", system)
        builder.string("operatingSystemVersion", "10.0.\(random.range(19_041...26_100)).\(random.below(4_000))")
        builder.strings("physicalIds", ["[OrderId]:\(number)", "[ZTDID]:\(random.guid())"])
        builder.string("profileType", "RegisteredDevice")
        builder.string("registrationDateTime", pastTime())
        builder.strings("systemLabels", [])
        builder.string("trustType", random.pick(["AzureAd", "ServerAd", "Workplace"]))
        builder.raw(
            "extensionAttributes",
            #"{"extensionAttribute1":\#(random.chance(0.2) ? "\"BYOD\"" : "null"),\#(Self.emptyExtensions)}"#)
        builder.string("createdDateTime", pastTime())
    }

    private mutating func writeKeys(_ deviceID: String) {
        var builder = ObjectBuilder()
        for volume in 1...random.range(1...2) {
            builder.string("id", random.guid())
            builder.string("createdDateTime", preciseTime())
            builder.string("deviceId", deviceID)
            builder.string("volumeType", String(volume))
            builder.string("key", (0..<8).map { _ in random.digits(6) }.joined(separator: "-"))
            _ = world.insert(builder.finish(.bitlockerRecoveryKey, in: &world.shapes))
        }
    }

    private mutating func writeLocalCredential(_ deviceID: String, number: Int) {
        var builder = ObjectBuilder()
        let history = (0..<3).map { age in
            let password: [UInt8] = Array("Pa\(random.digits(10))!".utf8).flatMap { (unit: UInt8) -> [UInt8] in
                [unit, 0]
            }
            return """
                {"accountName":"Administrator","accountSid":"S-1-5-21-\(random.digits(10))-500",\
                "backupDateTime":"\(Timestamp.text(Timestamp.epoch - age * 2_592_000))",\
                "passwordBase64":"\(Base64.encode(password))"}
                """
        }
        builder.string("id", deviceID)
        builder.string("deviceName", "WINDOWS-\(100_000 + number)")
        builder.string("lastBackupDateTime", pastTime(days: 30))
        builder.string("refreshDateTime", pastTime(days: 30))
        builder.raw("credentials", "[\(history.joined(separator: ","))]")
        _ = world.insert(builder.finish(.deviceLocalCredentialInfo, in: &world.shapes))
    }

    mutating func makeContacts() {
        for number in 0..<size.contacts {
            let given = random.below(Vocabulary.givenNames.count)
            let family = random.below(Vocabulary.familyNames.count)
            let mail =
                "\(Vocabulary.plainGivenNames[given]).\(Vocabulary.plainFamilyNames[family])\(number)@supplier.example"
            let name = "\(Vocabulary.givenNames[given]) \(Vocabulary.familyNames[family])"
            let contact = store(
                .orgContact,
                """
                {"id":"\(random.guid())","companyName":"Supplier \(number % 7)","displayName":\(quoted(name)),
                "givenName":\(quoted(Vocabulary.givenNames[given])),"surname":\(quoted(Vocabulary.familyNames[family])),
                "mail":"\(mail)","mailNickname":"contact\(number)","proxyAddresses":["SMTP:\(mail)"],
                "onPremisesSyncEnabled":\(random.chance(0.3) ? "true" : "null"),"onPremisesProvisioningErrors":[],
                "serviceProvisioningErrors":[],
                "addresses":[{"city":null,"countryOrRegion":"United States","officeLocation":null,"postalCode":null,
                 "state":null,"street":null}],
                "phones":[{"number":null,"type":"businessFax"},{"number":"+1 425 555 \(random.digits(4))",
                "type":"business"}]}
                """)
            guard let contact else { continue }
            contacts.append(contact)
            if let manager = contacts.first, manager != contact, random.chance(0.3) {
                _ = world.link(.manager, contact, manager)
            }
        }
    }
}
