import BackupModel
import Foundation
import Testing

/// What must hold after whatever happened to the processes.
enum PipelineCheck {
    /// The newest snapshot is what the tenant is.
    ///
    /// - Parameter countsExtensions: whether directory extensions count. Long churn takes definitions away and brings
    ///   them back: the simulator keeps values without a definition, which nobody can select any more.
    static func newestEqualsTruth(
        _ installation: TestInstallation, _ what: String, countsExtensions: Bool = true
    ) throws {
        var snapshot = try TenantPicture.snapshot(nil, installation)
        var truth = try TenantPicture.truth(installation)
        if !countsExtensions {
            snapshot.dropExtensions()
            truth.dropExtensions()
        }
        let differences = snapshot.differences(from: truth)
        #expect(differences.isEmpty, "\(what): \(differences.joined(separator: "; "))")
    }

    /// No version doubled, no message left, nothing parked, no job unfinished.
    ///
    /// - Parameter seconds: for the messages to be consumed.
    static func nothingIsLeft(_ installation: TestInstallation, seconds: Double = 150) throws {
        #expect(try installation.sql("SELECT count(*) FROM backup.dead_letters") == "0", "nothing is parked")
        for (table, key) in [
            ("object_versions", "tenant_id, type, object_id, facet"),
            ("link_versions", "tenant_id, type, object_id, relationship, target_id"),
        ] {
            let doubled = try installation.sql(
                """
                SELECT count(*) FROM (SELECT FROM backup.\(table) WHERE to_snapshot = 2147483647
                    GROUP BY \(key) HAVING count(*) > 1) d
                """)
            #expect(doubled == "0", "no version of \(table) is doubled")
        }
        try installation.eventually("all messages are consumed", seconds: seconds) {
            try installation.sql("SELECT count(*) FROM backup.messages") == "0"
        }
        #expect(try installation.sql("SELECT count(*) FROM backup.pages") == "0")
        #expect(try installation.sql("SELECT count(*) FROM backup.jobs WHERE state <> 'succeeded'") == "0")
        let snapshots = try installation.sql("SELECT count(*) = count(DISTINCT number) FROM backup.snapshots")
        #expect(snapshots == "t")
    }
}

extension TenantPicture {
    fileprivate mutating func dropExtensions() {
        for type in ["user", "group", "device"] {
            documents[type] = documents[type]?.mapValues { document in
                let kept = (document["attributes"]?.object ?? [:]).filter { !$0.name.hasPrefix("extension_") }
                return [
                    "attributes": .object(JSONObject(kept.map { ($0.name, $0.value) })),
                    "links": document["links"] ?? .null, "children": document["children"] ?? .null,
                ]
            }
        }
    }
}
