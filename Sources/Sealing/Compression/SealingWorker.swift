import CZstd
import Crypto
import Foundation
import Synchronization

/// What one call of seal or open needs besides keys: zstd contexts, scratch memory and random bytes for nonces.
///
/// `@unchecked Sendable`: a worker belongs to one call at a time; ``SealingWorkerPool``'s lock hands it over.
final class SealingWorker: @unchecked Sendable {
    /// Measured on pages of half a megabyte: level 3 takes half as long again and leaves as much, negative levels save a
    /// sixth and leave half as much again.
    private static let level: Int32 = 1

    private let compressor: OpaquePointer
    private let decompressor: OpaquePointer
    private var scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 16384, alignment: 16)
    private let random = UnsafeMutableRawBufferPointer.allocate(byteCount: 252, alignment: 4)
    private var randomUsed = 252

    /// Nil only if memory is used up.
    init?() {
        guard let compressor = ZSTD_createCCtx(), let decompressor = ZSTD_createDCtx() else { return nil }
        self.compressor = compressor
        self.decompressor = decompressor
        // A dictionary brings its own level.
        ZSTD_CCtx_setParameter(compressor, ZSTD_c_compressionLevel, Self.level)
        // Our header names the dictionary, and AES-GCM finds every altered bit.
        ZSTD_CCtx_setParameter(compressor, ZSTD_c_dictIDFlag, 0)
        ZSTD_CCtx_setParameter(compressor, ZSTD_c_checksumFlag, 0)
    }

    deinit {
        ZSTD_freeCCtx(compressor)
        ZSTD_freeDCtx(decompressor)
        scratch.deallocate()
        random.deallocate()
    }

    /// Whether large payloads have left the worker with so much memory that it should go back to the system.
    var isLarge: Bool {
        scratch.count > 1 << 20
            && scratch.count + ZSTD_sizeof_CCtx(compressor) + ZSTD_sizeof_DCtx(decompressor) > 8 << 20
    }

    /// The compressed bytes, valid until the next call; nil if they would not be fewer.
    func compress(
        _ plain: UnsafeRawBufferPointer, dictionary: ZstdDictionary?
    ) -> UnsafeRawBufferPointer? {
        let bound = ZSTD_compressBound(plain.count)
        guard ZSTD_isError(bound) == 0 else { return nil }
        if scratch.count < bound {
            scratch.deallocate()
            scratch = .allocate(byteCount: bound, alignment: 16)
        }
        ZSTD_CCtx_refCDict(compressor, dictionary?.compressing)
        let count = ZSTD_compress2(compressor, scratch.baseAddress, scratch.count, plain.baseAddress, plain.count)
        guard ZSTD_isError(count) == 0, count < plain.count else { return nil }
        return UnsafeRawBufferPointer(rebasing: scratch[..<count])
    }

    /// Exactly `count` bytes out of a frame; nil if the frame is damaged, of another length or of another dictionary.
    func decompress(
        _ frame: UnsafeRawBufferPointer, count: Int, dictionary: ZstdDictionary?
    ) -> [UInt8]? {
        var result = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            result = ZSTD_decompress_usingDDict(
                decompressor, buffer.baseAddress, count, frame.baseAddress, frame.count, dictionary?.decompressing)
            initialized = result == count ? count : 0
        }
        return result == count ? bytes : nil
    }

    /// A nonce of twelve random bytes that were never given out before.
    ///
    /// The kernel is asked for 21 nonces at once: a call for each would take as long as encrypting a small object.
    func makeNonce() throws -> AES.GCM.Nonce {
        if randomUsed == random.count {
            // Fails only on a kernel without the call (https://man7.org/linux/man-pages/man3/getentropy.3.html).
            guard getentropy(random.baseAddress, random.count) == 0 else { return AES.GCM.Nonce() }
            randomUsed = 0
        }
        defer { randomUsed += 12 }
        return try AES.GCM.Nonce(data: UnsafeRawBufferPointer(rebasing: random[randomUsed..<randomUsed + 12]))
    }
}

/// Workers at rest, shared by the sealers of all tenants: as many as calls ever ran at once.
final class SealingWorkerPool: Sendable {
    static let shared = SealingWorkerPool()

    private static let mostIdle = 16

    private let idle = Mutex<[SealingWorker]>([])

    /// Runs `body` with a worker of its own; nil in its place only if memory is used up.
    func withWorker<Result, Failure: Error>(
        _ body: (SealingWorker?) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let worker = idle.withLock { $0.popLast() } ?? SealingWorker()
        defer {
            if let worker, !worker.isLarge {
                idle.withLock { if $0.count < Self.mostIdle { $0.append(worker) } }
            }
        }
        return try body(worker)
    }
}
