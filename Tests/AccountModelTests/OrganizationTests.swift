import AccountModel
import Foundation
import Testing

/// What states, plans and trials do to an organization.
@Suite struct OrganizationTests {
    private func organization(
        _ state: SubscriptionState = .active, _ product: ProductType = .backupEntra, nfr: Bool = false
    ) -> Organization {
        Organization(
            id: UUID(), partner: UUID(), plan: UUID(), name: "O", firstName: "F", lastName: "L", email: "a@b.example",
            country: "DE", seats: nil, autoLicense: false, state: state, createdAt: Date(timeIntervalSince1970: 0),
            product: product, nfrEndsAt: nfr ? Date(timeIntervalSince1970: 1_000) : nil)
    }

    @Test func `each state does what is published`() {
        // Sign-in, backups, data.
        let published: [SubscriptionState: (Bool, Bool, Bool)] = [
            .active: (true, true, true), .suspended: (false, true, true), .unsubscribed: (false, false, true),
            .deleted: (false, false, false),
        ]
        for state in SubscriptionState.allCases {
            let effect = state.effect
            let row = published[state]
            #expect(effect.allowsSignIn == row?.0 && effect.runsBackups == row?.1 && effect.keepsData == row?.2)
            #expect(state.summary.contains(effect.allowsSignIn ? "sign-in is on" : "sign-in is off"))
            #expect(state.summary.contains(effect.runsBackups ? "go on" : "stop"))
            #expect(state.summary.contains(effect.keepsData ? "kept" : "erased"))
        }
    }

    @Test func `nothing comes back from deletion, and everything else can be deleted and made active`() {
        #expect(SubscriptionState.deleted.effect.next.isEmpty)
        for state in SubscriptionState.allCases where state != .deleted {
            #expect(state.effect.next.contains(.deleted))
            #expect(state == .active || state.effect.next.contains(.active))
            #expect(!state.effect.next.contains(state))
        }
    }

    @Test func `backups are made where state and plan, or the trial, have them`() {
        for state in SubscriptionState.allCases {
            for product in ProductType.allCases {
                for nfr in [false, true] {
                    let it = organization(state, product, nfr: nfr)
                    let isCovered = state.effect.runsBackups && (product.includesEntra || nfr)
                    #expect((it.backupStop == nil) == isCovered, "\(state) \(product) \(nfr)")
                    if !state.effect.runsBackups { #expect(it.backupStop == .state(state)) }
                    #expect(it.labels.contains("NFR") == nfr)
                    #expect(it.labels.contains("Entra") == (product.includesEntra || nfr))
                }
            }
        }
        let codes = [organization(.deleted), organization(.unsubscribed), organization(.active, .archive)].map {
            $0.backupStop?.code
        }
        #expect(codes == ["organizationDeleted", "organizationUnsubscribed", "planWithoutEntra"])
    }

    @Test func `features are as they come until they are switched`() {
        var it = organization()
        #expect(EndUserFeature.allCases.filter(it.allows) == [.viewObjects, .compare, .reports])
        it.switchedFeatures = [.restore: true, .compare: false]
        #expect(EndUserFeature.allCases.filter(it.allows) == [.viewObjects, .restore, .reports])
        #expect(Set(EndUserFeature.allCases.map(\.rawValue)).count == EndUserFeature.allCases.count)
    }

    @Test func `a trial ends after now and within a year`() {
        let now = Date(timeIntervalSince1970: 1_700_000_000)
        #expect(NFRPeriod.allows(NFRPeriod.standardEnd(from: now), from: now))
        #expect(NFRPeriod.allows(now.addingTimeInterval(1), from: now))
        #expect(!NFRPeriod.allows(now, from: now))
        #expect(NFRPeriod.allows(now.addingTimeInterval(366 * 86_400), from: now))
        #expect(!NFRPeriod.allows(now.addingTimeInterval(366 * 86_400 + 1), from: now))
    }

    @Test func `codes are those of the lists, and none that are only reserved, gone, or no money`() {
        #expect(CountryCode.all.count == 249 && CurrencyCode.all.count == 164)
        #expect(CountryCode.all.allSatisfy { $0.count == 2 && $0 == $0.uppercased() })
        #expect(CurrencyCode.all.allSatisfy { $0.count == 3 && $0 == $0.uppercased() })
        for known in ["de", "US", "Gb", "AX", "ss"] { #expect(CountryCode.known(known) == known.uppercased()) }
        for unknown in ["EU", "UK", "XK", "SU", "AN", "ZZ", "DEU", "", "D", "ß", "ДЕ"] {
            #expect(CountryCode.known(unknown) == nil, "\(unknown)")
        }
        for known in ["eur", "USD", "Chf", "XCG", "ZWG", "JPY"] {
            #expect(CurrencyCode.known(known) == known.uppercased())
        }
        for unknown in ["DEM", "HRK", "BGN", "ANG", "XAU", "XTS", "XXX", "BTC", "EUX", "EU", "", "€"] {
            #expect(CurrencyCode.known(unknown) == nil, "\(unknown)")
        }
    }

    @Test(arguments: [
        // Days left, checked, consented, the newest failure.
        (nil as Double?, true, true, nil as String?, "valid"), (31, true, true, nil, "valid"),
        (29.5, true, true, nil, "expiring in 29 days"), (1.5, true, true, nil, "expiring in 1 day"),
        (0.5, true, true, nil, "expires today"), (0, true, true, nil, "expired"), (-3, false, false, nil, "expired"),
        (100, true, true, "credentialsExpired", "expired"),
        (100, true, true, "credentialsInvalid", "rejected by Microsoft Entra ID"),
        (100, true, true, "consentMissing", "consent missing"), (100, true, false, nil, "consent missing"),
        (100, true, true, "graphUnreachable", "valid"), (nil, false, false, nil, "not checked yet"),
        (5, false, false, nil, "expiring in 5 days"),
    ]) func `what is known of a credential has one meaning`(
        days: Double?, isChecked: Bool, hasConsent: Bool, failure: String?, text: String
    ) {
        let now = Date(timeIntervalSince1970: 1_700_000_000)
        let facts = CredentialStatus.Facts(
            expiresAt: days.map { now.addingTimeInterval($0 * 86_400) }, isChecked: isChecked, hasConsent: hasConsent,
            lastFailure: failure)
        #expect(CredentialStatus(facts, now: now).text == text)
    }
}
