import BackupModel
import Foundation
import Testing

/// Nothing that a tenant holds and no secret is in clear outside of Graph and the key store (D1, D8, D9).
@Suite(.serialized) struct SealedTests {
    private static let isSoak = ProcessInfo.processInfo.environment["ENTRA_BACKUP_SOAK"] != nil

    @Test func `no attribute and no secret is in clear on disk, in logs or in a command line`() throws {
        let seed = seed(71, "sealed")
        let objects = Self.isSoak ? 1_000 : 100
        let installation = try TestInstallation(
            fixture: """
                {"seed":\(seed),"users":\(Self.isSoak ? 500 : 40),"settings":{"quotas":false}}
                """)
        defer { installation.tearDown() }
        try installation.makeAccounts()
        let processes = ProcessRecord()
        var words = try plant(installation, seed: seed, objects)
        try backUp(installation, ["tenant", "activate", installation.tenant], processes)
        try expectBackedUp(installation, 1, of: words)
        let later = try plant(installation, seed: seed + 1, objects)
        words.formUnion(later)
        // Answers that cannot be read must not be quoted.
        try installation.control(
            "POST", "faults",
            body: #"[{"effect":"cutBody","share":0.05,"seed":1},{"effect":"malformedBody","share":0.05,"seed":2}]"#)
        try backUp(installation, ["backup", "start", installation.tenant, "--full"], processes)
        try installation.control("DELETE", "faults")
        try expectBackedUp(installation, 2, of: later)
        try search(installation, words, processes)
    }

    /// Puts words into the tenant.
    private func plant(_ installation: TestInstallation, seed: Int, _ count: Int) throws -> Set<String> {
        let text = try installation.control("POST", "canaries?seed=\(seed)&count=\(count)")
        let planted = try JSONValue(parsing: Array(text.utf8))
        #expect(planted["objects"]?.int == count)
        return Set((planted["words"]?.array ?? []).compactMap(\.string))
    }

    private func backUp(
        _ installation: TestInstallation, _ arguments: [String], _ processes: ProcessRecord
    ) throws {
        let id = try #require(try installation.command(arguments)["job"]?["id"]?.string)
        try installation.eventually("the backup ends", seconds: 120) {
            processes.look()
            return try ["succeeded", "succeededWithWarnings"].contains(installation.stateIfReachable(of: id))
        }
    }

    /// The words are in the snapshot where they are in the tenant: what is looked for later was really backed up.
    private func expectBackedUp(_ installation: TestInstallation, _ snapshot: Int, of words: Set<String>) throws {
        let tenant = try TenantPicture.truth(installation)
        let backup = try TenantPicture.snapshot(snapshot, installation)
        let truth = Self.words(tenant).intersection(words), kept = Self.words(backup).intersection(words)
        print("sealed: \(words.count) words, \(truth.count) in what is backed up, \(kept.count) in the snapshot")
        let (missing, surplus) = (truth.subtracting(kept).count, kept.subtracting(truth).count)
        let places = missing + surplus == 0 ? [] : backup.differences(from: tenant, limit: 20)
        #expect(missing == 0 && surplus == 0, "\(missing) missing, \(surplus) too many: \(places)")
        #expect(kept.count > words.count / 2)
    }

    private static func words(_ picture: TenantPicture) -> Set<String> {
        var words: Set<String> = []
        // An entry of a log is read once; the simulator changes old ones, Graph does not.
        for (type, documents) in picture.documents where type != "directoryAudit" {
            for (id, document) in documents {
                words.formUnion((id + " " + document.canonicalText).split { !$0.isLetter }.map(String.init))
            }
        }
        return words.filter { $0.hasPrefix("cnry") }
    }

    private func search(_ installation: TestInstallation, _ words: Set<String>, _ processes: ProcessRecord) throws {
        var search = ClearTextSearch()
        search.add(words)
        let found = try installation.command(["object", "search", installation.tenant, try displayName(installation)])
        #expect(found["items"]?.array?.isEmpty == false, "search tokens were written")
        let secrets = try addSecrets(installation, &search)
        let controls = ClearTextSearch.Form.allCases.filter { $0 != .raw }.map { (form: $0, word: "cntrlü\($0)cntrl") }
        search.add(controls.map(\.word))

        let copies = installation.root + "/copies"
        try FileManager.default.createDirectory(atPath: copies, withIntermediateDirectories: true)
        try processes.write(to: copies + "/processes")
        try plantControls(installation, controls)
        try installation.sql("CHECKPOINT")
        try dump(installation, to: copies + "/dump.sql")
        _ = try Programs.run("/bin/cp", ["-r", installation.data + "/rabbitmq", copies + "/broker"])
        try Programs.run("entra-backup", ["stack", "down", "--data-dir", installation.data])

        // The simulator's own description of itself, whose secret is the customer's affair.
        try FileManager.default.removeItem(atPath: installation.data + "/run/simulator.json")
        let places = ["postgres", "rabbitmq", "logs", "run", "config"].map { "\(installation.data)/\($0)" }
        let hits = try search.run(places + [copies], patternFile: installation.root + "/patterns")
        print("sealed: \(search.count) patterns of \(words.count) words and \(secrets) secrets looked for")
        let planted = Set(controls.map(\.word))
        for hit in hits where !planted.contains(hit.word) {
            // A secret itself is not to be printed.
            Issue.record("\(hit.file) has \(words.contains(hit.word) ? hit.word : "a secret") as \(hit.form)")
        }
        try expectControls(hits, controls)
    }

    /// A display name that is in the newest snapshot.
    private func displayName(_ installation: TestInstallation) throws -> String {
        let list = try installation.command(["object", "list", installation.tenant, "user"])
        let names = (list["items"]?.array ?? []).compactMap { $0["displayName"]?.string }
        return try #require(names.first { $0.hasPrefix("cnry") })
    }

    /// The passwords, the client's secret and the keys: in no file but their own.
    private func addSecrets(_ installation: TestInstallation, _ search: inout ClearTextSearch) throws -> Int {
        var count = 0
        for folder in ["secrets", "keys"] {
            let path = "\(installation.data)/\(folder)"
            for name in FileManager.default.enumerator(atPath: path)?.allObjects as? [String] ?? [] {
                // The broker's definitions repeat its password.
                // What says that the audit has begun is no key.
                if name.hasSuffix(".json") || name == "audit-begun" { continue }
                guard let data = FileManager.default.contents(atPath: "\(path)/\(name)") else { continue }
                // A key file names what it holds, perhaps by a tenant's id; the key itself is the long word.
                let words = String(decoding: data, as: UTF8.self).split(whereSeparator: \.isWhitespace).map(String.init)
                let long = words.filter {
                    $0.count >= 20 && $0.contains(where: \.isNumber) && UUID(uuidString: $0) == nil
                }
                #expect(!long.isEmpty, "\(folder)/\(name) holds a secret")
                search.add(long)
                for text in long {
                    count += 1
                    if let raw = Data(base64Encoded: text) { search.add(raw: Array(raw), named: text) }
                    if let raw = Self.bytes(hex: text) { search.add(raw: raw, named: text) }
                }
            }
        }
        #expect(count >= 10)
        return count
    }

    private static func bytes(hex: String) -> [UInt8]? {
        let digits = hex.compactMap(\.hexDigitValue)
        guard digits.count == hex.count, digits.count % 2 == 0 else { return nil }
        return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }

    /// What the search must find: a row in clear, and a line of a log in each form.
    private func plantControls(
        _ installation: TestInstallation, _ controls: [(form: ClearTextSearch.Form, word: String)]
    ) throws {
        try installation.sql("CREATE TABLE public.scratch (word text)")
        try installation.sql("INSERT INTO public.scratch VALUES ('\(controls[0].word)')")
        var log = Data()
        for control in controls {
            log.append(contentsOf: ClearTextSearch.patterns(of: control.word, control.form)[0] + [0x0A])
        }
        try log.write(to: URL(fileURLWithPath: installation.data + "/logs/control.log"))
    }

    private func expectControls(
        _ hits: Set<ClearTextSearch.Hit>, _ controls: [(form: ClearTextSearch.Form, word: String)]
    ) throws {
        for (form, word) in controls {
            #expect(
                hits.contains { $0.word == word && $0.form == form && $0.file.hasSuffix("/logs/control.log") },
                "the line in \(form) is found")
        }
        let row = hits.filter { $0.word == controls[0].word && $0.form == .utf8 }.map(\.file)
        #expect(row.contains { $0.contains("/postgres/base/") }, "the row is found in its table")
        #expect(row.contains { $0.contains("/postgres/pg_wal/") }, "the row is found in the write-ahead log")
        #expect(row.contains { $0.hasSuffix("/dump.sql") }, "the row is found in a dump")
    }

    private func dump(_ installation: TestInstallation, to file: String) throws {
        let password = try String(contentsOfFile: installation.data + "/secrets/postgres-superuser", encoding: .utf8)
        let result = try Programs.run(
            "/usr/bin/pg_dump",
            [
                "-h", "127.0.0.1", "-p", installation.environment["ENTRA_BACKUP_DATABASE_PORT"] ?? "", "-U", "postgres",
                "-d", "entra_backup", "-f", file,
            ], environment: ["PGPASSWORD": password.trimmingCharacters(in: .whitespacesAndNewlines)])
        try #require(result.status == 0, "\(result.errors)")
    }
}

/// Command lines and environments of all processes that were seen.
private final class ProcessRecord {
    private var seen: Set<Data> = []

    func look() {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? [] where Int(name) != nil {
            for file in ["cmdline", "environ"] {
                if let data = FileManager.default.contents(atPath: "/proc/\(name)/\(file)"), !data.isEmpty {
                    seen.insert(data)
                }
            }
        }
    }

    func write(to file: String) throws {
        #expect(seen.contains { String(decoding: $0, as: UTF8.self).contains("entra-backup-fetcher") })
        #expect(seen.contains { String(decoding: $0, as: UTF8.self).contains("ENTRA_BACKUP_DATABASE_PASSWORD_FILE") })
        var all = Data()
        for data in seen { all.append(data + [0x0A]) }
        try all.write(to: URL(fileURLWithPath: file))
    }
}
