import Crypto
import Foundation
import Testing

@testable import Sealing

struct DictionaryTests {
    let keys = Fixtures.keys()

    @Test func `Dictionaries never change`() throws {
        // A failure here means that payloads in existing databases no longer open. Add an id; never alter a dictionary.
        let pinned = [
            (2, directoryDictionary2, "f556bd8d8d5d37695302c51aa3935adf603671cf7f96dd4d2f273374aa08c6f7"),
            (3, policyDictionary3, "78e50bdfc3ff4fd330bcc3dbd29da88e8718e3ba16045a2f52c31bbf40b5851f"),
        ]
        for (id, text, digest) in pinned {
            let bytes = try #require(Data(base64Encoded: text, options: .ignoreUnknownCharacters))
            #expect(bytes.count <= 16384)
            #expect(Array(SHA256.hash(data: bytes)).hex == digest, "dictionary \(id)")
            #expect(ZstdDictionary[UInt8(id)] != nil)
        }
        #expect(ZstdDictionary[0] == nil)
        #expect(ZstdDictionary[1] == nil)
        #expect(ZstdDictionary[255] == nil)
    }

    @Test func `A dictionary that is no longer the newest of its kind still opens`() throws {
        let older = PayloadSealer(keys) { $0 == .policy ? 2 : 3 }
        let newer = PayloadSealer(keys)
        let sealed = try older.seal(Fixtures.policy, type: 1, digest: Fixtures.digest, kind: .policy)
        #expect(sealed[1] == 2)
        #expect(try newer.open(sealed, type: 1, digest: Fixtures.digest) == Fixtures.policy)
    }

    @Test func `Each kind uses its dictionary, and it helps`() throws {
        let sealer = PayloadSealer(keys)
        func count(_ content: [UInt8], _ kind: PayloadKind, encoding: UInt8) throws -> Int {
            let sealed = try sealer.seal(content, type: 1, digest: Fixtures.digest, kind: kind)
            #expect(sealed[1] == encoding)
            return sealed.count
        }
        let user = try count(Fixtures.user, .directory, encoding: 2)
        let policy = try count(Fixtures.policy, .policy, encoding: 3)
        #expect(user * 4 < (try count(Fixtures.user, .none, encoding: 1)) * 3)
        #expect(policy * 4 < (try count(Fixtures.policy, .none, encoding: 1)) * 3)
        #expect(try count(Fixtures.noise(count: 400, seed: 2), .directory, encoding: 0) == 400 + 36)
    }

    @Test func `A frame of another dictionary or length does not decompress`() throws {
        let worker = try #require(SealingWorker())
        let dictionary = try #require(ZstdDictionary[2])
        let frame = try Fixtures.user.withUnsafeBytes { plain in
            Array(try #require(worker.compress(plain, dictionary: dictionary)))
        }
        frame.withUnsafeBytes { bytes in
            let count = Fixtures.user.count
            #expect(worker.decompress(bytes, count: count, dictionary: dictionary) == Fixtures.user)
            #expect(worker.decompress(bytes, count: count, dictionary: nil) != Fixtures.user)
            #expect(worker.decompress(bytes, count: count, dictionary: ZstdDictionary[3]) != Fixtures.user)
            #expect(worker.decompress(bytes, count: count - 1, dictionary: dictionary) == nil)
            #expect(worker.decompress(bytes, count: count + 1, dictionary: dictionary) == nil)
        }
    }
}
