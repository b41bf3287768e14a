/// What a payload is likely to hold, by which the compression dictionary is chosen.
public enum PayloadKind: Sendable {
    /// Attributes of a user, group, device, application ...: a small document of the directory.
    case directory
    /// A policy with its settings, assignments and rules.
    case policy
    /// Anything else, such as a whole page: compressed without a dictionary if that helps.
    case none
    /// Digests and keys, which no compression makes smaller: stored as they are.
    case incompressible

    /// The encoding with the newest dictionary of this kind.
    var encoding: UInt8 {
        switch self {
        case .directory: 2
        case .policy: 3
        case .none: PayloadHeader.zstdWithoutDictionary
        case .incompressible: PayloadHeader.stored
        }
    }
}

/// The first eight bytes of everything sealed, in clear and authenticated. Numbers are big-endian.
///
///     format (1) | encoding (1) | data key (2) | length of the plain bytes (4) | nonce (12) | ciphertext | tag (16)
struct PayloadHeader {
    static let byteCount = 8
    /// Header, nonce and tag: what sealing adds to the compressed bytes.
    static let overhead = byteCount + 12 + 16
    static let format: UInt8 = 1
    static let stored: UInt8 = 0
    static let zstdWithoutDictionary: UInt8 = 1

    var encoding: UInt8
    var dataKey: UInt16
    var plainCount: UInt32

    init(encoding: UInt8, dataKey: UInt16, plainCount: UInt32) {
        self.encoding = encoding
        self.dataKey = dataKey
        self.plainCount = plainCount
    }

    init(reading bytes: UnsafeRawBufferPointer) throws(SealingError) {
        guard bytes.count >= Self.overhead, bytes[0] != 0 else {
            throw SealingError(.damaged, "\(bytes.count) bytes are no sealed payload. Check the storage below.")
        }
        guard bytes[0] == Self.format else {
            throw SealingError(
                .formatNewer,
                "The payload has format \(bytes[0]); this release reads format \(Self.format). Run a newer release.")
        }
        encoding = bytes[1]
        dataKey = UInt16(bytes[2]) << 8 | UInt16(bytes[3])
        plainCount = bytes[4..<8].reduce(0) { $0 << 8 | UInt32($1) }
    }

    func append(to bytes: inout [UInt8]) {
        bytes.append(Self.format)
        bytes.append(encoding)
        bytes.append(bigEndian: dataKey)
        bytes.append(bigEndian: plainCount)
    }
}
