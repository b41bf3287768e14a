public import BackupContracts
import LibPQ

/// Who may do what in the database: facts without a judgement.
public struct AccessFacts: Sendable {
    /// A role of ours.
    public struct Role: Sendable, Hashable {
        /// With its prefix.
        public var name: String
        /// What every program's role needs and this one has not, in SQL's words: `LOGIN`, `VALID UNTIL`,
        /// `CONNECT ON DATABASE`, `USAGE ON SCHEMA`.
        public var lacks: [String]
        /// What no program's role has, in SQL's words: `SUPERUSER`, `BYPASSRLS`, `CREATEROLE`, `CREATEDB`,
        /// `REPLICATION`, `CREATE ON SCHEMA`.
        public var powers: [String]
        /// Roles whose rights it has as well.
        public var memberOf: [String]

        /// A role as it should be, but for what is given.
        public init(name: String, lacks: [String] = [], powers: [String] = [], memberOf: [String] = []) {
            self.name = name
            self.lacks = lacks
            self.powers = powers
            self.memberOf = memberOf
        }
    }

    /// A table of the schema `backup`.
    public struct Table: Sendable, Hashable {
        /// Without the schema.
        public var name: String
        /// The role that it belongs to.
        public var owner: String
        /// Whether it has a column `tenant_id`.
        public var hasTenant: Bool
        /// Whether row-level security is on.
        public var isGuarded: Bool
        /// Whether row-level security holds for the owner too.
        public var isForced: Bool
        /// In the order of their names.
        public var policies: [Policy]

        /// A guarded table of tenant data, but for what is given.
        public init(
            name: String, owner: String = Installation.owner, hasTenant: Bool = true, isGuarded: Bool = true,
            isForced: Bool = true, policies: [Policy]
        ) {
            self.name = name
            self.owner = owner
            self.hasTenant = hasTenant
            self.isGuarded = isGuarded
            self.isForced = isForced
            self.policies = policies
        }
    }

    /// A policy of row-level security.
    public struct Policy: Sendable, Hashable {
        /// As it was created.
        public var name: String
        /// Those that it holds for; `public` for all.
        public var roles: [String]
        /// Whether it shows exactly the rows of the transaction's tenant, for every command.
        public var isOfTheTenant: Bool
        /// Whether it adds rows to what other policies show.
        public var isPermissive: Bool

        /// A policy that shows each tenant its rows, but for what is given.
        public init(name: String, roles: [String] = ["public"], isOfTheTenant: Bool = true, isPermissive: Bool = true) {
            self.name = name
            self.roles = roles
            self.isOfTheTenant = isOfTheTenant
            self.isPermissive = isPermissive
        }
    }

    /// Those of ``Installation/roles`` that exist.
    public var roles: [Role]
    /// In the order of their names.
    public var tables: [Table]
    /// Rights that the applied migrations grant and that are not there.
    public var missing: [DatabaseRight]
    /// Rights that are there and that no migration grants; those of the owner are left out.
    public var additional: [DatabaseRight]

    /// Facts for a test of what is made of them; ``PostgresStore/accessFacts(applied:)`` asks for real ones.
    public init(
        roles: [Role], tables: [Table], missing: [DatabaseRight] = [], additional: [DatabaseRight] = []
    ) {
        self.roles = roles
        self.tables = tables
        self.missing = missing
        self.additional = additional
    }
}

extension PostgresStore {
    /// Roles, rights and row-level security. Any role may ask.
    /// - Parameter applied: numbers of the migrations whose grants should be there.
    public func accessFacts(applied: Set<Int32>) async throws(StageFailure) -> AccessFacts {
        try await withConnection { (connection) async throws(StageFailure) in
            let roles = try await connection.roles()
            let tables = try await connection.guardedTables()
            let actual = try await connection.rights()
            let granted = GrantedRights(Migration.all.filter { applied.contains($0.number) }.map(\.sql)).rights
            return AccessFacts(
                roles: roles, tables: tables, missing: granted.subtracting(actual).sorted(),
                additional: actual.subtracting(granted).sorted())
        }
    }
}

extension PostgresConnection {
    fileprivate func roles() async throws(StageFailure) -> [AccessFacts.Role] {
        let rows = try await rows(
            """
            SELECT rolname::text AS name,
                array_remove(ARRAY[CASE WHEN NOT rolcanlogin THEN 'LOGIN' END,
                    CASE WHEN rolvaliduntil < now() THEN 'VALID UNTIL' END,
                    CASE WHEN NOT has_database_privilege(oid, current_database(), 'CONNECT')
                        THEN 'CONNECT ON DATABASE' END,
                    CASE WHEN NOT has_schema_privilege(oid, 'backup', 'USAGE') THEN 'USAGE ON SCHEMA' END], NULL) AS lacks,
                array_remove(ARRAY[CASE WHEN rolsuper THEN 'SUPERUSER' END, CASE WHEN rolbypassrls THEN 'BYPASSRLS' END,
                    CASE WHEN rolcreaterole THEN 'CREATEROLE' END, CASE WHEN rolcreatedb THEN 'CREATEDB' END,
                    CASE WHEN rolreplication THEN 'REPLICATION' END,
                    CASE WHEN has_schema_privilege(oid, 'backup', 'CREATE') THEN 'CREATE ON SCHEMA' END], NULL) AS powers,
                ARRAY(SELECT g.rolname::text FROM pg_catalog.pg_auth_members m
                    JOIN pg_catalog.pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid
                    -- The operator may take on the staff's role, and has nothing of it before.
                    AND NOT (g.rolname = $2 AND r.rolname = 'entra_backup_operator' AND NOT r.rolinherit)
                    ORDER BY 1) AS member_of
            FROM pg_catalog.pg_roles r WHERE rolname = ANY ($1) ORDER BY 1
            """, [.textArray(Installation.roles.map { "entra_backup_\($0)" }), .text(Installation.staff)])
        return try decoded { () throws(PostgresError) in
            try rows.map { (row) throws(PostgresError) in
                AccessFacts.Role(
                    name: try row.text("name"), lacks: try row.textArray("lacks"), powers: try row.textArray("powers"),
                    memberOf: try row.textArray("member_of"))
            }
        }
    }

    fileprivate func guardedTables() async throws(StageFailure) -> [AccessFacts.Table] {
        let tables = try await rows(
            """
            SELECT relname::text AS name, pg_get_userbyid(relowner)::text AS owner, relrowsecurity, relforcerowsecurity,
                EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id'
                    AND NOT a.attisdropped) AS has_tenant
            FROM pg_catalog.pg_class c
            WHERE relnamespace = 'backup'::regnamespace AND relkind IN ('r', 'p') ORDER BY 1
            """)
        let policies = try await rows(
            """
            SELECT tablename::text AS name, policyname::text AS policy, roles::text[] AS roles,
                permissive = 'PERMISSIVE' AS permissive, cmd = 'ALL' AND with_check IS NULL AND coalesce(qual, '')
                    = '(tenant_id = ( SELECT backup.current_tenant() AS current_tenant))' AS of_the_tenant
            FROM pg_catalog.pg_policies WHERE schemaname = 'backup' ORDER BY 1, 2
            """)
        return try decoded { () throws(PostgresError) in
            var byTable: [String: [AccessFacts.Policy]] = [:]
            for row in policies {
                byTable[try row.text("name"), default: []].append(
                    AccessFacts.Policy(
                        name: try row.text("policy"), roles: try row.textArray("roles"),
                        isOfTheTenant: try row.bool("of_the_tenant"), isPermissive: try row.bool("permissive")))
            }
            return try tables.map { (row) throws(PostgresError) in
                let name = try row.text("name")
                return AccessFacts.Table(
                    name: name, owner: try row.text("owner"), hasTenant: try row.bool("has_tenant"),
                    isGuarded: try row.bool("relrowsecurity"), isForced: try row.bool("relforcerowsecurity"),
                    policies: byTable[name] ?? [])
            }
        }
    }

    /// Every right in the schema but the owner's own. Those on columns are named with the column.
    fileprivate func rights() async throws(StageFailure) -> Set<DatabaseRight> {
        let rows = try await rows(
            """
            WITH objects AS (
                SELECT relname::text AS name, relowner AS owner, relacl AS acl, NULL::text AS attribute
                    FROM pg_catalog.pg_class
                    WHERE relnamespace = 'backup'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S')
                UNION ALL
                SELECT relname::text, relowner, attacl, attname::text FROM pg_catalog.pg_class c
                    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
                    WHERE relnamespace = 'backup'::regnamespace AND attacl IS NOT NULL
                UNION ALL
                SELECT proname || '()', proowner, coalesce(proacl, acldefault('f', proowner)), NULL
                    FROM pg_catalog.pg_proc WHERE pronamespace = 'backup'::regnamespace)
            SELECT coalesce(r.rolname::text, 'PUBLIC') AS role, o.name,
                a.privilege_type || coalesce('(' || o.attribute || ')', '') AS privilege
            FROM objects o, aclexplode(o.acl) a LEFT JOIN pg_catalog.pg_roles r ON r.oid = a.grantee
            WHERE a.grantee <> o.owner
            """)
        return try decoded { () throws(PostgresError) in
            Set(
                try rows.map { (row) throws(PostgresError) in
                    DatabaseRight(
                        role: try row.text("role"), object: try row.text("name"), privilege: try row.text("privilege"))
                })
        }
    }
}
