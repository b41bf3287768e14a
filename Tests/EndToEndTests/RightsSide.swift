import BackupModel
import Foundation
import Testing

/// A partner with everything that a command can be about, and somebody of each role.
struct RightsSide {
    /// What only this partner's things are called: no other partner may ever read it.
    let canary: String
    private var names: [String: String] = [:]
    private var tokens: [Member: String] = [:]
    private let installation: TestInstallation

    /// - Parameter tenant: the simulator's tenant of this partner, as the simulator describes it.
    init(_ installation: TestInstallation, _ canary: String, tenant: JSONValue, url: String) throws {
        self.canary = canary
        self.installation = installation
        let id = try #require(tenant["tenantId"]?.string)
        names["$TENANT"] = id
        names["$MONTH"] = try installation.sql("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM')")
        for (place, name) in [(0, ""), (1, "WRITER_")] {
            let secret = try #require(tenant["clients"]?[place]?["secret"]?.string)
            names["$\(name)SECRET"] = try file("secret-\(place)", secret)
            names[place == 0 ? "$CLIENT" : "$WRITER"] = try #require(tenant["clients"]?[place]?["clientId"]?.string)
        }
        try makeAccounts(url)
        try makeStaff()
        try makeBackups()
    }

    private func file(_ name: String, _ text: String) throws -> String {
        let path = "\(installation.root)/\(canary)-\(name)"
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
        return path
    }

    @discardableResult
    private func run(_ command: String) throws -> JSONValue { try installation.command(words(command)) }

    private mutating func name(_ name: String, _ value: JSONValue?) throws {
        names[name] = try #require(value?.string, "\(name)")
    }

    // MARK: Making it

    private mutating func makeAccounts(_ url: String) throws {
        try name("$PARTNER", try run("partner create --name \(canary)-partner")["partner"]?["id"])
        let terms = "--currency EUR --periodicity monthly --partner $PARTNER"
        let plan = try run("plan create --name \(canary)-gold --product backup-entra \(terms)")["plan"]
        // An organization can move to the other one by itself, which nobody has yet.
        try name("$PLAN", try run("plan create --name \(canary)-vault --product archive-entra \(terms)")["plan"]?["id"])
        let contact = "--first-name \(canary)-first --last-name \(canary)-last --email \(canary)@customer.example"
        let gold = try #require(plan?["id"]?.string)
        let made = try run(
            "organization create --name \(canary)-org --partner $PARTNER --plan \(gold) --country DE \(contact)")
        try name("$ORG", made["organization"]?["id"])
        let token = try #require(try run("organization token $ORG --rotate")["token"]?.string)
        names["$TOKEN"] = try file("token", token)
        try run(
            "tenant add --organization $ORG --tenant-id $TENANT --name \(canary)-tenant --label \(canary)-label "
                + "--client-id $CLIENT --client-secret-file $SECRET --graph-url \(url) --authority-url \(url)")
    }

    private mutating func makeStaff() throws {
        for member in Member.roles {
            try run(
                "user create --partner $PARTNER --email \(email(member)) --name \(canary)-\(member.role) "
                    + "--role \(member.role)")
            let token = try #require(try run("user token \(email(member))")["token"]?.string)
            tokens[member] = try file("token-\(member.role)", token)
        }
        names["$USER"] = "\(canary)-user@staff.example"
        try run("user create --partner $PARTNER --email $USER --name \(canary)-user --role admin")
    }

    private mutating func makeBackups() throws {
        let job = try run("tenant activate $TENANT --wait")["job"]
        try #require(job?["state"]?.string == "succeeded", "\(job?.prettyText ?? "")")
        try name("$BACKUP_JOB", job?["id"])
        try name("$OBJECT", try run("object list $TENANT user")["items"]?[0]?["id"])
        try name("$KEY", try run("object list $TENANT bitlockerRecoveryKey")["items"]?[0]?["id"])
        try run("tenant write-access $TENANT add --client-id $WRITER --client-secret-file $WRITER_SECRET")
        try name("$RESTORE_PLAN", try run("restore plan $TENANT --snapshot 1 --types namedLocation")["plan"]?["id"])
        try name("$RESTORE_JOB", try run("restore apply $RESTORE_PLAN --wait")["job"]?["id"])
        names["$ARCHIVE"] = "\(installation.root)/\(canary)-archive.zip"
        let started = try run("download start $TENANT --format json --types user --output $ARCHIVE")
        try name("$DOWNLOAD_JOB", started["job"]?["id"])
    }

    // MARK: Using it

    func email(_ member: Member) -> String { "\(canary)-\(member.role)@staff.example" }

    /// The words of a command about this partner's things. Files and ids that are made are new each time.
    func words(_ command: String) -> [String] {
        let new = UUID().uuidString.lowercased()
        let fresh = ["$GUID": new, "$FILE": "\(installation.root)/out-\(new)"]
        // The longer name first: $PLAN is not the beginning of another, but $WRITER is.
        let all = names.merging(fresh) { $1 }.sorted { $0.key.count > $1.key.count }
        return command.split(separator: " ").map { word in
            all.reduce(String(word)) { $0.replacing($1.key, with: $1.value) }
        }
    }

    /// Starts a command by somebody of this partner about the things of `side`.
    func start(_ command: String, _ member: Member, about side: RightsSide) throws -> Programs.Running {
        var words = side.words(command.replacing("$SELF", with: email(member)))
        if !command.contains("--csv") { words.append("--json") }
        let role: Member = member == .grantedSupport ? .support : member
        words += ["--as", email(role), "--token-file", try #require(tokens[role])]
        return try Programs.spawn("entra-backup", words, environment: installation.environment)
    }
}
