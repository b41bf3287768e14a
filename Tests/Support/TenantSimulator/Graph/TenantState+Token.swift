extension TenantState {
    /// Answers the token endpoint for a known tenant.
    ///
    /// - Parameters:
    ///   - form: the decoded form fields.
    ///   - now: seconds of the wall clock.
    mutating func token(_ form: [String: String], basic: (String, String)?, now: Int, key: UInt64) -> GraphResponse {
        guard form["grant_type"] == "client_credentials" else {
            return Self.tokenError(400, "unsupported_grant_type", 70003, "The app requested an unsupported grant type.")
        }
        let clientID = form["client_id"] ?? basic?.0 ?? ""
        guard form["scope"]?.hasSuffix("/.default") ?? false else {
            return Self.tokenError(400, "invalid_scope", 1_002_012, "The provided value for scope is not valid.")
        }
        guard let client = clients.first(where: { $0.clientID == clientID }) else {
            return Self.tokenError(
                400, "unauthorized_client", 700_016,
                "Application with identifier '\(clientID)' was not found in the directory '\(world.tenantID)'.")
        }
        if let assertion = form["client_assertion"] {
            guard Self.isPlausible(assertion, clientID: clientID) else {
                return Self.tokenError(
                    401, "invalid_client", 700_027,
                    """
                    The certificate with identifier used to sign the client assertion is not \
                    registered on application.
                    """
                )
            }
        } else {
            guard (form["client_secret"] ?? basic?.1) == client.secret else {
                return Self.tokenError(
                    401, "invalid_client", 7_000_215,
                    """
                    Invalid client secret provided. Ensure the secret being sent in the \
                    request is the client secret value.
                    """
                )
            }
            if client.secretIsExpired {
                return Self.tokenError(
                    401, "invalid_client", 7_000_222,
                    "The provided client secret keys for app '\(clientID)' are expired.")
            }
        }
        statistics.tokens += 1
        let token = AccessToken(
            tenantID: world.tenantID, applicationID: clientID, roles: client.permissions,
            expiry: now + settings.tokenLife)
        return .json(
            200,
            .object([
                ("token_type", .string("Bearer")), ("expires_in", .number(String(settings.tokenLife))),
                ("ext_expires_in", .number(String(settings.tokenLife))),
                ("access_token", .string(token.text(key: key))),
            ]))
    }

    /// Structure only: three parts, PS256 with a thumbprint, and the claims that must be there.
    private static func isPlausible(_ assertion: String, clientID: String) -> Bool {
        let parts = assertion.split(separator: ".")
        guard parts.count == 3,
            let header = Base64.decode(parts[0]).flatMap({ try? SimulatedJSON.parse($0) }),
            let claims = Base64.decode(parts[1]).flatMap({ try? SimulatedJSON.parse($0) }),
            let signature = Base64.decode(parts[2])
        else { return false }
        let isSigned = header["alg"]?.text == "PS256" && header["x5t#S256"]?.text != nil && signature.count >= 256
        let names = ["aud", "jti", "nbf", "exp"]
        return isSigned && claims["iss"]?.text == clientID && claims["sub"]?.text == clientID
            && names.allSatisfy { claims[$0] != nil } && (claims["aud"]?.text?.contains("/oauth2/v2.0/token") ?? false)
    }

    static func tokenError(_ status: Int, _ error: String, _ code: Int, _ message: String) -> GraphResponse {
        .json(
            status,
            .object([
                ("error", .string(error)), ("error_description", .string("AADSTS\(code): \(message)")),
                ("error_codes", .array([.number(String(code))])), ("timestamp", .string("2026-01-01 00:00:00Z")),
                ("trace_id", .string(SeededRandom.guid(UInt64(code), 1))),
                ("correlation_id", .string(SeededRandom.guid(UInt64(code), 2))),
            ]))
    }
}
