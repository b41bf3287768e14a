import BackupContracts
import BackupModel
import LibPQ
import Sealing

/// Some of an object's own attributes, without its links and children: all that searches look at.
struct StoredAttributes {
    var type: ObjectType
    var document: ObjectDocument
}

/// Opens rows of type, object, digest and payload, in this order of columns.
struct AttributesReader {
    let keys: OpenedKeys
    /// The attributes that are read of every object, beside those that name it.
    let names: [String]

    /// Calls `body` with what each row holds, until it returns false.
    func read(_ rows: PostgresRows, _ body: (StoredAttributes) -> Bool) throws(AccountError) {
        do throws(StageFailure) {
            var reading: (type: ObjectType, names: [String])?
            for row in rows {
                let number = try decoded { () throws(PostgresError) in UInt16(bitPattern: try row.int16(0)) }
                if reading?.type.number != number {
                    reading = Catalogue.current[number].map { ($0, Array(Set(namingAttributes(of: $0) + names))) }
                }
                guard let (type, names) = reading else { continue }
                guard body(try attributes(type, names, row)) else { return }
            }
        } catch {
            throw AccountError(error)
        }
    }

    private func namingAttributes(of type: ObjectType) -> [String] {
        ["id", type.idAttribute] + type.displayNameFrom
    }

    private func attributes(_ type: ObjectType, _ names: [String], _ row: PostgresRow) throws(StageFailure)
        -> StoredAttributes
    {
        let (object, digest, isMissing) = try decoded { () throws(PostgresError) in
            (try row.objectKey(1), try row.bytes(2), try row.isNull(3))
        }
        guard !isMissing else { throw StageFailure(.storedDataDamaged, "A content of \(type.name) is missing.") }
        let plain: [UInt8]
        do {
            plain = try row.withBytes(3) { try keys.sealer.open($0, type: type.number, digest: digest) }
        } catch let error as SealingError {
            throw StageFailure(sealed: error, "A content of \(type.name) could not be opened")
        } catch {
            throw StageFailure(.schemaMismatch, "A content of \(type.name) could not be read: \(error)")
        }
        guard let attributes = try? JSONObject(parsing: plain, names: names) else {
            throw StageFailure(.storedDataDamaged, "A content of \(type.name) is no JSON object.")
        }
        return StoredAttributes(
            type: type,
            document: ObjectDocument(
                type: type.name, id: keys.id(of: object, type) { attributes[$0]?.string }, attributes: attributes))
    }
}
