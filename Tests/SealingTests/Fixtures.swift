import Crypto
import Foundation

@testable import Sealing

/// Fixed keys and made-up content for all suites.
enum Fixtures {
    static let tenant = UUID(uuidString: "6f1c0d4e-0f6a-4a55-9a3c-51a2b3c4d5e6") ?? UUID()
    static let otherTenant = UUID(uuidString: "0a9b8c7d-1111-4222-8333-944455566677") ?? UUID()
    static let object = UUID(uuidString: "11112222-3333-4444-5555-666677778888") ?? UUID()
    static let digest = [UInt8](repeating: 0xD1, count: 32)

    static let user = Array(
        """
        {"accountEnabled":true,"assignedLicenses":[],"businessPhones":[],"city":"Neustadt","companyName":null,\
        "country":"Germany","department":"Sales","displayName":"Anna Lopez","givenName":"Anna",\
        "id":"11112222-3333-4444-5555-666677778888","jobTitle":null,"mail":"anna.lopez@example.com",\
        "mailNickname":"anna.lopez","officeLocation":null,"onPremisesSyncEnabled":null,"surname":"Lopez",\
        "usageLocation":"DE","userPrincipalName":"anna.lopez@example.com","userType":"Member"}
        """.utf8)

    static let policy = Array(
        """
        {"conditions":{"applications":{"excludeApplications":[],"includeApplications":["All"],\
        "includeAuthenticationContextClassReferences":[],"includeUserActions":[]},"clientAppTypes":["all"],\
        "locations":null,"platforms":null,"signInRiskLevels":[],"userRiskLevels":[],"users":{"excludeGroups":[],\
        "excludeRoles":[],"excludeUsers":[],"includeGroups":[],"includeRoles":[],"includeUsers":["All"]}},\
        "displayName":"Require MFA","grantControls":{"builtInControls":["mfa"],"customAuthenticationFactors":[],\
        "operator":"OR","termsOfUse":[]},"sessionControls":null,"state":"enabled"}
        """.utf8)

    /// Keys that are the same in every run: byte n of key k is k + n.
    static func keys(for tenant: UUID = tenant, dataKeys: UInt16 = 1) -> TenantKeys {
        let numbered = (1...dataKeys).map { ($0, key(UInt8($0))) }
        return TenantKeys(
            tenant: tenant, dataKeys: Dictionary(uniqueKeysWithValues: numbered), digest: key(0x40), search: key(0x80)
        ) ?? .generate(for: tenant)
    }

    static func key(_ first: UInt8) -> SymmetricKey {
        SymmetricKey(data: (0..<32).map { first &+ $0 })
    }

    /// Reproducible bytes that do not compress (SplitMix64).
    static func noise(count: Int, seed: UInt64) -> [UInt8] {
        var state = seed
        return (0..<count).map { _ in
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return UInt8(truncatingIfNeeded: mixed ^ (mixed >> 31))
        }
    }

    static func bytes(hex: String) -> [UInt8] {
        let digits = hex.filter(\.isHexDigit).compactMap(\.hexDigitValue)
        return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }
}

extension [UInt8] {
    var hex: String { map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() }
}

/// A folder that is gone when the test ends.
final class ScratchFolder {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "sealing-" + UUID().uuidString
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func files(in folder: String = "") throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: path + "/" + folder).sorted()
    }

    func setMode(_ mode: Int, of name: String) throws {
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path + "/" + name)
    }

    func mode(of name: String) throws -> Int {
        let attributes = try FileManager.default.attributesOfItem(atPath: path + "/" + name)
        return (attributes[.posixPermissions] as? NSNumber)?.intValue ?? -1
    }

    func text(of name: String) throws -> String {
        try String(contentsOfFile: path + "/" + name, encoding: .utf8)
    }

    /// Replaces a file's text and keeps it closed to others.
    func setText(_ text: String, of name: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: path + "/" + name))
        try setMode(0o600, of: name)
    }
}

/// The code of the key error that `body` throws, nil if it throws none.
func keyErrorCode(_ body: () throws -> Void) -> KeyError.Code? {
    do { try body() } catch { return (error as? KeyError)?.code }
    return nil
}

/// The code of the sealing error that `body` throws, nil if it throws none.
func sealingErrorCode(_ body: () throws -> Void) -> SealingError.Code? {
    do { try body() } catch { return (error as? SealingError)?.code }
    return nil
}
