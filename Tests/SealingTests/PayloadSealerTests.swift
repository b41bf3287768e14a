import Foundation
import Testing

@testable import Sealing

struct PayloadSealerTests {
    let sealer = PayloadSealer(Fixtures.keys())

    static let contents: [[UInt8]] = [
        [], [0], Array("{}".utf8), Fixtures.user, Fixtures.policy,
        Fixtures.noise(count: 5_000, seed: 1), Array(repeating: 0x20, count: 3_000_000),
        (0..<2_000).flatMap { _ in Fixtures.user },
    ]

    @Test(arguments: contents, [PayloadKind.directory, .policy, .none, .incompressible])
    func `What was sealed opens again`(content: [UInt8], kind: PayloadKind) throws {
        let sealed = try sealer.seal(content, type: 7, digest: Fixtures.digest, kind: kind)
        #expect(try sealer.open(sealed, type: 7, digest: Fixtures.digest) == content)
        #expect(sealed.count <= content.count + PayloadHeader.overhead)
    }

    @Test func `The same content gives other bytes each time and shows no text`() throws {
        let first = try sealer.seal(Fixtures.user, type: 7, digest: Fixtures.digest, kind: .directory)
        let second = try sealer.seal(Fixtures.user, type: 7, digest: Fixtures.digest, kind: .directory)
        #expect(first != second)
        for text in ["Anna", "Lopez", "Neustadt", "displayName"] {
            #expect(Data(first).range(of: Data(text.utf8)) == nil)
        }
    }

    @Test func `Nonces never repeat`() throws {
        let nonces = try (0..<5_000).map { _ in
            try sealer.seal([1], type: 1, digest: Fixtures.digest, kind: .none)[8..<20]
        }
        #expect(Set(nonces).count == nonces.count)
    }

    @Test(arguments: [PayloadKind.directory, .policy, .none, .incompressible])
    func `Every flipped bit is found`(kind: PayloadKind) throws {
        let sealed = try sealer.seal(Fixtures.user, type: 7, digest: Fixtures.digest, kind: kind)
        var opened: [Int] = []
        for bit in 0..<sealed.count * 8 {
            var altered = sealed
            altered[bit / 8] ^= 1 << (bit % 8)
            if sealingErrorCode({ _ = try sealer.open(altered, type: 7, digest: Fixtures.digest) }) == nil {
                opened.append(bit)
            }
        }
        #expect(opened.isEmpty, "these bits were missed: \(opened)")
    }

    @Test func `Every cut is found`() throws {
        let sealed = try sealer.seal(Fixtures.user, type: 7, digest: Fixtures.digest, kind: .directory)
        for count in 0..<sealed.count {
            let cut = Array(sealed[..<count])
            #expect(sealingErrorCode { _ = try sealer.open(cut, type: 7, digest: Fixtures.digest) } != nil)
        }
        #expect(throws: SealingError.self) { try sealer.open(sealed + [0], type: 7, digest: Fixtures.digest) }
    }

    @Test func `Another tenant, type, digest or key does not open`() throws {
        let sealed = try sealer.seal(Fixtures.user, type: 7, digest: Fixtures.digest, kind: .directory)
        let foreign = PayloadSealer(Fixtures.keys(for: Fixtures.otherTenant))
        let unrelated = PayloadSealer(.generate(for: Fixtures.tenant))
        var digest = Fixtures.digest
        digest[31] ^= 1
        let attempts: [() throws -> [UInt8]] = [
            { try foreign.open(sealed, type: 7, digest: Fixtures.digest) },
            { try unrelated.open(sealed, type: 7, digest: Fixtures.digest) },
            { try sealer.open(sealed, type: 8, digest: Fixtures.digest) },
            { try sealer.open(sealed, type: 7, digest: digest) },
            { try sealer.openBlob(sealed, purpose: "", context: []) },
        ]
        for attempt in attempts {
            #expect(sealingErrorCode { _ = try attempt() } == .wrongTenantOrType)
        }
    }

    @Test func `Headers that this release cannot read are named`() throws {
        let sealed = try sealer.seal(Fixtures.user, type: 7, digest: Fixtures.digest, kind: .directory)
        func code(_ index: Int, _ value: UInt8) -> SealingError.Code? {
            var altered = sealed
            altered[index] = value
            return sealingErrorCode { _ = try sealer.open(altered, type: 7, digest: Fixtures.digest) }
        }
        #expect(code(0, 2) == .formatNewer)
        #expect(code(0, 0) == .damaged)
        #expect(code(1, 99) == .unknownDictionary)
        #expect(code(3, 9) == .unknownKey)
        #expect(code(1, 0) == .wrongTenantOrType)
        #expect(sealingErrorCode { _ = try sealer.open([], type: 7, digest: Fixtures.digest) } == .damaged)
    }

    @Test func `After a rotation old payloads open and new ones name the new key`() throws {
        let old = try sealer.seal(Fixtures.user, type: 7, digest: Fixtures.digest, kind: .directory)
        let rotated = PayloadSealer(try Fixtures.keys().addingDataKey())
        #expect(try rotated.open(old, type: 7, digest: Fixtures.digest) == Fixtures.user)

        let new = try rotated.seal(Fixtures.user, type: 7, digest: Fixtures.digest, kind: .directory)
        #expect(new[2...3] == [0, 2])
        #expect(sealingErrorCode { _ = try sealer.open(new, type: 7, digest: Fixtures.digest) } == .unknownKey)
    }

    @Test func `Too much is refused`() {
        // Never read: the size is checked first.
        let bytes = UnsafeRawBufferPointer(
            start: UnsafeRawPointer(bitPattern: 4096), count: PayloadSealer.largestPlain + 1)
        #expect(
            sealingErrorCode { _ = try sealer.seal(bytes, type: 1, digest: Fixtures.digest, kind: .none) } == .tooLarge)
    }

    @Test func `Calls at the same time have workers of their own, which are used again`() {
        let pool = SealingWorkerPool()
        /// The workers of three nested calls.
        func nested() -> [ObjectIdentifier?] {
            pool.withWorker { first in
                pool.withWorker { second in
                    pool.withWorker { third in [first, second, third].map { $0.map(ObjectIdentifier.init) } }
                }
            }
        }
        let workers = Set(nested())
        #expect(workers.count == 3)
        #expect(!workers.contains(nil))
        for _ in 0..<3 { #expect(Set(nested()) == workers) }
    }

    @Test func `A worker that has grown large is let go`() {
        let pool = SealingWorkerPool()
        let large = Fixtures.noise(count: 9 << 20, seed: 3)
        let first = pool.withWorker { worker in
            large.withUnsafeBytes { _ = worker?.compress($0, dictionary: nil) }
            return worker
        }
        pool.withWorker { other in #expect(first != nil && other !== first) }
    }

    @Test func `Many tasks may use one sealer`() async throws {
        let contents = (0..<8).map { Fixtures.noise(count: $0 * 50, seed: UInt64($0)) + Fixtures.user }
        let good = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<16 {
                group.addTask { [sealer] in
                    var good = 0
                    for round in 0..<500 {
                        let content = contents[round % contents.count]
                        let kind: PayloadKind = round % 2 == 0 ? .directory : .policy
                        let sealed = try sealer.seal(content, type: 7, digest: Fixtures.digest, kind: kind)
                        if try sealer.open(sealed, type: 7, digest: Fixtures.digest) == content { good += 1 }
                    }
                    return good
                }
            }
            return try await group.reduce(0, +)
        }
        #expect(good == 16 * 500)
    }
}

struct BlobTests {
    let sealer = PayloadSealer(Fixtures.keys())

    @Test(arguments: ["page", "cursor", "credential", "sightings", ""])
    func `A blob opens for its purpose and context only`(purpose: String) throws {
        let sealed = try sealer.sealBlob(Fixtures.user, purpose: purpose, context: [1, 2])
        #expect(try sealer.openBlob(sealed, purpose: purpose, context: [1, 2]) == Fixtures.user)
        for (otherPurpose, context) in [(purpose + "x", [1, 2]), (purpose, [1, 3]), (purpose, [1]), (purpose, [])]
            as [(String, [UInt8])]
        {
            let code = sealingErrorCode {
                _ = try sealer.openBlob(sealed, purpose: otherPurpose, context: context)
            }
            #expect(code == .wrongTenantOrType)
        }
    }

    @Test func `Purpose and context cannot run into each other`() throws {
        let sealed = try sealer.sealBlob([1], purpose: "pageA", context: [])
        let code = sealingErrorCode {
            _ = try sealer.openBlob(sealed, purpose: "page", context: [UInt8(ascii: "A")])
        }
        #expect(code == .wrongTenantOrType)
    }

    @Test func `A blob is no payload`() throws {
        // The very same associated data: only the derived key differs.
        let digest: [UInt8] = Array("xyz".utf8)
        let sealed = try sealer.sealBlob([1], purpose: "ab", context: digest)
        let code = sealingErrorCode {
            _ = try sealer.open(sealed, type: 0, digest: [0, 2] + Array("ab".utf8) + digest)
        }
        #expect(code == .wrongTenantOrType)
    }

    @Test func `Every flipped bit of a blob is found`() throws {
        let sealed = try sealer.sealBlob(Array("a cursor".utf8), purpose: "cursor", context: [9])
        for bit in 0..<sealed.count * 8 {
            var altered = sealed
            altered[bit / 8] ^= 1 << (bit % 8)
            #expect(throws: SealingError.self) { try sealer.openBlob(altered, purpose: "cursor", context: [9]) }
        }
    }
}
