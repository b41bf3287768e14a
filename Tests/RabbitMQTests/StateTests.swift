import Foundation
import Testing

@testable import RabbitMQ

/// A generator that gives the same numbers for the same seed.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    /// A seed for this run, printed so that a failure can be repeated.
    static func fresh(_ test: String) -> SeededGenerator {
        let seed = UInt64.random(in: .min ... .max)
        FileHandle.standardError.write(Data("\(test): seed \(seed)\n".utf8))
        return SeededGenerator(seed: seed)
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

@Suite struct ConfirmTrackerTests {
    private func tracker(_ count: Int) -> ConfirmTracker<Int> {
        var tracker = ConfirmTracker<Int>()
        for number in 0..<count { tracker.sent(number, messageID: "m\(number)") }
        return tracker
    }

    @Test func `One confirm settles one message`() {
        var tracker = tracker(3)
        expect(tracker.settle(tag: 2, multiple: false, positive: true)?.map(\.ticket) == [1])
        expect(tracker.outstanding == 2)
    }

    @Test func `A multiple confirm settles all before it that are open`() {
        var tracker = tracker(5)
        _ = tracker.settle(tag: 2, multiple: false, positive: true)
        let settled = tracker.settle(tag: 4, multiple: true, positive: false)
        #expect(settled?.map(\.ticket) == [0, 2, 3])
        #expect(settled?.allSatisfy { $0.outcome == .nacked } == true)
        expect(tracker.settle(tag: 0, multiple: true, positive: true)?.map(\.ticket) == [4])
        expect(tracker.outstanding == 0)
    }

    @Test func `A returned message is unroutable whatever follows`() {
        var tracker = tracker(3)
        expect(tracker.returned(messageID: "m0"))
        expect(tracker.returned(messageID: "m2"))
        expect(!tracker.returned(messageID: "m2"))
        expect(!tracker.returned(messageID: "other"))
        expect(tracker.settle(tag: 1, multiple: false, positive: true)?.first?.outcome == .unroutable)
        let error = RabbitMQError(.connectionLost, "gone")
        expect(tracker.abandon(error).map(\.outcome) == [.unknown(error), .unroutable])
        expect(tracker.abandon(error).isEmpty)
    }

    @Test func `Numbers that were never used are noticed`() {
        var tracker = tracker(2)
        expect(tracker.settle(tag: 3, multiple: false, positive: true) == nil)
        expect(tracker.settle(tag: 3, multiple: true, positive: true) == nil)
        expect(tracker.settle(tag: 0, multiple: false, positive: true) == nil)
        expect(tracker.settle(tag: .max, multiple: true, positive: true) == nil)
        var empty = ConfirmTracker<Int>()
        expect(empty.settle(tag: 1, multiple: false, positive: true) == nil)
        expect(empty.settle(tag: 0, multiple: true, positive: true)?.isEmpty == true)
    }

    @Test func `Any order of confirms settles every message once`() {
        var generator = SeededGenerator.fresh("confirms")
        for _ in 0..<20 {
            var tracker = ConfirmTracker<Int>()
            var settled: [Int] = []
            var sent = 0
            while settled.count < 5000 {
                if sent < 5000, Bool.random(using: &generator) {
                    tracker.sent(sent, messageID: "m")
                    sent += 1
                } else if sent > 0 {
                    let tag = UInt64.random(in: UInt64(max(1, sent - 40))...UInt64(sent), using: &generator)
                    let multiple = sent == 5000 || Int.random(in: 0..<8, using: &generator) == 0
                    settled += tracker.settle(tag: tag, multiple: multiple, positive: true)?.map(\.ticket) ?? []
                }
            }
            #expect(settled.sorted() == Array(0..<5000))
            expect(tracker.outstanding == 0)
        }
    }
}

@Suite struct SettlementLedgerTests {
    @Test func `Acknowledgements without a gap share a frame`() {
        var ledger = SettlementLedger()
        for tag: UInt64 in 1...6 { expect(ledger.received(tag)) }
        for tag: UInt64 in [3, 1, 2, 6] { expect(ledger.settle(tag, .acknowledge)) }
        expect(ledger.takeFrames() == [.acknowledge(tag: 6, multiple: false), .acknowledge(tag: 3, multiple: true)])
        expect(ledger.takeFrames().isEmpty)
        expect(!ledger.settle(3, .acknowledge))
        expect(!ledger.settle(7, .acknowledge))
        expect(!ledger.received(6))
        expect(!ledger.received(1))
        expect(ledger.settle(4, .reject(requeue: true)))
        expect(ledger.settle(5, .acknowledge))
        expect(ledger.takeFrames() == [.reject(tag: 4, requeue: true), .acknowledge(tag: 5, multiple: false)])
        expect(ledger.isEmpty)
    }

    @Test func `A tag that comes again is refused, also while its settlement waits to be sent`() {
        var ledger = SettlementLedger()
        expect(ledger.received(1))
        expect(!ledger.received(1))
        expect(ledger.settle(1, .acknowledge))
        expect(!ledger.received(1))
        #expect(ledger.takeFrames() == [.acknowledge(tag: 1, multiple: false)])
        expect(!ledger.received(1))
        expect(ledger.received(2))
    }

    @Test(arguments: [SettlementLedger.Settlement.acknowledge, .reject(requeue: true)])
    func `A settlement that waits to be sent keeps the ledger from being empty`(
        settlement: SettlementLedger.Settlement
    ) {
        var ledger = SettlementLedger()
        expect(ledger.received(1) && ledger.received(2))
        expect(ledger.settle(1, .acknowledge))
        expect(ledger.takeFrames().count == 1)
        expect(ledger.settle(2, settlement))
        expect(!ledger.isEmpty)
        expect(ledger.takeFrames().count == 1)
        expect(ledger.isEmpty)
    }

    @Test func `The frames settle exactly what was asked, as a broker reads them`() {
        var generator = SeededGenerator.fresh("settlements")
        for _ in 0..<50 {
            var ledger = SettlementLedger()
            var open: Set<UInt64> = []
            var asked: [UInt64: Bool] = [:]
            var done: [UInt64: Bool] = [:]
            var last: UInt64 = 0
            var held: Set<UInt64> = []
            for _ in 0..<600 {
                switch Int.random(in: 0..<4, using: &generator) {
                case 0, 1:
                    last += 1
                    expect(ledger.received(last))
                    open.insert(last)
                    held.insert(last)
                case 2:
                    guard let tag = held.randomElement(using: &generator) else { continue }
                    held.remove(tag)
                    let isAck = Int.random(in: 0..<4, using: &generator) > 0
                    expect(ledger.settle(tag, isAck ? .acknowledge : .reject(requeue: false)))
                    asked[tag] = isAck
                default:
                    for frame in ledger.takeFrames() {
                        switch frame {
                        case .acknowledge(let tag, let multiple):
                            // A broker closes the channel for a tag that it does not know.
                            expect(open.contains(tag))
                            for settled in open where settled == tag || (multiple && settled < tag) {
                                open.remove(settled)
                                done[settled] = true
                            }
                        case .reject(let tag, _):
                            expect(open.remove(tag) != nil)
                            done[tag] = false
                        }
                    }
                    #expect(done == asked)
                }
            }
        }
    }
}

@Suite struct ContentAssemblerTests {
    private func add(_ bytes: [UInt8], to assembler: inout ContentAssembler) throws(RabbitMQError) -> Bool {
        var result = Result<Bool, RabbitMQError>.success(false)
        bytes.withUnsafeBytes { bytes in
            do throws(RabbitMQError) { result = .success(try assembler.fragment(bytes)) } catch {
                result = .failure(error)
            }
        }
        return try result.get()
    }

    private func refused(_ body: () throws -> Void) -> Bool {
        do {
            try body()
            return false
        } catch {
            return (error as? RabbitMQError)?.code == .protocolViolation
        }
    }

    @Test func `A body comes together from its pieces`() throws {
        var assembler = ContentAssembler(maximumBodyBytes: 10)
        try assembler.announce(.returned)
        let isComplete = [
            try assembler.header(.init(messageID: "1"), bodyBytes: 5), try add([1, 2], to: &assembler),
            try add([3, 4, 5], to: &assembler),
        ]
        #expect(isComplete == [false, false, true])
        #expect(assembler.take()?.2 == [1, 2, 3, 4, 5])
        try assembler.announce(.returned)
        let emptyIsComplete = try assembler.header(.init(), bodyBytes: 0)
        #expect(emptyIsComplete)
        #expect(assembler.take()?.2 == [])
        #expect(assembler.isIdle)
    }

    @Test func `What is out of order or too large is a violation`() throws {
        var assembler = ContentAssembler(maximumBodyBytes: 10)
        #expect(refused { _ = try assembler.header(.init(), bodyBytes: 0) })
        #expect(refused { _ = try add([], to: &assembler) })
        try assembler.announce(.returned)
        #expect(refused { try assembler.announce(.returned) })
        #expect(refused { _ = try add([], to: &assembler) })
        #expect(refused { _ = try assembler.header(.init(), bodyBytes: 11) })
        #expect(refused { _ = try assembler.header(.init(), bodyBytes: .max) })
        #expect(assembler.take() == nil)
    }
}

@Suite struct ConfigurationTests {
    @Test func `A password is never printed`() {
        let configuration = RabbitMQConfiguration(user: "u", password: RabbitMQPassword("hunter2"))
        var dumped = ""
        dump(configuration, to: &dumped)
        for text in ["\(configuration)", String(reflecting: configuration), dumped] {
            #expect(!text.contains("hunter2"))
        }
    }

    @Test func `Values out of range are refused by name`() {
        func refused(_ change: (inout RabbitMQConfiguration) -> Void) -> String? {
            var configuration = RabbitMQConfiguration(user: "u", password: RabbitMQPassword("p"))
            change(&configuration)
            do {
                try configuration.validate()
                return nil
            } catch {
                #expect(error.code == .invalidArgument)
                return error.text
            }
        }
        #expect(refused { _ in } == nil)
        #expect(refused { $0.heartbeatSeconds = 0 }?.contains("heartbeatSeconds") == true)
        #expect(refused { $0.confirmWindow = 0 }?.contains("confirmWindow") == true)
        #expect(refused { $0.connectTimeout = .zero }?.contains("connectTimeout") == true)
        #expect(refused { $0.user = "a\0b" }?.contains("user") == true)
        let text = refused { $0.password = RabbitMQPassword("hunter2\0") }
        #expect(text?.contains("password") == true)
        #expect(text?.contains("hunter2") == false)
    }

    @Test func `Waits grow to their bound and are never in step`() {
        var generator = SeededGenerator.fresh("back-off")
        let backoff = RecoveryBackoff(initial: .milliseconds(100), maximum: .seconds(5))
        for attempt in 1...200 {
            let bound = min(Duration.milliseconds(100) * (1 << min(attempt - 1, 20)), .seconds(5))
            let delay = backoff.delay(attempt: attempt, using: &generator)
            #expect(delay >= bound / 2 && delay <= bound)
        }
        let delays = Set((0..<50).map { _ in backoff.delay(attempt: 4, using: &generator) })
        #expect(delays.count > 10)
    }
}
