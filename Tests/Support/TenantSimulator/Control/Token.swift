/// Access tokens that look like the service's: a header, claims and a signature that only this process can make.
struct AccessToken {
    let tenantID: String
    let applicationID: String
    let roles: Set<String>
    /// Seconds of the wall clock.
    let expiry: Int

    func text(key: UInt64) -> String {
        let header = Base64.encodeURL(Array(#"{"typ":"JWT","alg":"RS256","kid":"simulator"}"#.utf8))
        let claims: SimulatedJSON = .object([
            ("aud", .string("https://graph.microsoft.com")), ("iss", .string("https://sts.windows.net/\(tenantID)/")),
            ("iat", .number(String(expiry - 3_600))), ("nbf", .number(String(expiry - 3_600))),
            ("exp", .number(String(expiry))), ("appid", .string(applicationID)), ("idtyp", .string("app")),
            ("roles", .array(roles.sorted().map(SimulatedJSON.string))), ("tid", .string(tenantID)),
            ("ver", .string("1.0")),
        ])
        let payload = Base64.encodeURL(claims.encoded)
        return "\(header).\(payload).\(Self.signature("\(header).\(payload)", key))"
    }

    /// Reads a token of this process, expired or not.
    init?(_ text: String, key: UInt64) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[2] == Self.signature("\(parts[0]).\(parts[1])", key),
            let bytes = Base64.decode(parts[1]), let claims = try? SimulatedJSON.parse(bytes),
            let tenant = claims["tid"]?.text, let application = claims["appid"]?.text,
            let expiry = claims["exp"]?.integer
        else { return nil }
        tenantID = tenant
        applicationID = application
        roles = Set(claims["roles"]?.items?.compactMap(\.text) ?? [])
        self.expiry = expiry
    }

    init(tenantID: String, applicationID: String, roles: Set<String>, expiry: Int) {
        self.tenantID = tenantID
        self.applicationID = applicationID
        self.roles = roles
        self.expiry = expiry
    }

    /// No cryptography: the tokens open nothing but a simulator.
    private static func signature(_ text: String, _ key: UInt64) -> String {
        var hash = key
        for unit in text.utf8 { hash = (hash ^ UInt64(unit)) &* 0x100_0000_01B3 }
        let words = (0..<4).map { SeededRandom.mix(hash &+ $0) }
        return Base64.encodeURL(words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } })
    }
}
