import CZstd
import Foundation

/// A compression dictionary prepared for zstd, shared by all threads.
///
/// Ids stand in payload headers and are for ever: a dictionary is never changed and never removed, a better one gets
/// a new id (see Tests/Support/dictionaries). 0 and 1 are no dictionaries but ``PayloadHeader``'s plain encodings.
///
/// `@unchecked Sendable`: immutable after `init`, and zstd reads both tables only
/// (https://facebook.github.io/zstd/zstd_manual.html, "bulk processing dictionary API").
final class ZstdDictionary: @unchecked Sendable {
    /// Measured on objects of 1 kB with a dictionary: level 1 takes 2.6 µs instead of 3.1 and leaves 5 % more, level 4
    /// gains nothing.
    static let level: Int32 = 3

    /// All dictionaries that were ever shipped, by id.
    private static let all = [nil, nil, directoryDictionary2, policyDictionary3].map {
        $0.flatMap(ZstdDictionary.init(base64:))
    }

    /// The dictionary of the given id.
    static subscript(id: UInt8) -> ZstdDictionary? {
        id < all.count ? all[Int(id)] : nil
    }

    let compressing: OpaquePointer
    let decompressing: OpaquePointer

    init?(base64: String) {
        guard let data = Data(base64Encoded: base64, options: .ignoreUnknownCharacters) else { return nil }
        let tables = data.withUnsafeBytes { bytes in
            (
                ZSTD_createCDict(bytes.baseAddress, bytes.count, Self.level),
                ZSTD_createDDict(bytes.baseAddress, bytes.count)
            )
        }
        guard let compressing = tables.0, let decompressing = tables.1 else {
            ZSTD_freeCDict(tables.0)
            ZSTD_freeDDict(tables.1)
            return nil
        }
        self.compressing = compressing
        self.decompressing = decompressing
    }

    deinit {
        ZSTD_freeCDict(compressing)
        ZSTD_freeDDict(decompressing)
    }
}
