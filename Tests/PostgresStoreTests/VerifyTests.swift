import BackupContracts
import BackupModel
import LibPQ
import PostgresStore
import Sealing
import Testing

/// Damage done by hand below the product: `verify` finds each, and says where.
@Suite(.timeLimit(.minutes(5))) struct VerifyTests {
    private static let one = ObjectKey(high: 0xA, low: 1)
    private static let two = ObjectKey(high: 0xA, low: 2)
    private static let three = ObjectKey(high: 0xA, low: 3)
    private static let link = LinkHead(object: one, relationship: Types.members, target: two)

    /// Two snapshots of groups and users; the second is the one to damage.
    private func with(_ body: (TestDatabase, TenantID) async throws -> Void) async throws {
        try await TestDatabase.with { database in
            let tenant = try await database.addTenant()
            var groups = Listing(
                [Self.one: #"{"displayName":"one"}"#, Self.two: #"{"displayName":"two"}"#], links: [Self.link])
            let users = Listing([Self.three: #"{"displayName":"three"}"#])
            try await database.backUp(tenant, [Types.group: groups, Types.user: users])
            groups.objects[Self.two] = #"{"displayName":"two, renamed"}"#
            try await database.backUp(tenant, [Types.group: groups, Types.user: users])
            for number in 1...2 {
                let report = try await database.admin.verify(tenant, SnapshotNumber(number))
                try #require(report.isSound && report.contents == 3 && report.snapshot == number)
            }
            try await body(database, tenant)
        }
    }

    private func found(_ report: VerifyReport) -> Set<String> {
        Set(report.damaged.map { "\($0.type) \($0.id) \($0.facet) \($0.reason)" })
    }

    @Test func `any byte of a content that is flipped`() async throws {
        try await with { database, tenant in
            var numbers = SeededNumbers("flipped bytes")
            let key: [PostgresValue] = [.uuid(Self.three.testUUID)]
            let size = Int(
                try await database.number("SELECT length(payload) FROM backup.contents WHERE object_id = $1", key))
            // Every byte of the header, then some of nonce, text and tag.
            for position in Array(0..<8) + (0..<24).map({ _ in Int.random(in: 8..<size, using: &numbers) }) {
                let bit = Int.random(in: 0..<8, using: &numbers)
                let flip = """
                    UPDATE backup.contents SET payload = set_bit(payload, $2, 1 - get_bit(payload, $2))
                    WHERE object_id = $1
                    """
                let place = key + [.int64(Int64(position * 8 + bit))]
                try await database.sql(flip, place)
                let report = try await database.admin.verify(tenant, 2)
                #expect(report.damaged.count == 1 && report.signatureIsValid && !report.isSound, "byte \(position)")
                let damage = try #require(report.damaged.first)
                #expect(damage.type == "user" && damage.id == Self.three.description && damage.facet == "attributes")
                try await database.sql(flip, place)
            }
            #expect(try await database.admin.verify(tenant, 2).isSound)
        }
    }

    @Test(arguments: ["''", "'\\x01'", "payload || '\\x00'", "substring(payload FROM 1 FOR length(payload) - 1)"])
    func `a content that is empty, cut or lengthened`(value: String) async throws {
        try await with { database, tenant in
            try await database.sql(
                "UPDATE backup.contents SET payload = \(value) WHERE object_id = $1", [.uuid(Self.three.testUUID)])
            let report = try await database.admin.verify(tenant, 2)
            #expect(report.damaged.map(\.id) == [Self.three.description])
        }
    }

    @Test func `a content row that is gone`() async throws {
        try await with { database, tenant in
            try await database.sql("DELETE FROM backup.contents WHERE object_id = $1", [.uuid(Self.one.testUUID)])
            for number in 1...2 {
                let report = try await database.admin.verify(tenant, SnapshotNumber(number))
                #expect(found(report) == ["group \(Self.one) attributes contentMissing"])
            }
        }
    }

    @Test func `two contents that are swapped`() async throws {
        try await with { database, tenant in
            // Both are sealed under the right key and of one type: only the digest tells them apart.
            try await database.sql(
                """
                UPDATE backup.contents c SET payload = o.payload FROM backup.contents o
                JOIN backup.object_versions v ON v.digest = o.digest AND v.to_snapshot = 2147483647
                WHERE c.type = 10 AND o.type = 10 AND c.object_id <> o.object_id
                    AND c.digest IN (SELECT digest FROM backup.object_versions WHERE to_snapshot = 2147483647)
                """)
            let report = try await database.admin.verify(tenant, 2)
            #expect(Set(report.damaged.map(\.id)) == [Self.one.description, Self.two.description])
            #expect(Set(report.damaged.map(\.type)) == ["group"])
        }
    }

    @Test func `a content of another tenant put in its place`() async throws {
        try await with { database, tenant in
            let other = try await database.addTenant()
            try await database.backUp(other, [Types.user: Listing([Self.three: #"{"displayName":"three"}"#])])
            try await database.sql(
                """
                UPDATE backup.contents c SET payload = o.payload FROM backup.contents o
                WHERE c.tenant_id = $1 AND o.tenant_id = $2 AND c.object_id = $3 AND o.object_id = $3
                """, [.uuid(tenant.uuid), .uuid(other.uuid), .uuid(Self.three.testUUID)])
            #expect(try await database.admin.verify(tenant, 2).damaged.map(\.id) == [Self.three.description])
        }
    }

    @Test func `another text, sealed as that content by one who has the tenant's keys`() async throws {
        try await with { database, tenant in
            let store = DirectoryKeyStore(path: database.keyStorePath)
            let wrapped = try await database.sql("SELECT wrapped FROM backup.tenant_keys").onlyRow().bytes(0)
            let keys = try TenantKeys.unwrap(
                wrapped, tenant: tenant.uuid, secret: try store.tenantSecret(for: tenant.uuid),
                keys: try store.keyRing())
            let digest = try await database.sql(
                "SELECT digest FROM backup.contents WHERE object_id = $1", [.uuid(Self.three.testUUID)]
            ).onlyRow().bytes(0)
            let forged = try PayloadSealer(keys).seal(
                Array(#"{"displayName":"forged"}"#.utf8), type: Types.user, digest: digest, kind: .directory)
            try await database.sql(
                "UPDATE backup.contents SET payload = $1 WHERE digest = $2", [.bytea(forged), .bytea(digest)])
            #expect(
                found(try await database.admin.verify(tenant, 2)) == ["user \(Self.three) attributes digestDiffers"])
        }
    }

    @Test func `a version that names another content`() async throws {
        try await with { database, tenant in
            // The older content of the same object: sound in itself, and not what the snapshot had.
            try await database.sql(
                """
                UPDATE backup.object_versions v SET digest = o.digest FROM backup.object_versions o
                WHERE v.object_id = $1 AND o.object_id = $1 AND v.from_snapshot = 2 AND o.from_snapshot = 1
                """, [.uuid(Self.two.testUUID)])
            #expect(
                found(try await database.admin.verify(tenant, 2)) == ["group  collection collectionDigestDiffers"])
            #expect(try await database.admin.verify(tenant, 1).isSound)
            // One that no content has.
            try await database.sql(
                "UPDATE backup.object_versions SET digest = sha256('x') WHERE object_id = $1",
                [.uuid(Self.three.testUUID)])
            #expect(
                found(try await database.admin.verify(tenant, 1)) == [
                    "user \(Self.three) attributes contentMissing", "user  collection collectionDigestDiffers",
                ])
        }
    }

    @Test(arguments: [
        "DELETE FROM backup.object_versions WHERE type = 10 AND from_snapshot = 2",
        "DELETE FROM backup.link_versions",
        "UPDATE backup.object_versions SET to_snapshot = 2 WHERE type = 10 AND to_snapshot > 2 AND from_snapshot = 1",
        "UPDATE backup.link_versions SET to_snapshot = 2",
        "UPDATE backup.link_versions SET target_id = object_id",
        """
        INSERT INTO backup.link_versions (tenant_id, object_id, target_id, from_snapshot, type, relationship)
        SELECT tenant_id, target_id, object_id, 1, 10, 1 FROM backup.link_versions
        """,
    ])
    func `versions and links that were taken away, ended, bent or added`(damage: String) async throws {
        try await with { database, tenant in
            #expect(try await database.sql(damage).affectedRows > 0)
            let report = try await database.admin.verify(tenant, 2)
            #expect(found(report) == ["group  collection collectionDigestDiffers"])
        }
    }

    @Test(arguments: [
        "UPDATE backup.snapshots SET signature = set_byte(signature, 5, 1 + get_byte(signature, 5) % 255)",
        "UPDATE backup.snapshots SET signature = (SELECT signature FROM backup.snapshots WHERE number = 1)",
        "UPDATE backup.snapshots SET signature = ''",
        "UPDATE backup.snapshots SET digest = sha256('x')",
        "UPDATE backup.snapshots SET previous_digest = NULL",
        "UPDATE backup.snapshots SET previous_digest = sha256('x')",
        "DELETE FROM backup.snapshot_collections WHERE type = 10",
    ])
    func `a snapshot's row or signature that was forged`(damage: String) async throws {
        try await with { database, tenant in
            let two = damage.contains("WHERE type") ? " AND number = 2" : " WHERE number = 2"
            #expect(try await database.sql(damage + two).affectedRows > 0)
            let report = try await database.admin.verify(tenant, 2)
            #expect(!report.signatureIsValid && !report.isSound && report.damaged == [])
            #expect(try await database.admin.verify(tenant, 1).isSound)
        }
    }

    @Test func `a collection's digest that was made to fit the damage`() async throws {
        try await with { database, tenant in
            // Whoever can write the database, and has no signing key, makes versions and digest agree.
            try await database.sql(
                "DELETE FROM backup.link_versions")
            try await database.sql(
                "UPDATE backup.snapshot_collections SET digest = sha256('x') WHERE type = 10 AND number = 2")
            let report = try await database.admin.verify(tenant, 2)
            #expect(!report.signatureIsValid)
            #expect(found(report) == ["group  collection collectionDigestDiffers"])
        }
    }

    @Test func `a snapshot signed with another installation's key`() async throws {
        try await with { database, tenant in
            var collections: [UInt16: [UInt8]] = [:]
            for row in try await database.sql("SELECT type, digest FROM backup.snapshot_collections WHERE number = 2") {
                collections[UInt16(bitPattern: try row.int16("type"))] = try row.bytes("digest")
            }
            let row = try await database.sql("SELECT digest, previous_digest FROM backup.snapshots WHERE number = 2")
                .onlyRow()
            let statement = SnapshotStatement(
                tenant: tenant.uuid, number: 2, collections: collections, previous: try row.bytes("previous_digest"))
            // The very statement that was signed, signed by a stranger.
            #expect(try row.bytes("digest") == statement.digest)
            let stranger = DirectoryKeyStore(path: database.keyStorePath + "/stranger")
            try stranger.create()
            try await database.sql(
                "UPDATE backup.snapshots SET signature = $1 WHERE number = 2",
                [.bytea(try stranger.snapshotSigner().sign(statement))])
            #expect(try await database.admin.verify(tenant, 2).signatureIsValid == false)
        }
    }

    @Test func `a snapshot that is not there has a name`() async throws {
        try await with { database, tenant in
            let code = try await failureCode { _ = try await database.admin.verify(tenant, 3) }
            #expect(code == "snapshotNotFound")
        }
    }
}
