import BackupContracts
import BackupModel
import Crypto
import Foundation
import LibPQ
import Sealing

/// A document as the store has it, with its place in the object's history.
struct StoredText {
    var key: ObjectKey
    var document: DocumentText
    var version: VersionStamp
}

/// Puts facets and links together to documents.
struct DocumentAssembly {
    let type: ObjectType
    let keys: OpenedKeys
    private var lastSeen = (at: PostgresTimestamp.negativeInfinity, text: "")

    init(type: ObjectType, keys: OpenedKeys) {
        self.type = type
        self.keys = keys
    }

    /// - Parameters:
    ///   - facets: columns of ``PostgresConnection/facetColumns``, by object and facet.
    ///   - links: object, relationship, target, first snapshot and the one after the last, in this order.
    mutating func assemble(_ facets: Slice<PostgresRows>, _ links: PostgresRows) throws(StageFailure) -> [StoredText] {
        do {
            return try documents(facets, links)
        } catch let error as StageFailure {
            throw error
        } catch let error as PostgresError {
            throw StageFailure(decoding: error)
        } catch {
            throw StageFailure(.storedDataDamaged, "A stored content of \(type.name) is not as it is written: \(error)")
        }
    }

    private mutating func documents(_ facets: Slice<PostgresRows>, _ links: PostgresRows) throws -> [StoredText] {
        var documents: [StoredText] = []
        var index = facets.startIndex
        var link = 0
        while index < facets.endIndex {
            let object = try facets[index].objectKey(0)
            var end = index + 1
            while end < facets.endIndex, try facets[end].objectKey(0) == object { end += 1 }
            while link < links.count, try links[link].objectKey(0) < object { link += 1 }
            var linkEnd = link
            while linkEnd < links.count, try links[linkEnd].objectKey(0) == object { linkEnd += 1 }
            if let document = try document(object, facets[index..<end], links[link..<linkEnd]) {
                documents.append(document)
            }
            index = end
            link = linkEnd
        }
        return documents
    }

    /// Nil when there are no attributes: what is left of an object that is gone.
    private mutating func document(_ object: ObjectKey, _ facets: Slice<PostgresRows>, _ links: Slice<PostgresRows>)
        throws -> StoredText?
    {
        var interval = VersionInterval()
        var hash = SHA256()
        var attributes: CanonicalObject?
        var children: [DocumentText.Children] = []
        var seenAt = ""
        for row in facets {
            let facet = UInt16(bitPattern: try row.int16(1))
            let text = try open(row, &hash)
            try interval.narrow(from: try row.int32(2), to: try row.int32(3))
            if facet == 0 {
                attributes = CanonicalObject(text)
                seenAt = self.text(of: try row.timestamp(4))
            } else if let relationship = type.relationships.first(where: { $0.number == facet }) {
                children.append((relationship.name, text))
            }
        }
        guard let attributes else { return nil }
        let targets = try targets(links, &interval, &hash)
        let digest = hash.finalize().withUnsafeBytes { BackupModel.Digest(loading: $0, at: 0) }
        return StoredText(
            key: object,
            document: try DocumentText(
                type: type.name, attributes: attributes, links: targets, children: children,
                id: { own in keys.id(of: object, type) { $0 == "id" ? own : attributes.text($0) } }),
            version: VersionStamp(digest: digest, from: interval.from, to: interval.to, seenAt: seenAt))
    }

    private func targets(_ links: Slice<PostgresRows>, _ interval: inout VersionInterval, _ hash: inout SHA256) throws
        -> [DocumentText.Links]
    {
        var targets: [DocumentText.Links] = []
        var number: Int16?
        // A relationship that this version does not know is digested all the same, and not shown.
        var isKnown = false
        for row in links {
            let next = try row.int16(1)
            // Each target with its relationship, always as many bytes: what one is to the object belongs to the digest.
            withUnsafeBytes(of: next.bigEndian) { hash.update(bufferPointer: $0) }
            try interval.narrow(from: try row.int32(3), to: try row.int32(4))
            let target = try row.objectKey(2)
            target.withBytes { hash.update(bufferPointer: $0) }
            if next != number {
                number = next
                let relationship = type.relationships.first { $0.number == UInt16(bitPattern: next) }
                isKnown = relationship != nil
                if let relationship { targets.append((relationship.name, [])) }
            }
            if isKnown { targets[targets.count - 1].targets.append(target) }
        }
        return targets
    }

    private func open(_ row: PostgresRow, _ hash: inout SHA256) throws -> [UInt8] {
        let digest = try row.bytes(5)
        hash.update(data: digest)
        guard try !row.isNull(6) else {
            throw StageFailure(.storedDataDamaged, "A content of \(type.name) is missing.")
        }
        do {
            return try row.withBytes(6) { try keys.sealer.open($0, type: type.number, digest: digest) }
        } catch let error as SealingError {
            throw StageFailure(sealed: error, "A content of \(type.name) could not be opened")
        }
    }

    /// Objects of one page have one time.
    private mutating func text(of time: PostgresTimestamp) -> String {
        if time != lastSeen.at { lastSeen = (time, Timestamps.text(time.date)) }
        return lastSeen.text
    }
}

extension OpenedKeys {
    /// The id as Graph gives it; where that is no GUID it stands in the content, and a singleton without one has its
    /// type's name.
    /// - Parameter text: the attribute of that name, when it is a text.
    func id(of object: ObjectKey, _ type: ObjectType, _ text: (String) -> String?) -> String {
        if let id = text("id") { return id }
        if type.idAttribute != "id", let id = text(type.idAttribute) { return id }
        return type.shape == .singleton && object == objectKey(type: type.number, id: type.name)
            ? type.name : object.description
    }
}

/// The snapshots over which all parts of a document stay as they are.
private struct VersionInterval {
    var from: SnapshotNumber = 0
    private var end: SnapshotNumber = .max

    var to: SnapshotNumber? { end == .max ? nil : end }

    mutating func narrow(from: SnapshotNumber, to: SnapshotNumber) {
        self.from = max(self.from, from)
        end = min(end, to)
    }
}

enum Timestamps {
    static func text(_ date: Date) -> String {
        date.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }
}
