import AccountModel
import BackupContracts
import BackupModel
import Foundation
import MailFolder
import PostgresStore
import ServiceBootstrap

extension Organization {
    /// The name with the labels Entra and NFR.
    var label: String { ([name] + labels.map { "[\($0)]" }).joined(separator: " ") }

    /// `NFR until 2026-12-30`; nil when it is not.
    var nfrText: String? {
        // The period ends with the last moment of a day.
        nfrEndsAt.map { "NFR (not for resale) until \(Moment.text($0.addingTimeInterval(-1)).prefix(10)), not billed" }
    }

    var featuresJSON: [JSONValue] {
        EndUserFeature.allCases.map {
            [
                "name": .string($0.rawValue), "on": .bool(allows($0)), "default": .bool($0.isOnByDefault),
                "summary": .string($0.summary),
            ]
        }
    }

    var json: JSONValue { .object(jsonObject) }

    var jsonObject: JSONObject {
        [
            "id": .string(id.text), "name": .string(name), "partner": .string(partner.text), "plan": .string(plan.text),
            "firstName": .string(firstName), "lastName": .string(lastName), "email": .string(email),
            "country": .string(country), "seats": seats.map { JSONValue($0) } ?? .null,
            "autoLicense": .bool(autoLicense), "state": .string(state.rawValue), "createdAt": Moment.json(createdAt),
            "product": .string(product.rawValue), "entra": .bool(includesEntra), "nfr": .bool(isNFR),
            "nfrEndsAt": Moment.json(nfrEndsAt), "labels": .array(labels.map { .string($0) }),
            "effect": [
                "signIn": .bool(state.effect.allowsSignIn), "scheduledBackups": .bool(backupStop == nil),
                "data": .string(state.effect.keepsData ? "kept" : "erased"),
                "reason": backupStop.map { .string($0.code) } ?? .null,
            ],
        ]
    }
}

/// Everything that there is to know of an organization.
struct OrganizationPage {
    let organization: Organization
    let partner: Partner
    let plan: Plan
    let token: OrganizationToken?
    let users: Int64?
    let tenants: [Tenant]
    let seesTenants: Bool

    struct Tenant {
        var record: TenantRecord
        var credentials: [CredentialRecord]
    }

    init(_ store: PostgresStore, _ organization: Organization) async throws {
        self.organization = organization
        partner = try await store.partner(organization.partner.text)
        plan = try await store.plan(organization.plan.text)
        token = try await store.organizationToken(organization.id)
        users = try await store.countedUsers(organization.id)
        var tenants: [Tenant] = []
        // Who may see organizations and nothing of Entra sees them without their tenants.
        seesTenants = [.viewTenantList, .viewTenantDetail, .viewTenantConfig].allSatisfy(store.identity.has)
        if seesTenants {
            for record in try await store.tenants(of: organization.id) {
                tenants.append(Tenant(record: record, credentials: try await store.credentials(record.id)))
            }
        }
        self.tenants = tenants
    }

    var json: JSONValue {
        var object = organization.jsonObject
        object["partnerName"] = .string(partner.name)
        object["planName"] = .string(plan.name)
        object["users"] = users.map { JSONValue($0) } ?? .null
        object["seatsRaisedAt"] = Moment.json(organization.seatsRaisedAt)
        object["features"] = .array(organization.featuresJSON)
        object["token"] = token.json(text: nil)
        object["tenants"] =
            !seesTenants
            ? .null
            : .array(
                tenants.map { tenant in
                    [
                        "id": .string(tenant.record.id.description), "name": .string(tenant.record.name),
                        "state": .string(tenant.record.state.rawValue),
                        "credentials": .array(tenant.credentials.map { $0.json() }),
                    ]
                })
        return .object(object)
    }

    var text: String {
        let effect = organization.state.effect
        var lines = [
            "\(organization.label)  \(organization.id.text)",
            "contact   \(organization.firstName) \(organization.lastName) <\(organization.email)>, \(organization.country)",
            "partner   \(partner.name)", "plan      \(plan.label), \(plan.product.title)",
        ]
        if let nfr = organization.nfrText { lines.append("trial     \(nfr)") }
        lines += [
            "state     \(organization.state.rawValue)",
            "sign-in   \(effect.allowsSignIn ? "on, with \(organization.email)" : "off")",
            "backups   \(organization.backupStop.map { "none: the organization \($0.sentence)" } ?? "by schedule")",
            "data      \(effect.keepsData ? "kept" : "erased")", "seats     \(seatsText)",
            "features  "
                + EndUserFeature.allCases.map { "\($0.rawValue) \(organization.allows($0) ? "on" : "off")" }
                .joined(separator: ", "),
            "token     " + (token.map { "\($0.prefix)…, last used \(Moment.relative($0.lastUsedAt))" } ?? "none"),
        ]
        guard seesTenants else { return lines.joined(separator: "\n") }
        guard !tenants.isEmpty else { return (lines + ["tenants   none"]).joined(separator: "\n") }
        var table = Table(["tenant", "state", "credential for backups", "for restores"])
        for tenant in tenants {
            func status(_ purpose: String) -> String {
                tenant.credentials.first { $0.purpose == purpose }?.text() ?? "none"
            }
            table.add([tenant.record.name, tenant.record.state.rawValue, status("read"), status("write")])
        }
        return (lines + [table.text]).joined(separator: "\n")
    }

    private var seatsText: String {
        let bought = organization.seats.map { "\($0) bought" } ?? "not counted"
        let used = users.map { ", \($0) users protected" } ?? ""
        let raised = organization.seatsRaisedAt.map { ", raised \(Moment.relative($0))" } ?? ""
        return bought + used + (organization.autoLicense ? ", auto license\(raised)" : "")
    }
}

extension PostgresStore {
    /// Hands mail over at once where the folder is known here; the scheduler does so otherwise.
    func handOverMail(_ configuration: ServiceConfiguration, _ output: Output) async {
        guard let folder = configuration.mailFolder, !Self.isDryRun else { return }
        do {
            _ = try await handOverMail(to: MailFolder(path: folder), limit: 10)
        } catch {
            // The change is done, and the message waits beside it.
            output.progress("The message waits to be sent: \(error.message)")
        }
    }
}
