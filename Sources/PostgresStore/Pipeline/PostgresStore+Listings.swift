import BackupContracts
import BackupModel
import Foundation
import LibPQ

import struct Crypto.SHA256

// A complete listing that says what the one before it said has nothing to settle, when the collection is as that one
// left it. What a listing says is the sum over its pages; which one left the collection as it is stands with the newest
// snapshot, and is passed on from snapshot to snapshot until a round changes the collection.

extension PostgresConnection {
    /// The sum of a complete listing whose pages are all sighted and whose settling has not begun; else `nil`.
    func listing(_ handling: Message) async throws(StageFailure) -> ListingSum? {
        let rows = try await rows(
            """
            SELECT p.listing FROM backup.collections c JOIN backup.pages p USING (tenant_id, job_id, type)
            WHERE c.tenant_id = $1 AND c.job_id = $2 AND c.type = $3 AND c.outcome = 'complete' AND c.chunks IS NULL
            """, handling.collectionKey)
        guard rows.first != nil, let type = Catalogue.current[handling.type ?? 0],
            let rules = Digest(bytes: type.settlingDigest)
        else { return nil }
        return try decoded { () throws(PostgresError) in
            var sum = ListingSum()
            // The same sightings mean the same only under the same rules.
            sum.add(rules)
            for row in rows {
                // A page without a sum is of a differ of an earlier version.
                guard let page = try row.optionalBytes(0).flatMap(ListingSum.init(bytes:)) else { return nil }
                sum.add(page)
            }
            return sum
        }
    }
}

extension ObjectType {
    /// Stands for what sightings of the type mean: raise the number when settling changes.
    fileprivate var settlingDigest: [UInt8] {
        let relationships = relationships(read: .delta).map(\.number)
        let rules = "settling 1, type \(number), incremental \(shape == .incremental), delta \(relationships)"
        return Array(SHA256.hash(data: Array(rules.utf8)))
    }
}
