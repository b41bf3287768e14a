import AccountModel
import Foundation
import Testing

/// The table of rights against the one that partners are told.
@Suite struct RightsTests {
    private static let managers: Set<Role> = [.owner, .superAdmin, .admin]

    @Test func `features of Entra belong to the three roles that manage, and to nobody else`() {
        #expect(Rights.entra.count == 16)
        for feature in Rights.entra {
            #expect(Rights.roles(feature) == Self.managers, "\(feature)")
            #expect(feature.isOfEntra)
        }
    }

    @Test func `every feature has somebody, and an owner has all of them`() {
        for feature in Feature.allCases {
            #expect(Rights.roles(feature).contains(.owner), "\(feature)")
        }
        #expect(Rights.roles(.grantSupportView) == [.owner])
    }

    @Test func `finance sees bills and accounts and nothing of Entra`() {
        let features = Feature.allCases.filter { Rights.roles($0).contains(.finance) }
        #expect(Set(features) == [.viewPartner, .viewPlans, .viewOrganizations, .viewBilling])
        for feature in Rights.entra { #expect(!Rights.allow(.finance, feature, supportMayView: true), "\(feature)") }
    }

    @Test func `support gets by grant what only shows, never restores, downloads or secrets`() {
        for feature in Rights.entra {
            let granted = Rights.allow(.support, feature, supportMayView: true)
            #expect(!Rights.allow(.support, feature, supportMayView: false), "\(feature)")
            #expect(granted == Rights.grantableToSupport.contains(feature), "\(feature)")
            if granted { #expect(feature.rawValue.hasPrefix("view") || feature == .downloadStatusResult, "\(feature)") }
        }
        for feature: Feature in [
            .restoreObject, .viewSecret, .executeBackup, .executeDownload, .activateTenant, .updateTenantConfig,
        ] { #expect(!Rights.grantableToSupport.contains(feature), "\(feature)") }
    }

    @Test func `a grant to support changes nothing for the other roles, nor outside of Entra`() {
        for role in Role.allCases {
            for feature in Feature.allCases where role != .support || !feature.isOfEntra {
                #expect(
                    Rights.allow(role, feature, supportMayView: true)
                        == Rights.allow(role, feature, supportMayView: false), "\(role) \(feature)")
            }
        }
    }

    @Test func `who is disabled has nothing, and the operator everything`() {
        let user = StaffUser(
            id: .init(), partner: .init(), email: "a@b.example", name: "A", role: .owner, isDisabled: true,
            createdAt: .distantPast)
        for feature in Feature.allCases {
            #expect(!Identity.staff(user, supportMayView: true).has(feature))
            #expect(Identity.operator("root").has(feature))
        }
        #expect(Feature.viewTenantList.words == "view tenant list")
    }
}
