extension WrongInvocation {
    static let backups: [WrongInvocation] = [
        .init("job show 1234", 2, "1234", "jobIdMalformed"),
        .init("job show $NONE", 4, "$NONE", "jobNotFound"),
        .init("job cancel $NONE", 4, "$NONE", "jobNotFound"),
        .init("job list --tenant Nobody", 4, "Nobody", "tenantNotFound"),
        .init("job cancel $JOB", 6, "$JOB", "jobEnded"),
        .init("job retry $JOB", 6, "$JOB", "jobNotFailed"),
        .init("job retry $QUIETJOB", 5, "Quiet", "tenantInactive"),
        .init("snapshot list Nobody", 4, "Nobody", "tenantNotFound"),
        .init("snapshot show $TENANT 99", 4, "99", "snapshotNotFound"),
        .init("snapshot verify $TENANT 99", 4, "99", "snapshotNotFound"),
        .init("snapshot show Quiet", 4, "no snapshot", "snapshotNotFound"),
        .init("object types $TENANT --snapshot 99", 4, "99", "snapshotNotFound"),
        .init("object list $TENANT unicorn", 2, "unicorn", "typeUnknown"),
        .init("object list $TENANT user --snapshot 99", 4, "99", "snapshotNotFound"),
        .init("object show $TENANT user", 2, "<id>"),
        .init("object show $TENANT user $NONE", 4, "$NONE", "objectNotFound"),
        .init("object show $TENANT user 1234", 4, "1234", "objectNotFound"),
        .init("object show $TENANT unicorn $NONE", 2, "unicorn", "typeUnknown"),
        .init("object history $TENANT user $NONE", 4, "$NONE", "objectNotFound"),
        .init("object search $TENANT x --type unicorn", 2, "unicorn", "typeUnknown"),
        .init("object search $TENANT x --snapshot 99", 4, "99", "snapshotNotFound"),
        .init("diff $TENANT --from 1 --to 99", 4, "99", "snapshotNotFound"),
        .init("diff $TENANT --from 98 --to 99", 4, "98", "snapshotNotFound"),
        .init("diff Quiet --since 24h", 4, "no snapshot", "snapshotNotFound"),
        .init("diff $TENANT --from 1 --to 1 --type unicorn", 2, "unicorn", "typeUnknown"),
        .init("diff $TENANT --from 1 --to 1 --type user --id $NONE", 4, "$NONE", "objectNotFound"),
        .init("dead-letters show 1234", 2, "1234", "deadLetterIdMalformed"),
        .init("dead-letters show $NONE", 4, "$NONE", "deadLetterNotFound"),
        .init("dead-letters retry $NONE", 4, "$NONE", "deadLetterNotFound"),
        .init("dead-letters discard $NONE", 4, "$NONE", "deadLetterNotFound"),
        .init("key show Nobody", 4, "Nobody", "tenantNotFound"),
        .init("key rotate Nobody", 4, "Nobody", "tenantNotFound"),
    ]

    static let configuration: [WrongInvocation] = [
        .init("partner list --config $DIR/missing.yaml", 1, "$DIR/missing.yaml", "configurationInvalid"),
        .init("partner list --config $DIR", 1, "$DIR", "configurationInvalid"),
        .init("partner list --config $DIR/misspelt.yaml", 1, "databse.host", "configurationInvalid"),
        .init("partner list --config $DIR/broken.yaml", 1, "not valid YAML", "configurationInvalid"),
        .init("partner list --config $DIR/text.yaml", 1, "$DIR/text.yaml", "configurationInvalid"),
        .init("partner list --config $DIR/list.yaml", 1, "database is a list", "configurationInvalid"),
        .init("partner list --config $DIR/level.yaml", 1, "shout", "configurationInvalid"),
        setting("ENTRA_BACKUP_DATABASE_PORT", "99999", 1, "ENTRA_BACKUP_DATABASE_PORT", "configurationInvalid"),
        setting("ENTRA_BACKUP_DATABASE_SSL_MODE", "maybe", 1, "maybe", "configurationInvalid"),
        setting("ENTRA_BACKUP_BROKER_TLS", "perhaps", 1, "perhaps", "configurationInvalid"),
        setting("ENTRA_BACKUP_DATABASE_PASSWORD_FILE", "$DIR/missing", 1, "$DIR/missing", "configurationInvalid"),
        unreachable("ENTRA_BACKUP_DATABASE_PORT", "1", "port 1"),
        unreachable("ENTRA_BACKUP_DATABASE_HOST", "nowhere.invalid", "nowhere.invalid"),
        unreachable("ENTRA_BACKUP_DATABASE_PASSWORD_FILE", "$DIR/wrong", "password authentication failed"),
        unreachable("ENTRA_BACKUP_DATABASE_NAME", "nothing", "nothing"),
        unreachable("ENTRA_BACKUP_DATABASE_SSL_MODE", "require", "SSL"),
        setting("ENTRA_BACKUP_DATABASE_NAME", "postgres", 1, "backup.partners", "schemaMismatch", "schema-mismatch"),
        keys("object show $TENANT user $USER", "none", "$DIR/none", "keyStoreUnavailable", "key-store-unavailable"),
        keys(
            "object show $TENANT user $USER", "keys-incomplete", "no key-encryption key", "keyStoreUnavailable",
            "key-store-unavailable"),
        keys("object show $TENANT user $USER", "keys-altered", "altered", "keyWrong", "key-wrong"),
        keys("snapshot verify $TENANT 1", "keys-altered", "altered", "keyWrong", "key-wrong"),
        keys("object show $TENANT user $USER", "keys-foreign", "did not wrap", "keyWrong", "key-wrong"),
        keys("tenant activate $TENANT", "keys-foreign", "did not wrap", "keyWrong", "key-wrong"),
        keys("key rotate $TENANT", "keys-foreign", "did not wrap", "keyWrong", "key-wrong"),
        keys("migrate", "none", "$DIR/none", "keyStoreUnavailable", "key-store-unavailable"),
        keys("key show $TENANT", "none", "$DIR/none", "keyStoreUnavailable", "key-store-unavailable"),
        keys("tenant activate $TENANT", "none", "$DIR/none", "keyStoreUnavailable", "key-store-unavailable"),
        keys(
            "\(add) --client-secret-file $SECRET", "none", "$DIR/none", "keyStoreUnavailable", "key-store-unavailable"),
    ]
    private static let add = "tenant add --organization O --tenant-id $NONE --client-id $CLIENT"

    private static func setting(
        _ name: String, _ value: String, _ exit: Int32, _ says: String, _ code: String, _ runbook: String? = nil
    ) -> WrongInvocation {
        .init("partner list", exit, says, code, runbook: runbook, environment: [name: value])
    }

    private static func unreachable(_ name: String, _ value: String, _ says: String) -> WrongInvocation {
        setting(name, value, 7, says, "databaseUnreachable", "database-unreachable")
    }

    private static func keys(
        _ command: String, _ store: String, _ says: String, _ code: String, _ runbook: String
    ) -> WrongInvocation {
        .init(
            command, 1, says, code, runbook: runbook, environment: ["ENTRA_BACKUP_KEY_STORE_PATH": "$DIR/\(store)"])
    }

    static let stack: [WrongInvocation] = [
        .init("stack up --detach --data-dir $DIR/new --workers fetcher", 2, "fetcher", "workersMalformed"),
        .init("stack up --detach --data-dir $DIR/new --workers fetcher=65", 2, "fetcher=65", "workersMalformed"),
        .init("stack up --detach --data-dir $DIR/new --workers cook=1", 2, "cook", "stageUnknown"),
        .init("stack up --detach --data-dir $DIR/new --simulator=$DIR/missing", 1, "$DIR/missing", "fileUnreadable"),
        directory("up --detach", "empty", "Not a directory", "system"),
        directory("up --detach", "newer", "99", "dataDirectoryNewer", "data-directory-newer"),
        directory("status", "newer", "99", "dataDirectoryNewer", "data-directory-newer"),
        directory("env", "newer", "99", "dataDirectoryNewer", "data-directory-newer"),
        directory("down", "newer", "99", "dataDirectoryNewer", "data-directory-newer"),
        directory("up --detach", "foreign", "$DIR/foreign", "notADataDirectory"),
        .init("stack up --detach --data-dir /proc/new", 1, "/proc/new", "system", runbook: "stack-does-not-start"),
        .init("stack env --data-dir $DIR/new", 7, "$DIR/new", "stackNotThere", runbook: "stack-does-not-start"),
        .init("partner list --data-dir $DIR/new", 7, "$DIR/new", "stackNotThere", runbook: "stack-does-not-start"),
    ]

    private static func directory(
        _ verb: String, _ name: String, _ says: String, _ code: String, _ runbook: String = "stack-does-not-start"
    ) -> WrongInvocation {
        .init("stack \(verb) --data-dir $DIR/\(name)", 1, says, code, runbook: runbook)
    }
}
