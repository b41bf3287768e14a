import Foundation
import LibPQ
import Testing

@testable import PostgresStore

/// Random commands by the staff of three partners against a model of the rules, with each of the two walls taken away.
@Suite struct CommandWallTests {
    private static let isLarge = ProcessInfo.processInfo.environment["ENTRA_BACKUP_LARGE"] != nil

    @Test func `every command of the program is among those that are drawn`() {
        let templates = CommandTemplate.all.map { $0.words.map(String.init) }
        #expect(CommandTree.leaves.count > 60)
        let paths = CommandTree.leaves.map(\.path)
        for path in paths {
            #expect(templates.contains { $0.starts(with: path) }, "\(path.joined(separator: " ")): is never drawn")
        }
        for template in templates {
            #expect(paths.contains { template.starts(with: $0) }, "\(template.joined(separator: " "))")
        }
    }

    @Test(.timeLimit(.minutes(10)), arguments: WallTests.Walls.allCases)
    func `of five hundred random commands none tells or changes anything of another partner`(walls: WallTests.Walls)
        async throws
    {
        try await run(500, walls)
    }

    @Test(
        .enabled(if: isLarge, "ENTRA_BACKUP_LARGE=1 runs 100,000 commands"), .timeLimit(.minutes(60)),
        arguments: WallTests.Walls.allCases)
    func `of a hundred thousand random commands none tells or changes anything of another partner`(
        walls: WallTests.Walls
    ) async throws {
        try await run(33_334, walls)
    }

    @Test(.timeLimit(.minutes(10))) func `five hundred commands through the program tell and change no more`()
        async throws
    {
        var numbers = SeededNumbers("commands of the program")
        var tally = CommandTally()
        try await chapter(500, &numbers, &tally) { try CommandsOfProgram($0.database, folder: $0.folder) }
        print("program: \(tally.text)")
        tally.check()
    }

    private func run(_ count: Int, _ walls: WallTests.Walls) async throws {
        var numbers = SeededNumbers("commands, \(walls)")
        var tally = CommandTally()
        let time = try await ContinuousClock().measure {
            try await PostgresStore.$checksScope.withValue(walls != .onlyDatabase) { () async throws in
                try await PostgresStore.$confinesSessions.withValue(walls != .onlyProgram) { () async throws in
                    // A database for so many: what commands make and erase would change what they are about.
                    while tally.calls < count {
                        try await chapter(min(1_000, count - tally.calls), &numbers, &tally, walls) {
                            try CommandsInProcess($0.database)
                        }
                    }
                }
            }
        }
        print("\(walls): \(tally.text), in \(time)")
        tally.check()
    }

    /// So many commands against a database of their own.
    private func chapter(
        _ count: Int, _ numbers: inout SeededNumbers, _ tally: inout CommandTally, _ walls: WallTests.Walls = .both,
        _ runner: (CommandWorld) throws -> any CommandRunner
    ) async throws {
        var own = numbers.fork()
        tally = try await TestDatabase.with { database async throws in
            let folder = NSTemporaryDirectory() + "commands-\(UUID().uuidString.lowercased())"
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let world = try await CommandWorld(database, folder: folder, &own)
            var round = CommandRound(
                world: world, runner: try runner(world), model: try await CommandModel(world),
                generator: CommandGenerator(world: world, numbers: own), walls: walls, tally: tally,
                fingerprint: try await world.fingerprintStatement())
            try await round.run(count)
            if let runner = round.runner as? CommandsInProcess { await runner.close() }
            return round.tally
        }
    }
}

/// What came of all commands.
struct CommandTally: Sendable {
    var calls = 0
    var codes: [Int32: Int] = [:]
    var refused = 0
    var outside = 0
    var twins = 0
    var fingerprints = 0
    var failures = 0

    var text: String {
        let ends = codes.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }.joined(separator: ", ")
        return "\(calls) commands (exit codes \(ends)); \(refused) without the right, \(outside) about what is not "
            + "the partner's, \(twins) of them told as of what nobody has; \(fingerprints) fingerprints; \(failures) leaks "
            + "and wrong answers"
    }

    /// That the lines were of all kinds.
    func check() {
        #expect(failures == 0)
        let done = codes[0] ?? 0
        #expect(done * 6 > calls && refused * 20 > calls && outside * 6 > calls && twins * 10 > calls, "\(text)")
    }
}

/// Commands against one world.
private struct CommandRound {
    let world: CommandWorld
    let runner: any CommandRunner
    var model: CommandModel
    var generator: CommandGenerator
    let walls: WallTests.Walls
    var tally: CommandTally
    let fingerprint: String

    /// So many commands of one partner's staff in a row, between two looks at everything of the others.
    private static let turn = 20

    mutating func run(_ count: Int) async throws {
        let end = tally.calls + count
        while tally.calls < end {
            let partner = Int.random(in: 0..<CommandWorld.callers, using: &generator.numbers)
            try await world.mendStaff(of: partner)
            let before = try await look(except: partner)
            var lines: [String] = []
            for _ in 0..<min(Self.turn, end - tally.calls) {
                guard let call = generator.next(of: partner) else { continue }
                lines.append(call.description)
                try await run(call)
            }
            let isSame = try await look(except: partner) == before
            tally.fingerprints += 1
            fail(!isSame, "rows of others have changed by one of:\n\(lines.joined(separator: "\n"))")
        }
    }

    private func look(except partner: Int) async throws -> [String] {
        let row = try await world.database.sql(fingerprint, [.uuid(world.partners[partner].id)]).onlyRow()
        return [try row.text(0), "\(try row.int64(1))"]
    }

    private mutating func fail(_ isWrong: Bool, _ what: @autoclosure () -> String) {
        guard isWrong else { return }
        tally.failures += 1
        Issue.record("\(walls): \(what())")
    }

    // MARK: One command

    private mutating func run(_ call: CommandLineCall) async throws {
        let verdict = try await model.verdict(call)
        let outcome = try await perform(call)
        tally.calls += 1
        tally.codes[outcome.code, default: 0] += 1
        let told = "\(call.description)\nexit \(outcome.code)\n\(outcome.text.prefix(2_000))"
        switch verdict {
        case .free:
            let wrong = outcome.errors.contains("Your partner has no") || outcome.errors.contains("has no right to")
            fail(wrong, "refused, but it is the partner's, and there is the right: \(told)")
        case .refused:
            tally.refused += 1
            fail(outcome.code != 5 || !outcome.output.isEmpty, "to be refused: \(told)")
        case .outside(let reference):
            tally.outside += 1
            // The database alone says it in its own way.
            let isRefused = walls == .onlyDatabase ? outcome.code != 0 : outcome.code == 5
            fail(!isRefused || !outcome.output.isEmpty, "\(reference.text) is not the partner's: \(told)")
            try await compare(call, reference, outcome)
        }
    }

    private mutating func perform(_ call: CommandLineCall) async throws -> CommandOutcome {
        var outcome = try await runner.run(call.arguments)
        if let file = call.file {
            for path in [file, "\(file).checkpoint.json"] {
                outcome.file += (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
                try? FileManager.default.removeItem(atPath: path)
            }
        }
        let leaks = model.leaks(call, outcome)
        fail(!leaks.isEmpty, "told \(leaks): \(call.description)\n\(outcome.text.prefix(2_000))")
        return outcome
    }

    /// What another partner has is told as what nobody has.
    private mutating func compare(
        _ call: CommandLineCall, _ reference: CommandLineCall.Reference, _ outcome: CommandOutcome
    ) async throws {
        let twin = call.twin(reference)
        let name = twin.words[reference.place]
        guard name != reference.text else { return }
        let other = try await perform(twin)
        tally.twins += 1
        func normal(_ text: String, _ name: String) -> String {
            text.replacing(name, with: "<it>").replacing(name.lowercased(), with: "<it>")
        }
        let (mine, nobodys) = (normal(outcome.text, reference.text), normal(other.text, name))
        fail(
            outcome.code != other.code || mine != nobodys,
            "told otherwise than what nobody has: \(call.description)\n\(mine)\n\(twin.description)\n\(nobodys)")
    }
}
