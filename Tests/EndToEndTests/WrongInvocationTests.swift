import BackupModel
import Foundation
import Testing

/// What people type wrongly: each gets the contract's exit code and a text that helps, and changes nothing.
@Suite(.serialized) struct WrongInvocationTests {
    @Test func `wrong invocations are told what is wrong and what to do, and change nothing`() throws {
        let installation = try TestInstallation(
            fixture: #"{"seed":3,"users":20,"settings":{"quotas":false}}"#)
        defer { installation.tearDown() }
        let bench = try WrongInvocationBench(installation)
        let groups = [
            WrongInvocation.arguments, WrongInvocation.accounts, WrongInvocation.organizations,
            WrongInvocation.tenants, WrongInvocation.backups,
            WrongInvocation.restores, WrongInvocation.downloads,
            WrongInvocation.configuration, WrongInvocation.stack,
        ]
        for row in groups.joined() { try bench.check(row) }
        try checkActivation(installation, bench)
        #expect(!FileManager.default.fileExists(atPath: bench.folder + "/new"), "a refused stack leaves nothing behind")
        print(bench.table.joined(separator: "\n"))
        #expect(bench.table.count >= 60)
    }

    /// What Microsoft Entra ID may answer when a tenant is activated.
    private func checkActivation(_ installation: TestInstallation, _ bench: WrongInvocationBench) throws {
        let activate = "tenant activate $TENANT"
        func credentials(_ file: String) throws {
            try installation.command(["tenant", "credentials", installation.tenant, "--client-secret-file", file])
        }
        func client(_ setting: String) throws {
            try installation.control("POST", "permissions", body: "{\"client\":0,\(setting)}")
        }
        try credentials(bench.folder + "/wrong")
        try bench.check(.init(activate, 1, "AADSTS7000215", "credentialsInvalid", runbook: "credentials-invalid"))
        try credentials(try #require(installation.environment["ENTRA_BACKUP_SIMULATOR_CLIENT_SECRET_FILE"]))
        try client(#""secretIsExpired":true"#)
        try bench.check(.init(activate, 1, "AADSTS7000222", "credentialsExpired", runbook: "credentials-invalid"))
        try client(#""secretIsExpired":false,"permissions":[]"#)
        try bench.check(.init(activate, 1, "consented", "consentMissing", runbook: "consent-missing"))
    }

    @Test func `what is odd but not wrong is answered, and a job that ends badly is no success`() throws {
        let installation = try TestInstallation(
            fixture: #"{"seed":3,"users":20,"settings":{"quotas":false}}"#)
        defer { installation.tearDown() }
        try installation.makeAccounts()
        #expect(try installation.activate()["state"]?.string == "succeeded")
        let same = try installation.command(["diff", installation.tenant, "--from", "1", "--to", "1"])
        #expect(same["items"]?.array?.isEmpty == true)
        let nothing = installation.root + "/nothing"
        let status = try installation.command(["stack", "status", "--data-dir", nothing], allowing: [7])
        #expect(status["ready"]?.bool == false)
        try installation.command(["stack", "down", "--data-dir", nothing])
        #expect(!FileManager.default.fileExists(atPath: nothing))
        let before = try processes(installation)
        try installation.command(["stack", "up", "--detach", "--data-dir", installation.data])
        #expect(try processes(installation) == before, "a second `stack up` starts nothing that runs")
        try checkCancelledWhileWaiting(installation)
        try checkFullDisk(installation)
    }

    private func processes(_ installation: TestInstallation) throws -> [String: Int] {
        let status = try installation.command(["stack", "status", "--data-dir", installation.data])
        return (status["processes"]?.array ?? []).reduce(into: [:]) { pids, process in
            pids["\(process["name"]?.string ?? "") \(process["index"]?.int ?? 0)"] = process["pid"]?.int
        }
    }

    /// Without a scheduler the job stays queued until it is cancelled.
    private func checkCancelledWhileWaiting(_ installation: TestInstallation) throws {
        let scheduler = Int32(try #require(try processes(installation)["scheduler 1"]))
        kill(scheduler, SIGSTOP)
        defer { kill(scheduler, SIGCONT) }
        let started = try installation.command(["backup", "start", installation.tenant])
        let job = try #require(started["job"]?["id"]?.string)
        let full = try installation.command(["backup", "start", installation.tenant, "--full"])
        #expect(full["joined"]?.bool == true)
        #expect(full["job"]?["id"]?.string == job, "a queued job is made to read more")
        #expect(try installation.sql("SELECT full_round FROM backup.jobs WHERE state = 'queued'") == "t")
        try installation.command(["job", "cancel", job])
        let waiting = try Programs.spawn(
            "entra-backup", ["job", "retry", job, "--wait", "--json"], environment: installation.environment)
        try installation.eventually("the job is queued again") {
            try installation.stateIfReachable(of: job) == "queued"
        }
        try installation.command(["job", "cancel", job])
        let result = waiting.result()
        #expect(result.status == 1)
        #expect(result.errors.isEmpty)
        #expect(try result.json()["job"]?["state"]?.string == "cancelled")
    }

    /// A small file system of its own, where this user may mount one.
    private func checkFullDisk(_ installation: TestInstallation) throws {
        let small = installation.root + "/small"
        try FileManager.default.createDirectory(atPath: small, withIntermediateDirectories: true)
        let mount = try Programs.run("/usr/bin/mount", ["-t", "tmpfs", "-o", "size=16m,mode=755", "tmpfs", small])
        guard mount.status == 0 else { return print("wrong invocations: no small file system, skipped") }
        defer { _ = try? Programs.run("/usr/bin/umount", [small]) }
        let arguments = ["stack", "up", "--detach", "--quiet", "--data-dir", small + "/stack", "--json"]
        let up = try Programs.run("entra-backup", arguments)
        try installation.command(["stack", "down", "--data-dir", small + "/stack"])
        #expect(up.status == 1)
        #expect(up.output.isEmpty)
        let error = try JSONValue(parsing: Array(up.errors.utf8))["error"]
        #expect(error?["code"]?.string == "diskFull")
        #expect(error?["runbook"]?.string == "disk-full")
    }
}
