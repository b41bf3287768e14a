import AccountModel
import BackupModel
import Foundation
import Testing

/// Every command of the program, run by each role on things of the own partner and of another one.
@Suite(.serialized) struct RightsTests {
    /// One run of a command, and what is to come of it.
    private struct Call {
        let line: RightsLine
        let member: Member
        let isOwn: Bool

        var missing: [Feature] { line.features.filter { !RightsModel.has(member, $0) } }
        var isAllowed: Bool {
            if case .operatorOnly = line.need { return false }
            return isOwn && missing.isEmpty
        }
        var description: String { "\(member.rawValue), \(isOwn ? "own" : "other"): \(line.command)" }
    }

    /// Why a command was refused, by what people read.
    private enum Cause {
        case right(String)
        case outside, operatorOnly

        init?(_ text: String) {
            if let role = text.firstMatch(of: #/The role (.+? has no right to .+?)\./#) {
                self = .right(String(role.1))
            } else if text.contains("Your partner has no ") {
                self = .outside
            } else if text.contains("Only the operator of the machine may do this.") {
                self = .operatorOnly
            } else {
                return nil
            }
        }
    }

    @Test func `the table and the program have the same commands and the same features`() throws {
        #expect(RightsModel.features == Set(Feature.allCases.map(\.rawValue)))
        let used = Set(RightsLine.all.flatMap(\.features))
        #expect(
            used == Set(Feature.allCases), "\(Set(Feature.allCases).symmetricDifference(used)): no command needs it")
        let help = try Programs.run("entra-backup", ["--experimental-dump-help"])
        let leaves = Self.leaves(try #require(try help.json()["command"]), [])
        #expect(leaves.count > 60)
        let lines = RightsLine.all.map { $0.command.split(separator: " ").map(String.init) }
        for leaf in leaves {
            #expect(lines.contains { $0.starts(with: leaf) }, "\(leaf.joined(separator: " ")): nobody runs it here")
        }
        for line in lines {
            #expect(
                leaves.contains { line.starts(with: $0) }, "\(line.joined(separator: " ")): there is no such command")
        }
    }

    private static func leaves(_ command: JSONValue, _ path: [String]) -> [[String]] {
        let children = (command["subcommands"]?.array ?? []).filter { $0["commandName"]?.string != "help" }
        guard !children.isEmpty else { return [path] }
        return children.flatMap { leaves($0, path + [$0["commandName"]?.string ?? "?"]) }
    }

    @Test func `each role may do what it has a right to, at the own partner only`() throws {
        let seed = seed(7, "rights")
        let installation = try TestInstallation(
            fixture: """
                {"tenants":[{"seed":\(seed),"users":8,"devices":6,"settings":{"quotas":false}},
                {"seed":\(seed + 1),"users":8,"devices":6,"settings":{"quotas":false}}]}
                """)
        defer { installation.tearDown() }
        let url = try #require(installation.environment["ENTRA_BACKUP_SIMULATOR_URL"])
        let list = try Programs.run("/usr/bin/curl", ["-sS", "\(url)/_control"]).json()["tenants"]?.array ?? []
        try #require(list.count == 2)
        let own = try RightsSide(installation, "nordlicht", tenant: list[0], url: url)
        let other = try RightsSide(installation, "seestern", tenant: list[1], url: url)
        let refusals = "SELECT count(*) FROM backup.audit_entries WHERE outcome = 'refused'"
        #expect(try installation.sql(refusals) == "0")

        var table = RightsTally()
        let clock = ContinuousClock()
        var refused = 0
        let time = try clock.measure {
            refused += try run(calls(Member.roles), own, other, &table)
            let grant = "partner update $PARTNER --support-may-view on"
            let granted = try own.start(grant, .owner, about: own).result()
            #expect(granted.status == 0, "\(granted.errors)")
            refused += try run(calls([.grantedSupport]), own, other, &table)
        }
        table.check()
        print("\(table.text)\nrights: \(table.count) calls in \(time), \(refused) refused and audited")
        #expect(try installation.sql(refusals) == "\(refused)", "each refusal is one entry of the audit")
    }

    /// Who has no right to a command is refused the same whatever it is about: of what is another partner's such a member
    /// tries one command of each feature, and of what is the operator's alone each but the owner tries one.
    private func calls(_ members: [Member]) -> [Call] {
        var calls: [Call] = []
        for member in members {
            var tried: Set<Feature> = []
            for (index, line) in RightsLine.all.enumerated() {
                if case .operatorOnly = line.need {
                    guard member == .owner || index == RightsLine.all.count - 1 else { continue }
                }
                calls.append(Call(line: line, member: member, isOwn: true))
                let other = Call(line: line, member: member, isOwn: false)
                guard line.namesThing, !line.features.isEmpty || line.isOpenButOfTenant,
                    other.missing.isEmpty || !tried.isSuperset(of: other.missing)
                else { continue }
                tried.formUnion(other.missing)
                calls.append(other)
            }
        }
        return calls
    }

    /// Runs the calls, a few at a time. Returns how many were refused.
    private func run(_ calls: [Call], _ own: RightsSide, _ other: RightsSide, _ table: inout RightsTally) throws -> Int
    {
        var refused = 0
        var running: [(call: Call, program: Programs.Running)] = []
        func takeOne() {
            let (call, program) = running.removeFirst()
            let result = program.result()
            refused += result.status == 5 ? 1 : 0
            check(call, result, own, other)
            table.add(call.line, call.member, isOwn: call.isOwn, isAllowed: result.status != 5)
        }
        for call in calls {
            running.append((call, try own.start(call.line.command, call.member, about: call.isOwn ? own : other)))
            if running.count == 3 { takeOne() }
        }
        while !running.isEmpty { takeOne() }
        return refused
    }

    private func check(_ call: Call, _ result: Programs.Result, _ own: RightsSide, _ other: RightsSide) {
        let what: Comment = "\(call.description): exit \(result.status) \(result.errors)"
        let cause = Cause(result.errors)
        if call.isAllowed {
            #expect(call.line.codes.contains(result.status) && cause == nil, what)
        } else {
            #expect(result.status == 5 && result.output.isEmpty, what)
            switch (call.line.need, cause) {
            case (.operatorOnly, .operatorOnly): break
            case (.operatorOnly, _): Issue.record(what)
            case (_, .right(let text)):
                let texts = call.missing.map { "\(call.member.role) has no right to \($0.words)" }
                #expect(texts.contains(text), what)
            case (_, .outside): #expect(!call.isOwn, what)
            default: Issue.record(what)
            }
        }
        // The e-mail address of a user is the only name of another partner's that a call gives itself.
        let text = (result.output + result.errors).replacing(other.words("$USER")[0], with: "")
            .replacing(other.words("$ARCHIVE")[0], with: "")
        #expect(!text.contains(other.canary), what)
    }
}

extension RightsLine {
    /// Everybody may run it, about a tenant of the own partner.
    fileprivate var isOpenButOfTenant: Bool { features.isEmpty && command.hasPrefix("download verify") }
}

/// What came of the calls, by feature and role.
private struct RightsTally {
    private struct Cell {
        var own: Set<Bool> = []
        var other: Set<Bool> = []

        var text: String { "\(Self.text(own)) / \(Self.text(other))" }

        private static func text(_ seen: Set<Bool>) -> String {
            seen.count == 1 ? (seen.contains(true) ? "allowed" : "refused") : seen.isEmpty ? "untried" : "MIXED"
        }
    }

    private var cells: [Feature: [Member: Cell]] = [:]
    private(set) var count = 0

    mutating func add(_ call: RightsLine, _ member: Member, isOwn: Bool, isAllowed: Bool) {
        count += 1
        for feature in call.features {
            // Of a command that needs several, a refusal tells of those that are missing.
            let missing = call.features.filter { !RightsModel.has(member, $0) }
            guard isAllowed || missing.isEmpty || missing.contains(feature) || !isOwn else { continue }
            if isOwn {
                cells[feature, default: [:]][member, default: Cell()].own.insert(isAllowed)
            } else {
                cells[feature, default: [:]][member, default: Cell()].other.insert(isAllowed)
            }
        }
    }

    /// Each feature was tried by everybody, on both sides, and there is one answer for each.
    func check() {
        for feature in Feature.allCases {
            for member in Member.allCases {
                let cell = cells[feature]?[member] ?? Cell()
                #expect(
                    cell.own == [RightsModel.has(member, feature)] && cell.other == [false],
                    "\(feature.rawValue), \(member.rawValue): \(cell.text)")
            }
        }
    }

    var text: String {
        let head = ["own / other partner"] + Member.allCases.map(\.rawValue)
        let rows = Feature.allCases.map { feature in
            [feature.rawValue] + Member.allCases.map { cells[feature]?[$0]?.text ?? Cell().text }
        }
        return ([head] + rows).map { row in
            row.map { $0.padding(toLength: 24, withPad: " ", startingAt: 0) }.joined(separator: " ")
        }.joined(separator: "\n")
    }
}
