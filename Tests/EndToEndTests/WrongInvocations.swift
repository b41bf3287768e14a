/// A command that is wrong, and what the contract says about it.
struct WrongInvocation {
    /// Words after `entra-backup`; `'…'` is one word, `$NAME` stands for what the test has prepared.
    var command: String
    var exit: Int32
    /// What the text must name.
    var says: String
    /// The error's name for scripts; `nil` where the argument parser finds the mistake and writes plain text.
    var code: String?
    var runbook: String?
    /// Configuration over that of the stack.
    var environment: [String: String]

    init(
        _ command: String, _ exit: Int32, _ says: String, _ code: String? = nil, runbook: String? = nil,
        environment: [String: String] = [:]
    ) {
        self.command = command
        self.exit = exit
        self.says = says
        self.code = code
        self.runbook = runbook
        self.environment = environment
    }

    static let arguments: [WrongInvocation] = [
        .init("--colour", 2, "--colour"),
        .init("frobnicate", 2, "frobnicate"),
        .init("tenant frobnicate", 2, "frobnicate"),
        .init("tenant show", 2, "<tenant>"),
        .init("partner create", 2, "--name"),
        .init("backup start", 2, "--all-tenants"),
        .init("migrate --print --twice", 2, "--twice"),
        .init("snapshot show $TENANT two", 2, "two"),
        .init("snapshot show $TENANT 99999999999", 2, "99999999999"),
        .init("snapshot show $TENANT -1", 2, "-1"),
        .init("snapshot show $TENANT 0", 2, "0 is no number"),
        .init("object list $TENANT user --snapshot=-3", 2, "-3 is no number"),
        .init("diff $TENANT --from 0 --to 1", 2, "0 is no number"),
        .init("diff $TENANT --all-tenants --from 1 --to 1", 2, "--all-tenants"),
        .init("diff $TENANT --from one --to 1", 2, "one"),
        .init("diff $TENANT --from 1", 2, "--to"),
        .init("diff $TENANT", 2, "--since"),
        .init("diff $TENANT --since soon", 2, "soon"),
        .init("diff $TENANT --since 24h --from 1", 2, "--since"),
        .init("diff $TENANT --from live --to live", 2, "--to"),
        .init("diff --all-tenants --label gold --since 24h", 2, "--all-tenants"),
        .init("backup start $TENANT --label gold", 2, "--label"),
        .init("status lunch", 2, "lunch"),
        .init("billing", 2, "--month"),
        .init("organization list --search ''", 2, "--search"),
        .init("organization list --limit 0", 2, "--limit"),
        .init("status --all-tenants --partner P", 2, "--all-tenants"),
        .init("tenant label $TENANT paint gold", 2, "paint"),
        .init("tenant label $TENANT add", 2, "<label>"),
        .init("tenant list --search ''", 2, "--search"),
        .init("tenant list --limit 0", 2, "--limit"),
        .init("diff $TENANT --from 1 --to 1 --id $NONE", 2, "--type"),
        .init("job list --limit 0", 2, "--limit"),
        .init("job list --state bored", 2, "bored"),
        .init("job list --kind laundry", 2, "laundry"),
        .init("object search $TENANT", 2, "--where"),
        .init("object search $TENANT --where jobTitle", 2, "jobTitle"),
        .init("object search $TENANT --where 'jobTitle like x'", 2, "jobTitle like x"),
        .init("object search $TENANT x --limit 0", 2, "--limit"),
        .init("audit list --limit 10001", 2, "--limit"),
        .init("audit list --since soon", 2, "--since"),
        .init("audit list --outcome perhaps", 2, "--outcome"),
        .init("dead-letters retry", 2, "--all"),
        .init("key rotate", 2, "--kek"),
        .init("key rotate $TENANT --kek", 2, "--kek"),
    ]

    static let accounts: [WrongInvocation] = [
        .init("partner create --name ''", 2, "--name", "nameInvalid"),
        .init("partner create --name P", 6, "P", "partnerExists"),
        .init("partner create --name p", 6, "p", "partnerExists"),
        .init("partner show Nobody", 4, "Nobody", "partnerNotFound"),
        .init("billing --month March", 2, "March", "monthMalformed"),
        .init("billing --month 2026-13", 2, "2026-13", "monthMalformed"),
        .init("billing --month 9999-01", 2, "9999-01", "monthNotBegun"),
        .init("billing --month 2026-03 --partner Nobody", 4, "Nobody", "partnerNotFound"),
        .init("partner show $NONE", 4, "$NONE", "partnerNotFound"),
        .init("\(plan) --product gold --currency EUR --periodicity monthly --partner P", 2, "gold"),
        .init("\(plan) --product backup --currency EUR --periodicity weekly --partner P", 2, "weekly"),
        .init("\(plan) --product backup --currency EUX --periodicity monthly --partner P", 2, "EUX", "currencyUnknown"),
        .init("\(plan) --product backup --currency EUR --periodicity yearly --partner X", 4, "X", "partnerNotFound"),
        .init(
            "plan create --name Plan --product backup --currency EUR --periodicity monthly --partner P", 6, "Plan",
            "planExists"),
        .init("plan show Nothing", 4, "Nothing", "planNotFound"),
        .init("plan show Shared", 6, "Shared", "planAmbiguous"),
        .init("plan archive Nothing", 4, "Nothing", "planNotFound"),
        .init("\(organization) --plan Plan --email nobody --country DE", 2, "nobody", "emailInvalid"),
        .init("\(organization) --plan Plan --email a@b.example --country XX", 2, "XX", "countryUnknown"),
        .init("\(organization) --plan Plan --email a@b.example --country Germany", 2, "Germany", "countryUnknown"),
        .init(
            "\(organization) --plan Plan --email Contact@Customer.example --country DE", 6, "Contact@Customer.example",
            "emailTaken"),
        .init("\(organization) --plan Plan --email a@b.example --country DE --seats 99999999999", 2, "99999999999"),
        .init("\(organization) --plan Plan --email a@b.example --country DE --seats=-1", 2, "-1", "seatsOutOfRange"),
        .init("\(organization) --plan Nothing --email a@b.example --country DE", 4, "Nothing", "planNotFound"),
        .init("\(organization) --plan Other --email a@b.example --country DE", 5, "Other", "planOfAnotherPartner"),
        .init("\(organization) --plan Old --email a@b.example --country DE", 5, "Old", "planArchived"),
        .init("organization show Nobody", 4, "Nobody", "organizationNotFound"),
    ]

    static let organizations: [WrongInvocation] = [
        .init("partner update P", 2, "--sign-in-email"),
        .init("partner update P --sign-in-email perhaps", 2, "perhaps"),
        .init("partner update P --name q", 6, "q", "partnerExists"),
        .init("partner update Nobody --name x", 4, "Nobody", "partnerNotFound"),
        .init("\(plan) --product backup --currency DEM --periodicity monthly --partner P", 2, "DEM", "currencyUnknown"),
        .init("\(plan) --product backup --currency XXX --periodicity monthly --partner P", 2, "XXX", "currencyUnknown"),
        .init(
            "\(plan) --product backup-entra --currency EUR --periodicity monthly --partner P", 5, "Backup + Entra",
            "entraNotOffered", environment: ["ENTRA_BACKUP_PLANS_ENTRA": "false"]),
        .init(
            "plan list", 1, "perhaps", "configurationInvalid", environment: ["ENTRA_BACKUP_PLANS_ENTRA": "perhaps"]),
        .init("plan list --partner Nobody", 4, "Nobody", "partnerNotFound"),
        .init("plan update Plan", 2, "--product"),
        .init("plan update Plan --product backup", 5, "cannot lose Entra", "planInUseKeepsEntra"),
        .init("plan update Plan --currency USD", 5, "billed in EUR", "planInUse"),
        .init("plan update Plan --name Old", 6, "Old", "planExists"),
        .init("plan update Nothing --name x", 4, "Nothing", "planNotFound"),
        .init("\(organization) --plan Plan --email a@b.example --country EU", 2, "EU", "countryUnknown"),
        .init("\(organization) --plan Plan --email a@b..example --country DE", 2, "a@b..example", "emailInvalid"),
        .init("\(organization) --plan Plan --email a@b.example --country DE --nfr-until 2099-01-01", 2, "--nfr"),
        .init(
            "\(organization) --plan Plan --email a@b.example --country DE --nfr --nfr-until soon", 2, "soon",
            "nfrUntilMalformed"),
        .init(
            "\(organization) --plan Plan --email a@b.example --country DE --nfr --nfr-until 2020-01-01", 2,
            "2020-01-01", "nfrUntilOutOfRange"),
        .init(
            "\(organization) --plan Plan --email a@b.example --country DE --nfr", 5, "includes Entra",
            "nfrWithEntraPlan"),
        .init("organization update O", 2, "--name"),
        .init("organization update O --email nobody", 2, "nobody", "emailInvalid"),
        .init("organization update O --country ZZ", 2, "ZZ", "countryUnknown"),
        .init("organization update O --nfr-until $TOMORROW", 5, "not NFR", "organizationNotNFR"),
        .init("organization update Nobody --name x", 4, "Nobody", "organizationNotFound"),
        .init("organization set-plan O Nothing", 4, "Nothing", "planNotFound"),
        .init("organization set-plan O Other", 5, "Other", "planOfAnotherPartner"),
        .init("organization set-plan O Old --ticket T", 5, "Old", "planArchived"),
        .init("organization set-plan O Plan --ticket ''", 2, "--ticket", "ticketInvalid"),
        .init("organization set-seats O many", 2, "many"),
        .init("organization set-seats O 10000001", 2, "10000001", "seatsOutOfRange"),
        .init("organization suspend Nobody", 4, "Nobody", "organizationNotFound"),
        .init("organization resume Nobody", 4, "Nobody", "organizationNotFound"),
        .init("organization unsubscribe Nobody", 4, "Nobody", "organizationNotFound"),
        .init("organization transfer O Nobody", 4, "Nobody", "partnerNotFound"),
        .init("organization transfer O P", 6, "O", "partnerUnchanged"),
        .init("organization transfer O Q", 5, "2 plans", "planNotNamed"),
        .init("organization transfer O Q --plan Plan", 5, "Plan", "planOfAnotherPartner"),
        .init("organization features O restore", 2, "restore", "featureMalformed"),
        .init("organization features O restore=maybe", 2, "restore=maybe", "featureMalformed"),
        .init("organization features O fly=on", 2, "fly", "featureUnknown"),
        .init("organization token Nobody", 4, "Nobody", "organizationNotFound"),
        .init("organization token O --rotate --check-file $DIR/wrong", 2, "--rotate"),
        .init("organization token O --check-file $DIR/wrong", 1, "$DIR/wrong", "tokenMalformed"),
        .init("organization token O --check-file $DIR/missing", 1, "$DIR/missing", "fileUnreadable"),
        .init("organization token O --check-file $DIR/token", 5, "eb_org_012345", "tokenUnknown"),
    ]
    private static let plan = "plan create --name New"
    private static let organization = "organization create --name New --partner P --first-name F --last-name L"

    static let tenants: [WrongInvocation] = [
        .init("\(tenant(id: "1234")) --client-secret-file $SECRET", 2, "1234", "tenantIdMalformed"),
        .init(
            "tenant add --organization O --tenant-id $NONE --client-id 1234 --client-secret-file $SECRET", 2, "1234",
            "clientIdMalformed"),
        .init("\(tenant())", 2, "--client-secret-file"),
        .init("\(tenant()) --client-secret-file $SECRET --client-certificate-file $DIR/valid.pem", 2, "either"),
        .init("\(tenant()) --client-secret-file $SECRET --cloud moon", 2, "moon"),
        .init("\(tenant()) --client-secret-file $DIR/missing", 1, "$DIR/missing", "fileUnreadable"),
        .init("\(tenant()) --client-secret-file $DIR", 1, "$DIR", "fileUnreadable"),
        .init("\(tenant()) --client-secret-file $DIR/empty", 1, "$DIR/empty", "fileEmpty"),
        .init("\(tenant()) --client-secret-file $DIR/binary", 1, "$DIR/binary", "fileNotText"),
        .init("\(tenant()) --client-secret-file -", 1, "Standard input", "fileEmpty"),
        certificate("missing", "$DIR/missing.pem", "fileUnreadable", runbook: nil),
        certificate("wrong", "not in PEM form"),
        certificate("certificate", "private key"),
        certificate("key", "certificate"),
        certificate("damaged", "damaged"),
        certificate("foreign", "does not belong"),
        certificate("expired", "expired", "credentialsExpired"),
        .init(
            "\(tenant()) --client-secret-file $SECRET --graph-url http://graph.example", 2, "http://graph.example",
            "urlNotSecure"),
        .init("\(tenant()) --client-secret-file $SECRET --graph-url $URL/v1.0", 2, "$URL/v1.0", "urlMalformed"),
        .init("\(tenant()) --client-secret-file $SECRET --authority-url nonsense", 2, "nonsense", "urlMalformed"),
        .init("\(tenant(id: "$TENANT")) --client-secret-file $SECRET", 6, "$TENANT", "tenantExists"),
        .init("\(tenant(organization: "X")) --client-secret-file $SECRET", 4, "X", "organizationNotFound"),
        .init("\(tenant()) --client-secret-file $SECRET --label 'a b'", 2, "a b", "labelInvalid"),
        .init("tenant label Nobody add gold", 4, "Nobody", "tenantNotFound"),
        .init("tenant label $TENANT add 'a b'", 2, "a b", "labelInvalid"),
        .init("tenant label $TENANT add ''", 2, "label", "labelInvalid"),
        .init("tenant label $TENANT remove gold", 4, "gold", "labelNotFound"),
        .init("tenant list --partner Nobody", 4, "Nobody", "partnerNotFound"),
        .init("tenant list --organization Nobody", 4, "Nobody", "organizationNotFound"),
        .init("tenant list --label 'a b'", 2, "a b", "labelInvalid"),
        .init("status --partner Nobody", 4, "Nobody", "partnerNotFound"),
        .init("status restore --label ü", 2, "ü", "labelInvalid"),
        .init("tenant show Nobody", 4, "Nobody", "tenantNotFound"),
        .init("tenant show $NONE", 4, "$NONE", "tenantNotFound"),
        .init("tenant show Twin", 6, "Twin", "tenantAmbiguous"),
        .init("tenant activate Nobody", 4, "Nobody", "tenantNotFound"),
        .init("tenant deactivate Nobody", 4, "Nobody", "tenantNotFound"),
        .init("tenant credentials $TENANT --client-id $CLIENT", 2, "--client-secret-file"),
        .init(
            "tenant credentials $TENANT --client-certificate-file $DIR/valid.pem --expires 2027-01-31", 2, "--expires"),
        .init(
            "tenant credentials $TENANT --client-secret-file $SECRET --expires soon", 2, "soon", "expiresMalformed"),
        .init("tenant credentials Nobody", 4, "Nobody", "tenantNotFound"),
        .init("tenant credentials $TENANT --client-secret-file $DIR/empty", 1, "$DIR/empty", "fileEmpty"),
        .init("tenant credentials Nobody --client-secret-file $SECRET", 4, "Nobody", "tenantNotFound"),
        .init("tenant config show Nobody", 4, "Nobody", "tenantNotFound"),
        .init("tenant config set $TENANT", 2, "<settings>"),
        .init("tenant config set $TENANT colour=blue", 2, "colour", "settingUnknown"),
        .init("tenant config set $TENANT schedule", 2, "schedule", "settingMalformed"),
        .init("tenant config set $TENANT 'schedule=every 5m'", 2, "every 5m", "scheduleMalformed"),
        .init("tenant config set $TENANT 'schedule=daily 24:00'", 2, "daily 24:00", "scheduleMalformed"),
        .init("tenant config set $TENANT types=user,unicorn", 2, "unicorn", "typeUnknown"),
        .init("tenant config set $TENANT types=", 2, "No object type", "typesEmpty"),
        .init("tenant config set $TENANT retention=soon", 2, "soon", "retentionMalformed"),
        .init("tenant config set $TENANT retention=7y retention=0d", 2, "0d", "retentionMalformed"),
        .init("backup start Nobody", 4, "Nobody", "tenantNotFound"),
        .init("backup start $TENANT --types unicorn", 2, "unicorn", "typeUnknown"),
        .init("backup start Quiet", 5, "Quiet", "tenantInactive"),
        .init("backup start Quiet --dry-run", 5, "Quiet", "tenantInactive"),
        .init("backup start --partner Nobody", 4, "Nobody", "partnerNotFound"),
        .init("backup start --label 'a b'", 2, "a b", "labelInvalid"),
        .init(
            "tenant activate Far", 7, "Far", "graphUnreachable", runbook: "graph-unreachable",
            environment: ["ENTRA_BACKUP_GRAPH_PATIENCE_SECONDS": "1"]),
        .init("tenant activate Unknown", 1, "Unknown", "tenantUnknown", runbook: "credentials-invalid"),
    ]

    private static func tenant(id: String = "$NONE", organization: String = "O") -> String {
        "tenant add --organization \(organization) --tenant-id \(id) --client-id $CLIENT"
    }

    private static func certificate(
        _ file: String, _ says: String, _ code: String = "credentialsInvalid", runbook: String? = "credentials-invalid"
    ) -> WrongInvocation {
        .init("\(tenant()) --client-certificate-file $DIR/\(file).pem", 1, says, code, runbook: runbook)
    }
}
