import Crypto
public import Foundation

/// Seals and opens the contents of one tenant: compresses, then encrypts with AES-256-GCM under the tenant's newest
/// data key.
///
/// What is sealed is bound to its tenant, and a payload to its type and digest besides, a blob to its purpose and
/// context, so that a row moved to another place does not open. Any altered bit is found.
///
/// May be used by any number of tasks at once. A call takes a few microseconds for a small object and never suspends.
///
/// Nonces are random. A data key is good for 2^32 payloads and as many blobs (NIST SP 800-38D, 8.3);
/// ``TenantKeys/addingDataKey()`` has to be called well before. Nothing is counted here: many programs seal for
/// one tenant, so only the rows in the database tell.
public struct PayloadSealer: Sendable, Unprintable {
    /// The most bytes that can be sealed in one piece: 256 MiB.
    public static let largestPlain = 256 << 20

    /// Whose contents are sealed.
    public let tenant: UUID
    private let currentDataKey: UInt16
    /// Keys for payloads and keys for blobs by data key. They differ, so that neither can be passed off as the other.
    private let payloadKeys: Keys
    private let blobKeys: Keys
    private let encodings: @Sendable (PayloadKind) -> UInt8

    private struct Keys {
        let current: SymmetricKey
        let all: [UInt16: SymmetricKey]

        init(_ keys: TenantKeys, purpose: String) {
            all = keys.dataKeys.mapValues { $0.derived(for: purpose, tenant: keys.tenant) }
            current = all[keys.currentDataKey] ?? keys.newestDataKey.derived(for: purpose, tenant: keys.tenant)
        }
    }

    /// A sealer with the tenant's keys. Derives two keys for each data key: some 10 µs, so keep the sealer.
    public init(_ keys: TenantKeys) {
        self.init(keys, encodings: \.encoding)
    }

    /// For tests, which seal as an older release did.
    init(_ keys: TenantKeys, encodings: @escaping @Sendable (PayloadKind) -> UInt8) {
        tenant = keys.tenant
        currentDataKey = keys.currentDataKey
        payloadKeys = Keys(keys, purpose: "entra-backup payload key 1")
        blobKeys = Keys(keys, purpose: "entra-backup blob key 1")
        self.encodings = encodings
    }

    // MARK: - Payloads

    /// Seals the canonical bytes of one content.
    ///
    /// - Parameters:
    ///   - plain: The content, at most ``largestPlain`` bytes.
    ///   - type: The number of its object type.
    ///   - digest: Its digest, 32 bytes.
    ///   - kind: What it is likely to hold, by which the dictionary is chosen.
    /// - Returns: At most 36 bytes more than the content.
    /// - Throws: `tooLarge` or `noMemory`.
    public func seal(
        _ plain: UnsafeRawBufferPointer, type: UInt16, digest: [UInt8], kind: PayloadKind
    ) throws(SealingError) -> [UInt8] {
        try seal(plain, kind, payloadKeys) { Self.bind(type, digest, to: &$0) }
    }

    /// The content out of what `seal` made, given the same type and digest.
    public func open(
        _ sealed: UnsafeRawBufferPointer, type: UInt16, digest: [UInt8]
    ) throws(SealingError) -> [UInt8] {
        try open(sealed, payloadKeys) { Self.bind(type, digest, to: &$0) }
    }

    // MARK: - Blobs

    /// Seals bytes that have no digest: pages, cursors, credentials, lists of sightings.
    ///
    /// - Parameters:
    ///   - plain: The bytes, at most ``largestPlain``.
    ///   - purpose: What they are for, such as `page`. Fixed for ever by whoever uses it.
    ///   - context: What names their place, such as job and ordinal. Opening needs the same.
    ///   - kind: What they are likely to hold, by which the dictionary is chosen.
    /// - Returns: At most 36 bytes more than the bytes.
    /// - Throws: `tooLarge` or `noMemory`.
    public func sealBlob(
        _ plain: UnsafeRawBufferPointer, purpose: String, context: [UInt8], kind: PayloadKind = .none
    ) throws(SealingError) -> [UInt8] {
        try seal(plain, kind, blobKeys) { Self.bind(purpose, context, to: &$0) }
    }

    /// The bytes out of what `sealBlob` made, given the same purpose and context.
    public func openBlob(
        _ sealed: UnsafeRawBufferPointer, purpose: String, context: [UInt8]
    ) throws(SealingError) -> [UInt8] {
        try open(sealed, blobKeys) { Self.bind(purpose, context, to: &$0) }
    }

    // MARK: - Both

    private func seal(
        _ plain: UnsafeRawBufferPointer, _ kind: PayloadKind, _ keys: Keys, bind: (inout [UInt8]) -> Void
    ) throws(SealingError) -> [UInt8] {
        guard plain.count <= Self.largestPlain else {
            throw SealingError(.tooLarge, "\(plain.count) bytes cannot be sealed in one piece.")
        }
        return try SealingWorkerPool.shared.withWorker { (worker) throws(SealingError) in
            guard let worker else { throw SealingError(.noMemory, "There is no memory to compress in.") }
            let encoding = encodings(kind)
            let compressed =
                encoding == PayloadHeader.stored
                ? nil : worker.compress(plain, dictionary: ZstdDictionary[encoding])
            let header = PayloadHeader(
                encoding: compressed == nil ? PayloadHeader.stored : encoding, dataKey: currentDataKey,
                plainCount: UInt32(plain.count))
            let associated = associatedData(header, bind: bind)
            do {
                let box = try AES.GCM.seal(
                    compressed ?? plain, using: keys.current, nonce: worker.makeNonce(), authenticating: associated)
                return Self.joined(associated, box)
            } catch {
                throw SealingError(.noMemory, "The cipher failed.", cause: error)
            }
        }
    }

    private func open(
        _ sealed: UnsafeRawBufferPointer, _ keys: Keys, bind: (inout [UInt8]) -> Void
    ) throws(SealingError) -> [UInt8] {
        let header = try PayloadHeader(reading: sealed)
        let dictionary = ZstdDictionary[header.encoding]
        guard dictionary != nil || header.encoding <= PayloadHeader.zstdWithoutDictionary else {
            throw SealingError(.unknownDictionary, "This release lacks dictionary \(header.encoding). Run a newer one.")
        }
        guard let key = keys.all[header.dataKey] else {
            throw SealingError(.unknownKey, "The tenant's keys lack data key \(header.dataKey). Read them again.")
        }
        let body = try authenticated(sealed, key, associatedData(header, bind: bind))
        if header.encoding == PayloadHeader.stored, body.count == Int(header.plainCount) { return Array(body) }
        guard header.encoding != PayloadHeader.stored, header.plainCount <= Self.largestPlain else {
            throw Self.unreadable
        }
        return try SealingWorkerPool.shared.withWorker { (worker) throws(SealingError) in
            guard let worker else { throw SealingError(.noMemory, "There is no memory to decompress in.") }
            let plain = body.withUnsafeBytes {
                worker.decompress($0, count: Int(header.plainCount), dictionary: dictionary)
            }
            guard let plain else { throw Self.unreadable }
            return plain
        }
    }

    private func authenticated(
        _ sealed: UnsafeRawBufferPointer, _ key: SymmetricKey, _ associated: [UInt8]
    ) throws(SealingError) -> Data {
        do {
            let box = try AES.GCM.SealedBox(
                combined: UnsafeRawBufferPointer(rebasing: sealed[PayloadHeader.byteCount...]))
            return try AES.GCM.open(box, using: key, authenticating: associated)
        } catch {
            throw SealingError(
                .wrongTenantOrType,
                "The payload was altered, or sealed for another tenant, type or place. Check the storage below.",
                cause: error)
        }
    }

    /// Header, tenant and binding.
    private func associatedData(_ header: PayloadHeader, bind: (inout [UInt8]) -> Void) -> [UInt8] {
        var bytes = [UInt8]()
        bytes.reserveCapacity(64)
        header.append(to: &bytes)
        bytes.append(tenant)
        bind(&bytes)
        return bytes
    }

    private static func bind(_ type: UInt16, _ digest: [UInt8], to bytes: inout [UInt8]) {
        bytes.append(bigEndian: type)
        bytes += digest
    }

    private static func bind(_ purpose: String, _ context: [UInt8], to bytes: inout [UInt8]) {
        bytes.append(bigEndian: UInt32(purpose.utf8.count))
        bytes += purpose.utf8
        bytes += context
    }

    /// The header, which the associated data begin with, then nonce, ciphertext and tag.
    private static func joined(_ associated: [UInt8], _ box: AES.GCM.SealedBox) -> [UInt8] {
        var bytes = [UInt8]()
        let combined = box.combined ?? Data()
        bytes.reserveCapacity(PayloadHeader.byteCount + combined.count)
        bytes += associated[..<PayloadHeader.byteCount]
        combined.withUnsafeBytes { bytes.append(contentsOf: $0) }
        return bytes
    }

    private static let unreadable = SealingError(
        .damaged, "The payload is authentic but cannot be decompressed: it was damaged before it was sealed.")
}
