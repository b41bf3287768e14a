import Foundation
import PostgresStore

/// What is wrong with the key store, and with what it should open.
enum KeyJudgement {
    static func findings(_ facts: KeyStoreFacts) -> [Finding] {
        var findings = [store(facts), permissions(facts)]
        // What is refused for its mode is named by the check of the modes.
        if let failure = facts.signingKey, failure.code != "keyPermissionsTooOpen", facts.keyRing == nil {
            findings.append(
                .failed("signingKey", failure.message, hint: failure.hint, runbook: failure.runbook))
        }
        return findings
    }

    private static func store(_ facts: KeyStoreFacts) -> Finding {
        if let failure = facts.keyRing, failure.code != "keyPermissionsTooOpen" {
            return .failed("keyStore", failure.message, hint: failure.hint, runbook: failure.runbook)
        }
        let keys = facts.numbers.count
        return .ok("keyStore", "The key store at \(facts.path) answers" + (keys > 0 ? "; keys: \(keys)." : "."))
    }

    private static func permissions(_ facts: KeyStoreFacts) -> Finding {
        let check = "keyStorePermissions"
        if !facts.tooOpen.isEmpty {
            return .failed(
                check, "Others than its owner have access to parts of the key store: \(facts.tooOpen.shortList).",
                hint: "chmod -R u=rwX,go= \(facts.path); if others could have read a key, rotate it.",
                runbook: "key-store-unavailable")
        }
        guard facts.foreign.isEmpty else {
            return .failed(
                check, "Parts of the key store belong to another user than its folder: \(facts.foreign.shortList).",
                hint: "Give everything in \(facts.path) to the user that runs the programs.",
                runbook: "key-store-unavailable")
        }
        return .ok(check, "Nobody but its owner has access to the key store.")
    }

    // MARK: Tenants

    static func findings(_ tenants: [TenantKeyFacts], now: Date) -> [Finding] {
        keys(tenants) + [signatures(tenants), credentials(tenants, now)]
    }

    /// One finding for each reason: with a wrong key store all tenants have the same.
    private static func keys(_ tenants: [TenantKeyFacts]) -> [Finding] {
        // What was destroyed on purpose is nothing to mend, and modes are named by their own check.
        let settled: Set<String> = ["tenantSecretDestroyed", "keyPermissionsTooOpen"]
        let broken = tenants.filter { tenant in tenant.failure.map { !settled.contains($0.code) } ?? false }
        let byCode = Dictionary(grouping: broken) { $0.failure?.code ?? "" }
        guard !byCode.isEmpty else {
            return [.ok("tenantKeys", "The keys of every tenant can be opened; tenants: \(tenants.count).")]
        }
        return byCode.sorted { $0.key < $1.key }.map { code, tenants in
            let failure = tenants[0].failure
            let names = tenants.map { $0.name == "\($0.tenant)" ? $0.name : "\($0.name) (\($0.tenant))" }
            return .failed(
                "tenantKeys", "The keys of \(names.shortList) cannot be opened: \(failure?.message ?? code)",
                hint: failure?.hint ?? "", runbook: failure?.runbook)
        }
    }

    private static func signatures(_ tenants: [TenantKeyFacts]) -> Finding {
        let wrong = tenants.filter { $0.isSignedHere == false }.map(\.name)
        guard wrong.isEmpty else {
            return .failed(
                "signatures",
                "The newest snapshot of \(wrong.shortList) has no valid signature of the key in the key store.",
                hint:
                    "Put back the signing key that belongs to this database; else run `entra-backup snapshot verify`.",
                runbook: "snapshot-damaged")
        }
        let checked = tenants.count { $0.isSignedHere == true }
        return .ok("signatures", "The signing key is that of the snapshots; looked at: \(checked).")
    }

    /// What is wrong with the ends of the audit's chains.
    static func audit(_ facts: AuditFacts) -> [Finding] {
        guard facts.broken.isEmpty else {
            let names = facts.broken.map { $0?.text ?? "the operator's" }
            return [
                .failed(
                    "audit", "Chains of the audit do not end as the program wrote them: \(names.shortList).",
                    hint: "Run `entra-backup audit verify`: it names the first break.", runbook: "audit-broken")
            ]
        }
        guard facts.unsigned == 0 else {
            return [
                .warning(
                    "audit", "Chains of the audit that were not signed for two days: \(facts.unsigned).",
                    hint: "Let the scheduler read the key store.", runbook: "key-store-unavailable")
            ]
        }
        return [.ok("audit", "Every chain of the audit ends as it was written; chains: \(facts.chains).")]
    }

    private static func credentials(_ tenants: [TenantKeyFacts], _ now: Date) -> Finding {
        let soon = now.addingTimeInterval(30 * 86_400)
        let due = tenants.compactMap { tenant in
            tenant.credentialExpiresAt.flatMap { $0 < soon ? (tenant.name, $0) : nil }
        }.sorted { $0.1 < $1.1 }
        guard !due.isEmpty else { return .ok("credentials", "No credential is known to expire within 30 days.") }
        let names = due.map { name, date in
            "\(name) (\(date < now ? "expired" : "expires") \(Moment.relative(date, now: now)))"
        }
        return .warning(
            "credentials", "Credentials of tenants expire: \(names.shortList).",
            hint: "Make new ones and give them to `entra-backup tenant credentials TENANT`.",
            runbook: "credentials-invalid")
    }
}
