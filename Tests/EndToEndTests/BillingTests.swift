import BackupModel
import Foundation
import Testing

/// What a partner is billed, through the program.
@Suite(.serialized) struct BillingTests {
    @Test func `a month's bill has the users of the newest snapshots, and outlives them`() throws {
        let installation = try TestInstallation(fixture: #"{"seed":3,"users":20,"settings":{"quotas":false}}"#)
        defer { installation.tearDown() }
        try installation.makeAccounts()
        let month = try installation.sql("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM')")
        func bill(_ arguments: [String] = []) throws -> JSONValue {
            try installation.command(["billing", "--month", month] + arguments)
        }
        let before = try bill()
        #expect(before["items"]?.array?.count == 1 && before["items"]?[0]?["peakUsers"]?.int == 0)
        #expect(try installation.activate()["state"]?.string == "succeeded")
        let users = try users(installation)
        #expect(users >= 20)
        let item = try #require(try bill()["items"]?[0])
        #expect(
            item["peakUsers"]?.int == users && item["currentUsers"]?.int == users && item["seatsUsed"]?.int == users)
        #expect(item["name"]?.string == "O" && item["partnerName"]?.string == "P" && item["planName"]?.string == "Plan")
        #expect(item["product"]?.string == "backup-entra" && item["currency"]?.string == "EUR")
        #expect(item["seatsBought"]?.isNull == true && item["seatsShort"]?.isNull == true)
        // Users come and go: the peak stays.
        try installation.sql("UPDATE backup.organizations SET seats = \(users - 2)")
        try installation.control("POST", "churn?seed=5&count=200")
        #expect(try installation.backUp()["state"]?.string == "succeeded")
        let then = try self.users(installation)
        #expect(then != users, "the churn adds or deletes users")
        let peak = max(users, then)
        let after = try #require(try bill(["--partner", "P"])["items"]?[0])
        #expect(after["peakUsers"]?.int == peak && after["currentUsers"]?.int == then)
        #expect(after["seatsBought"]?.int == users - 2 && after["seatsShort"]?.int == peak - users + 2)
        try checkForms(installation, month, after)
        try installation.command(["tenant", "deactivate", installation.tenant])
        #expect(try bill()["items"]?[0]?["currentUsers"]?.int == 0)
        #expect(try bill()["items"]?[0]?["peakUsers"]?.int == peak)
        try installation.sql("UPDATE backup.organizations SET nfr = true, nfr_ends_at = now() + interval '1 day'")
        let trial = try bill()
        #expect(trial["items"]?.array?.isEmpty == true && trial["notBilled"]?[0]?["reason"]?.string == "nfr")
        #expect(trial["total"]?["peakUsers"]?.int == 0)
        let empty = try installation.command(["billing", "--month", "2001-01"])
        #expect(empty["items"]?.array?.isEmpty == true && empty["month"]?.string == "2001-01")
    }

    /// The users of the newest snapshot.
    private func users(_ installation: TestInstallation) throws -> Int {
        let types = try installation.command(["object", "types", installation.tenant])
        return try #require(types["items"]?.array?.first { $0["type"]?.string == "user" }?["objects"]?.int)
    }

    /// CSV and the table say what JSON says.
    private func checkForms(_ installation: TestInstallation, _ month: String, _ item: JSONValue) throws {
        let csv = try Programs.run(
            "entra-backup", ["billing", "--month", month, "--csv"], environment: installation.environment)
        let lines = csv.output.split(separator: "\r\n", omittingEmptySubsequences: false)
        #expect(csv.status == 0 && lines.count == 3 && lines[2].isEmpty)
        let cells = Dictionary(
            uniqueKeysWithValues: zip(lines[0].split(separator: ","), lines[1].split(separator: ",")))
        #expect(
            cells["month"] == Substring(month) && cells["organization"].map(String.init) == item["organization"]?.string
        )
        for name in ["peakUsers", "currentUsers", "seatsBought", "seatsUsed", "seatsShort"] {
            #expect(cells[Substring(name)].flatMap { Int($0) } == item[name]?.int, "\(name)")
        }
        let human = try Programs.run(
            "entra-backup", ["billing", "--month", month], environment: installation.environment)
        #expect(human.output.contains("PEAK USERS") && human.output.contains("\(month): 1 organizations."))
    }
}
