import BackupModel
import Foundation
import Testing

/// Numbers for people, printed; nothing here can fail. Meant for a release build:
/// `ENTRA_BACKUP_SPEED=1 swift test -c release --filter Speed`.
@Suite(
    "Canonical: speed",
    .enabled(if: ProcessInfo.processInfo.environment["ENTRA_BACKUP_SPEED"] != nil, "ENTRA_BACKUP_SPEED=1 runs it"))
struct CanonicalSpeedTests {
    @Test(arguments: [362, 1_058, 3_150], [false, true]) func `Pages of users`(_ size: Int, _ isShuffled: Bool) throws {
        let body = Self.page(of: 999, size: size, isShuffled: isShuffled)
        let rules = CanonicalRules(
            droppedAttributes: ["signInActivity", "onPremisesLastSyncDateTime", "memberOf"], captured: ["manager@delta"]
        )
        let words = CanonicalRules(captured: ["manager@delta"], readsWords: true)
        var canonicalizer = Canonicalizer()
        let page = try GraphPage(body)
        let scan = try Self.rate(999) { _ = try GraphPage(body) }
        let canonical = try Self.rate(999) {
            for item in page.items { _ = try canonicalizer.canonicalise(body, item, rules) }
        }
        let both = try Self.rate(999) {
            for item in try GraphPage(body).items { _ = try canonicalizer.canonicalise(body, item, words) }
        }
        let values = try Self.rate(999, seconds: 0.3) { _ = try JSONValue(parsing: body) }
        print(
            "\(body.count / 999) B\(isShuffled ? " shuffled" : ""), objects/s: page \(scan), canonical \(canonical),",
            "page + canonical + words \(both), JSONValue \(values)")
    }

    @Test func `Members of a large group`() throws {
        let members = (0..<100_000).map { _ in
            "{\"@odata.type\":\"#microsoft.graph.user\",\"id\":\"\(UUID().uuidString.lowercased())\"}"
        }
        let body = Array("[\(members.joined(separator: ","))]".utf8)
        let rate = try Self.rate(100_000) { _ = try LinkTarget.targets(body, 0..<body.count) }
        print("links/s: \(rate)")
    }

    /// Things a second, the best of the rounds that fit into the time.
    private static func rate(_ count: Int, seconds: Double = 1, _ work: () throws -> Void) rethrows -> String {
        let clock = ContinuousClock()
        let end = clock.now + .seconds(seconds)
        var best = Duration.seconds(1_000)
        repeat { best = min(best, try clock.measure(work)) } while clock.now < end
        return "\(Int(Double(count) / (best / .seconds(1)) / 1_000)) k"
    }

    /// A page of users with made-up attributes, each about `size` bytes.
    private static func page(of count: Int, size: Int, isShuffled: Bool) -> [UInt8] {
        var random = SeededNumbers.run(40)
        let items = (0..<count).map { user($0, size: size, isShuffled: isShuffled, &random) }
        return Array(
            "{\"@odata.context\":\"c\",\"@odata.nextLink\":\"n\",\"value\":[\(items.joined(separator: ","))]}".utf8)
    }

    private static func user(_ number: Int, size: Int, isShuffled: Bool, _ random: inout SeededNumbers) -> String {
        let id = ObjectKey(high: random.next(), low: random.next()).description
        var members = [
            #""businessPhones":["+1 425 555 01\#(number % 90 + 10)"]"#, #""displayName":"Testuser \#(number)""#,
            #""givenName":"Test""#, #""jobTitle":"Engineer \#(number % 7)""#,
            #""mail":"testuser\#(number)@contoso.example""#,
            #""mobilePhone":null"#, #""officeLocation":"18/\#(number % 1000)""#, #""preferredLanguage":"en-US""#,
            #""surname":"User\#(number)""#, #""userPrincipalName":"testuser\#(number)@contoso.example""#,
        ]
        let extras = [
            #""accountEnabled":true"#, #""assignedLicenses":[{"disabledPlans":[],"skuId":"\#(id)"}]"#,
            #""city":"Redmond""#,
            #""companyName":"Contoso""#, #""country":"US""#, #""createdDateTime":"2021-03-12T10:36:14Z""#,
            #""creationType":null"#, #""department":"Department \#(number % 40)""#, #""employeeHireDate":null"#,
            #""employeeId":"\#(number)""#, #""externalUserState":null"#, #""faxNumber":null"#,
            #""identities":[{"issuer":"contoso.example","signInType":"userPrincipalName"}]"#,
            #""mailNickname":"testuser\#(number)""#,
            #""proxyAddresses":["SMTP:testuser\#(number)@contoso.example","smtp:t\#(number)@contoso.example"]"#,
            #""usageLocation":"US""#, #""userType":"Member""#,
        ]
        var used = members.reduce(48) { $0 + $1.utf8.count + 1 }
        for extra in extras where used < size {
            members.append(extra)
            used += extra.utf8.count + 1
        }
        var index = 1
        while used < size {
            let member = #""extensionAttribute\#(100 + index)":"Value \#(number % 100) of attribute \#(index)""#
            members.append(member)
            used += member.utf8.count + 1
            index += 1
        }
        if size < 400 { members.removeLast(3) }
        members.sort()
        if isShuffled { members.shuffle(using: &random) }
        return "{\"id\":\"\(id)\",\(members.joined(separator: ","))}"
    }
}
