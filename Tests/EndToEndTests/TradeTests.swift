import BackupModel
import Foundation
import Testing

/// The trade from its first partner on: every command that manages it, and what each state does.
@Suite(.serialized) struct TradeTests {
    private func with(_ body: (Trade) throws -> Void) throws {
        let seed = seed(5, "trade")
        let installation = try TestInstallation(
            fixture: """
                {"tenants":[{"seed":\(seed),"users":12,"settings":{"quotas":false}},
                {"seed":\(seed + 1),"users":5,"settings":{"quotas":false}}]}
                """, workers: "downloader=0,restorer=0")
        defer { installation.tearDown() }
        try body(try Trade(installation))
    }

    /// Partner, plans, both organizations and their tenants.
    private func begin(_ trade: Trade) throws {
        try trade.run("partner create --name Nord")
        let terms = "--currency EUR --periodicity monthly --partner Nord"
        let plan = try trade.run("plan create --name Gold --product backup-entra \(terms)")["plan"]
        #expect(plan?["entra"]?.bool == true)
        try trade.run("plan create --name Plain --product backup \(terms)")
        try trade.run("plan create --name Vault --product archive-entra \(terms)")
        #expect(try trade.text("plan list --partner Nord").contains("Gold [Entra]"))
        let control = "--first-name C --last-name C --email control@kunde.example --country AT"
        try trade.run("organization create --name Control --partner Nord --plan Gold \(control)")
        try trade.run(
            "tenant add --organization Control --tenant-id $CONTROL --client-id $OTHER_CLIENT "
                + "--client-secret-file $OTHER_SECRET --graph-url $URL --authority-url $URL")
        try trade.run("tenant activate $CONTROL --wait")
        let made = try trade.run(
            "organization create --name Kunde --partner Nord --plan Gold --first-name Zoë --last-name 'van der Berg' "
                + "--email IT@Kunde.example --country de --seats 3 --send-sign-in-email")["organization"]
        try trade.audited("organization.create")
        #expect(made?["firstName"]?.string == "Zoë" && made?["lastName"]?.string == "van der Berg")
        #expect(made?["email"]?.string == "IT@Kunde.example" && made?["country"]?.string == "DE")
        #expect(made?["seats"]?.int == 3 && made?["autoLicense"]?.bool == false && made?["state"]?.string == "active")
        #expect(made?["labels"]?.array == [.string("Entra")])
        try trade.run(
            "tenant add --organization Kunde --tenant-id $TENANT --client-id $CLIENT --client-secret-file $SECRET "
                + "--graph-url $URL --authority-url $URL")
        try trade.run("tenant activate $TENANT --wait")
        let token = try trade.run("organization token Kunde --rotate")["token"]?.string
        try trade.audited("organization.token")
        try #require(token).write(toFile: trade.installation.root + "/token", atomically: true, encoding: .utf8)
    }

    @Test func `each state does to sign-in, schedule and data what it is said to do`() throws {
        try with { trade in
            try begin(trade)
            try trade.check(signIn: true, backups: true)

            #expect(try trade.text("organization suspend Kunde").contains("sign-in is off, scheduled backups go on"))
            try trade.audited("organization.suspend")
            try trade.check(signIn: false, backups: true)

            #expect(try trade.text("organization unsubscribe Kunde").contains("scheduled backups stop, data is kept"))
            try trade.audited("organization.unsubscribe")
            try trade.check(signIn: false, backups: false, code: "organizationUnsubscribed")
            try trade.refused("organization suspend Kunde", "stateNotReachable")
            try trade.audited("organization.suspend", "refused", reason: "stateNotReachable")
            try trade.refused("tenant activate $TENANT", "organizationUnsubscribed")

            #expect(try trade.text("organization resume Kunde").contains("sign-in is on, scheduled backups go on"))
            try trade.check(signIn: true, backups: true)
            #expect(try trade.run("organization resume Kunde")["changed"]?.bool == false)

            // A plan without Entra stops backups as well, and a trial on such a plan has them.
            try trade.refused("organization set-plan Kunde Plain", "planChangeNeedsTicket")
            try trade.run("organization set-plan Kunde Plain --ticket T-77")
            try trade.audited("organization.setPlan", reason: "ticket T-77")
            try trade.check(signIn: true, backups: false, code: "planWithoutEntra")
            try trade.run("organization set-plan Kunde Vault")
            try trade.check(signIn: true, backups: true)
            try checkTrial(trade)
        }
    }

    private func checkTrial(_ trade: Trade) throws {
        let trial = "--first-name A --last-name B --email trial@nord.example --country DE"
        try trade.refused(
            "organization create --name Trial --partner Nord --plan Gold --nfr \(trial)", "nfrWithEntraPlan")
        let made = try trade.run("organization create --name Trial --partner Nord --plan Plain --nfr \(trial)")
        #expect(made["organization"]?["nfr"]?.bool == true && made["organization"]?["entra"]?.bool == true)
        #expect(made["organization"]?["effect"]?["scheduledBackups"]?.bool == true)
        #expect(try trade.text("organization list").contains("Trial [Entra] [NFR]"))
        // When the period is over, the scheduler ends it.
        try trade.installation.sql("UPDATE backup.organizations SET nfr_ends_at = now() WHERE nfr")
        try trade.installation.eventually("the trial has ended") {
            try trade.installation.sql("SELECT count(*) FROM backup.organizations WHERE nfr") == "0"
        }
        let ended = try trade.run("organization show Trial")["organization"]
        #expect(ended?["labels"]?.array?.isEmpty == true)
        #expect(ended?["effect"]?["reason"]?.string == "planWithoutEntra")
        try trade.run("organization set-plan Trial Gold")
        #expect(try trade.run("organization show Trial")["organization"]?["entra"]?.bool == true)
    }

    @Test func `an organization is managed: contact, mail, seats, features, token, credentials, partner`() throws {
        try with { trade in
            try begin(trade)
            try checkContact(trade)
            try checkSeats(trade)
            try checkFeatures(trade)
            try checkToken(trade)
            try checkCredentials(trade)
            try checkPlans(trade)
            try checkTransfer(trade)
        }
    }

    private func checkContact(_ trade: Trade) throws {
        let first = try trade.mails(1)[0]
        #expect(first.contains("\r\nTo: =?utf-8?B?") && first.contains("<IT@Kunde.example>\r\n"))
        #expect(first.contains("\r\nSubject: Your access to the backup of Kunde\r\n"))
        try trade.refused("organization update Kunde --email CONTROL@kunde.example", "emailTaken", exit: 6)
        let text = try trade.text("organization update Kunde --email new@kunde.example --send-sign-in-email")
        #expect(text.contains("new@kunde.example signs in") && text.contains("IT@Kunde.example no longer"))
        try trade.audited("organization.update")
        #expect(try trade.mails(2).contains { $0.contains("To: ") && $0.contains("<new@kunde.example>") })
        let same = try trade.run("organization update Kunde --name 'Kunde AG' --first-name Ann --country CH")
        #expect(same["signInChanged"]?.bool == false && same["organization"]?["country"]?.string == "CH")
        try trade.run("organization update 'Kunde AG' --name Kunde")
        try trade.run("partner update Nord --sign-in-email hidden")
        let refusal = try trade.refused("organization update Kunde --send-sign-in-email", "signInEmailHidden")
        #expect(refusal["message"]?.string?.contains("Nord") == true)
        try trade.run("partner update Nord --sign-in-email offered")
        _ = try trade.mails(2)
    }

    private func checkSeats(_ trade: Trade) throws {
        let set = try trade.text("organization set-seats Kunde 4")
        #expect(set.contains("4 seats") && set.contains("more than seats"))
        try trade.audited("organization.setSeats", reason: "3 to 4")
        try trade.run("organization update Kunde --auto-license")
        try trade.run("backup start $TENANT --wait")
        let shown = try trade.run("organization show Kunde")["organization"]
        let users = try trade.run("object list $TENANT user")["items"]?.array?.count
        #expect(shown?["seats"]?.int == users && shown?["users"]?.int == users)
        #expect(shown?["seatsRaisedAt"]?.string != nil)
        try trade.run("organization update Kunde --no-auto-license")
    }

    private func checkFeatures(_ trade: Trade) throws {
        func on(_ line: String) throws -> [String] {
            (try trade.run(line)["items"]?.array ?? []).filter { $0["on"]?.bool == true }
                .compactMap { $0["name"]?.string }
        }
        #expect(try on("organization features Kunde") == ["view-objects", "compare", "reports"])
        #expect(try on("organization features Kunde restore=on compare=off") == ["view-objects", "restore", "reports"])
        try trade.audited("organization.features", reason: "restore=on compare=off")
        #expect(try on("organization features Kunde") == ["view-objects", "restore", "reports"])
    }

    private func checkToken(_ trade: Trade) throws {
        let shown = try trade.run("organization token Kunde")
        #expect(shown["token"]?.isNull == true && shown["prefix"]?.string?.hasPrefix("eb_org_") == true)
        try trade.run("organization token Kunde --check-file $DIR/token")
        try trade.audited("organization.signIn")
        #expect(try trade.run("organization token Kunde")["lastUsedAt"]?.string != nil)
        let rehearsed = try trade.run("organization token Kunde --rotate --dry-run")
        #expect(rehearsed["token"]?.isNull == true)
        let new = try #require(try trade.run("organization token Kunde --rotate")["token"]?.string)
        try trade.refused("organization token Kunde --check-file $DIR/token", "tokenUnknown")
        try new.write(toFile: trade.installation.root + "/token", atomically: true, encoding: .utf8)
        try trade.run("organization token Kunde --check-file $DIR/token")
        try trade.refused("organization token Control --check-file $DIR/token", "tokenOfAnother")
        try String(new.dropLast()).write(toFile: trade.installation.root + "/cut", atomically: true, encoding: .utf8)
        try trade.refused("organization token Kunde --check-file $DIR/cut", "tokenMalformed", exit: 1)
        #expect(
            try !trade.installation.sql("SELECT string_agg(t::text, '') FROM backup.organization_tokens t").contains(
                new))
    }

    private func checkCredentials(_ trade: Trade) throws {
        func status() throws -> String? {
            let items = try trade.run("tenant credentials $TENANT")["items"]
            let shown = try trade.run("organization show Kunde")["organization"]?["tenants"]?[0]?["credentials"]
            #expect(shown?[0]?["status"] == items?[0]?["status"])
            return items?[0]?["status"]?.string
        }
        #expect(try status() == "valid")
        let soon = try trade.installation.sql("SELECT (now() + interval '10 days')::date")
        try trade.run("tenant credentials $TENANT --client-secret-file $SECRET --expires \(soon)")
        #expect(try status() == "expiring")
        #expect(try trade.text("tenant credentials $TENANT").contains("expiring in 1"))
        try trade.run("tenant credentials $TENANT --client-secret-file $SECRET")
        #expect(try status() == "unchecked")
        // What Entra ID makes of it shows at the next backup.
        let wrong = trade.installation.root + "/wrong"
        try "wrong".write(toFile: wrong, atomically: true, encoding: .utf8)
        try trade.run("tenant credentials $TENANT --client-secret-file $DIR/wrong")
        try trade.installation.command(["backup", "start", trade.tenant, "--wait"], allowing: [1])
        #expect(try status() == "rejected")
        try trade.run("tenant credentials $TENANT --client-secret-file $SECRET")
        try trade.run("backup start $TENANT --wait")
        #expect(try status() == "valid")
    }

    private func checkPlans(_ trade: Trade) throws {
        try trade.refused("plan update Gold --product backup", "planInUseKeepsEntra")
        try trade.refused("plan update Gold --currency USD", "planInUse")
        try trade.run("plan update Plain --name Plainer --periodicity yearly")
        try trade.run("plan archive Plainer")
        try trade.refused("organization set-plan Kunde Plainer --ticket T", "planArchived")
        let off = ["ENTRA_BACKUP_PLANS_ENTRA": "false"]
        let terms = "--currency EUR --periodicity yearly --partner Nord"
        for product in ["backup-entra", "archive-entra"] {
            let refusal = try trade.refused(
                "plan create --name No --product \(product) \(terms)", "entraNotOffered", environment: off)
            #expect(refusal["hint"]?.string?.contains("plans.entra") == true)
            try trade.audited("plan.create", "refused", reason: "entraNotOffered")
        }
    }

    private func checkTransfer(_ trade: Trade) throws {
        try trade.run("partner create --name Süd")
        try trade.refused("organization transfer Kunde Süd", "planNotNamed")
        try trade.refused("organization transfer Kunde Süd --plan Gold", "planOfAnotherPartner")
        try trade.run(
            "plan create --name Platin --product backup-entra --currency EUR --periodicity yearly --partner Süd")
        let digest = try trade.run("snapshot list $TENANT")
        let moved = try trade.run("organization transfer Kunde Süd --plan Platin")["organization"]
        for partner in ["Nord", "Süd"] {
            let entries = try trade.run("audit list --partner \(partner) --action organization.transfer")["items"]?
                .array
            #expect(entries?.first?["outcome"]?.string == "allowed", "\(partner)")
        }
        try trade.run("audit verify")
        #expect(moved?["plan"] == (try trade.run("plan show Platin")["plan"]?["id"]))
        #expect(try trade.run("organization list --partner Nord")["items"]?.array?.count == 1)
        #expect(try trade.run("snapshot list $TENANT") == digest)
        try trade.run("organization token Kunde --check-file $DIR/token")
        try trade.run("backup start $TENANT --wait")
    }

    @Test func `the sixteen changes of plan, in self-service and with a ticket`() throws {
        let installation = try TestInstallation(
            fixture: #"{"seed":5,"users":2,"settings":{"quotas":false}}"#,
            workers: "fetcher=0,differ=0,persister=0,downloader=0,restorer=0")
        defer { installation.tearDown() }
        let products = ["backup", "archive", "backup-entra", "archive-entra"]
        let published = ["– yes yes yes", "ticket – ticket yes", "ticket ticket – yes", "ticket ticket ticket –"]
        try installation.command(["partner", "create", "--name", "P"])
        for product in products {
            try installation.command([
                "plan", "create", "--name", product, "--product", product, "--currency", "EUR", "--periodicity",
                "monthly",
                "--partner", "P",
            ])
        }
        print("from \\ to: \(products.joined(separator: ", "))")
        for (from, cells) in zip(products, published) {
            var row: [String] = []
            for (to, cell) in zip(products, cells.split(separator: " ").map(String.init)) {
                let name = "\(from) \(to)"
                try installation.command([
                    "organization", "create", "--name", name, "--partner", "P", "--plan", from, "--first-name", "F",
                    "--last-name", "L", "--email", "\(from).\(to)@b.example", "--country", "DE",
                ])
                row.append(try change(installation, name, from, to))
                #expect(row.last == cell, "\(name)")
            }
            print("\(from): \(row.joined(separator: " "))")
        }
    }

    /// Tries the change in self-service, and with a ticket when that is refused. Returns the cell of the table.
    private func change(
        _ installation: TestInstallation, _ name: String, _ from: String, _ to: String
    ) throws -> String {
        func product() throws -> String? {
            try installation.command(["organization", "show", name])["organization"]?["product"]?.string
        }
        let arguments = ["organization", "set-plan", name, to, "--json"]
        let first = try Programs.run("entra-backup", arguments, environment: installation.environment)
        if first.status == 0 {
            #expect(try product() == to)
            return try first.json()["changed"]?.bool == true ? "yes" : "–"
        }
        #expect(first.status == 5)
        #expect(try product() == from)
        let error = try JSONValue(parsing: Array(first.errors.utf8))["error"]
        #expect(error?["code"]?.string == "planChangeNeedsTicket")
        let message = error?["message"]?.string ?? ""
        let (losesEntra, losesArchive) = (
            from.hasSuffix("entra") && !to.hasSuffix("entra"), from.hasPrefix("archive") && !to.hasPrefix("archive")
        )
        #expect(message.contains("backups of its Entra tenants") == losesEntra, "\(message)")
        #expect(message.contains("what Archive keeps") == losesArchive, "\(message)")
        try installation.command(["organization", "set-plan", name, to, "--ticket", "T \(name)"])
        #expect(try product() == to)
        let entries = try installation.command(["audit", "list", "--limit", "2"])["items"]?.array ?? []
        #expect(entries.map { $0["outcome"]?.string } == ["allowed", "refused"])
        #expect(entries.first?["reason"]?.string?.hasSuffix("ticket T \(name)") == true)
        return "ticket"
    }
}
