import BackupContracts
import BackupModel
import CryptoExtras
import Foundation
import Synchronization
import Testing

@testable import GraphDirectory

struct TokenTests {
    static let page = #"{"value":[]}"#
    static let served: Bench.Script = { _, _ in .answer(200, page) }

    static func fields(_ text: String) -> [String: String] {
        var fields: [String: String] = [:]
        for pair in text.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1).map { String($0).removingPercentEncoding ?? "" }
            fields[parts[0]] = parts.count == 2 ? parts[1] : ""
        }
        return fields
    }

    static func refusal(_ number: Int, status: Int = 401, error: String = "invalid_client") -> ScriptedServer.Reply {
        let text = "AADSTS\(number): Application 'Secret Name' of 'Contoso'. Trace ID: x"
        return .answer(status, #"{"error":"\#(error)","error_description":"\#(text)","error_codes":[\#(number)]}"#)
    }

    static func failure(_ bench: Bench, _ connection: DirectoryConnection? = nil) async -> StageFailure? {
        await #expect(throws: StageFailure.self) {
            try await bench.reader.permissions(connection ?? bench.connection)
        }
    }

    @Test func `A secret is sent as a form, and the roles are read`() async throws {
        try await Bench.with(token: { _, _ in .answer(200, Bench.jwt(0, roles: ["A", "B"])) }, graph: Self.served).run {
            bench in
            let roles = try await bench.reader.permissions(bench.connection)
            #expect(roles == ["A", "B"])
            let request = try #require(bench.tokenRequests.first)
            #expect(request.uri == "/\(Bench.tenant)/oauth2/v2.0/token")
            #expect(request.header("Content-Type") == "application/x-www-form-urlencoded")
            #expect(
                Self.fields(request.text) == [
                    "client_id": Bench.client, "scope": "https://graph.microsoft.com/.default",
                    "grant_type": "client_credentials", "client_secret": "s3cret+/&= ü",
                ])
        }
    }

    @Test func `An assertion is one that the certificate's public key verifies`() async throws {
        let made = try Certificates.shared.get()
        let now = Date().timeIntervalSince1970
        for key in [made.pkcs8, made.pkcs1] {
            let credential = DirectoryCredential.clientCertificate(certificate: made.certificate, privateKey: key)
            try await Bench.with(credential: credential, unixTime: now, graph: Self.served).run { bench in
                _ = try await bench.read()
                let fields = Self.fields(try #require(bench.tokenRequests.first).text)
                #expect(fields["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
                #expect(fields["client_secret"] == nil)
                let parts = try #require(fields["client_assertion"]).split(separator: ".")
                #expect(parts.count == 3)
                let header = try JSONSerialization.jsonObject(with: try #require(Data(base64URL: parts[0])))
                let thumbprint = try #require((header as? [String: String])?["x5t#S256"])
                #expect((header as? [String: String])?["alg"] == "PS256")
                #expect((header as? [String: String])?["typ"] == "JWT")
                let digest = try #require(Data(base64URL: thumbprint)).map { String(format: "%02x", $0) }.joined()
                #expect(digest == made.thumbprint)
                let publicKey = try _RSA.Signing.PublicKey(pemRepresentation: made.publicKey)
                let signature = _RSA.Signing.RSASignature(rawRepresentation: try #require(Data(base64URL: parts[2])))
                #expect(publicKey.isValidSignature(signature, for: Data("\(parts[0]).\(parts[1])".utf8), padding: .PSS))
                let payload = try JSONSerialization.jsonObject(with: try #require(Data(base64URL: parts[1])))
                let claims = try #require(payload as? [String: Any])
                #expect(claims["aud"] as? String == "\(bench.server.url)/\(Bench.tenant)/oauth2/v2.0/token")
                #expect(claims["iss"] as? String == Bench.client)
                #expect(claims["sub"] as? String == Bench.client)
                #expect(UUID(uuidString: claims["jti"] as? String ?? "") != nil)
                #expect(claims["nbf"] as? Int == Int(now))
                #expect(claims["exp"] as? Int == Int(now) + 300)
            }
        }
    }

    @Test func `What is wrong with a certificate is named before anything is sent`() async throws {
        let made = try Certificates.shared.get()
        let cases: [(String, String, String)] = [
            ("text", made.pkcs8, "certificate is not in PEM"), (made.certificate, "text", "private key is not in PEM"),
            ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", made.pkcs8, "damaged"),
            (made.certificate, made.encrypted, "passphrase"), (made.certificate, made.ellipticKey, "not an RSA key"),
            (made.certificate, made.otherKey, "does not belong"),
        ]
        for (certificate, key, message) in cases {
            let credential = DirectoryCredential.clientCertificate(certificate: certificate, privateKey: key)
            try await Bench.with(credential: credential, graph: Self.served).run { bench in
                let failure = await Self.failure(bench)
                #expect(failure?.code == .credentialsInvalid)
                #expect(failure?.message.contains(message) == true, "\(failure?.message ?? "")")
                #expect(bench.server.all.isEmpty)
            }
        }
    }

    @Test func `A certificate that has expired is not sent`() async throws {
        let made = try Certificates.shared.get()
        let credential = DirectoryCredential.clientCertificate(certificate: made.certificate, privateKey: made.pkcs8)
        let later = Date().timeIntervalSince1970 + 31 * 86_400
        try await Bench.with(credential: credential, unixTime: later, graph: Self.served).run { bench in
            #expect(await Self.failure(bench)?.code == .credentialsExpired)
            #expect(bench.server.all.isEmpty)
        }
    }

    @Test(arguments: [
        (7_000_215, FailureCode.credentialsInvalid), (700_016, .credentialsInvalid), (700_027, .credentialsInvalid),
        (700_024, .credentialsInvalid), (7_000_222, .credentialsExpired), (65_001, .consentMissing),
        (7_000_229, .consentMissing), (650_052, .consentMissing), (90_002, .tenantUnknown), (900_023, .tenantUnknown),
        (900_382, .tenantUnknown), (1, .credentialsInvalid),
    ])
    func `Each refusal of the token endpoint has its code`(number: Int, code: FailureCode) async throws {
        try await Bench.with(token: { _, _ in Self.refusal(number) }, graph: Self.served).run { bench in
            let failure = await Self.failure(bench)
            #expect(failure?.code == code)
            #expect(failure?.message.contains("AADSTS\(number)") == true)
            #expect(failure?.message.contains("Contoso") == false)
            #expect(failure?.message.contains("Secret Name") == false)
            #expect(bench.tokenRequests.count == 1)
            #expect(bench.graphRequests.isEmpty)
        }
    }

    @Test func `The number is found in the text alone`() {
        let body = #"{"error":"invalid_client","error_description":"AADSTS7000222: The keys are expired."}"#
        #expect(TokenFailure(body: Array(body.utf8)).code == .credentialsExpired)
        #expect(TokenFailure(body: []).code == .credentialsInvalid)
    }

    @Test func `Trouble of the token service is waited for`() async throws {
        let replies: [ScriptedServer.Reply] = [
            .answer(429, ["Retry-After": "3"], ""), .answer(503, ""), Self.refusal(90_033, status: 400), .reset,
            .answer(200, "{"),
        ]
        try await Bench.with(
            token: { _, count in count < replies.count ? replies[count] : .answer(200, Bench.jwt(0)) },
            graph: Self.served
        ).run { bench in
            let roles = try await bench.reader.permissions(bench.connection)
            #expect(roles == ["User.Read.All"])
            #expect(bench.clock.sleeps.first == .seconds(3))
            #expect(bench.tokenRequests.count == 6)
        }
    }

    @Test func `A token service that is away is unreachable, not a wrong credential`() async throws {
        try await Bench.with(token: { _, _ in .answer(500, "") }, graph: Self.served).run { bench in
            #expect(await Self.failure(bench)?.code == .graphServerError)
        }
        try await Bench.with(token: { _, _ in .answer(429, ["Retry-After": "99"], "") }, graph: Self.served).run {
            bench in
            let failure = await Self.failure(bench)
            #expect(failure?.code == .graphThrottled)
            #expect(failure?.retryAfter == .seconds(99))
        }
    }

    @Test(arguments: [nil, []] as [[String]?])
    func `A token without any role means that nobody consented`(roles: [String]?) async throws {
        try await Bench.with(token: { _, count in .answer(200, Bench.jwt(count, roles: roles)) }, graph: Self.served)
            .run { bench in
                #expect(await Self.failure(bench)?.code == .consentMissing)
                // Not remembered: consent that is given now counts at once.
                #expect(await Self.failure(bench)?.code == .consentMissing)
                #expect(bench.tokenRequests.count == 2)
            }
    }

    @Test func `A token without the right role is a missing permission of one collection`() async throws {
        try await Bench.with(graph: { _, _ in .answer(403, Bench.error("Authorization_RequestDenied")) }).run { bench in
            #expect(await bench.failure()?.code == .permissionMissing)
        }
    }

    @Test(arguments: ["{}", #"{"access_token":"opaque","expires_in":1}"#, #"{"access_token":"a.b.c","expires_in":1}"#])
    func `An answer without a usable token is malformed`(body: String) async throws {
        try await Bench.with(token: { _, _ in .answer(200, body) }, graph: Self.served).run { bench in
            #expect(await Self.failure(bench)?.code == .graphAnswerMalformed)
        }
    }

    @Test func `Many readers ask for one token`() async throws {
        try await Bench.with(graph: Self.served).run { bench in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<30 { group.addTask { _ = try await bench.read() } }
                try await group.waitForAll()
            }
            #expect(bench.tokenRequests.count == 1)
        }
    }

    @Test func `A token is renewed at four fifths of its life`() async throws {
        try await Bench.with(graph: Self.served).run { bench in
            _ = try await bench.read()
            bench.clock.advance(.seconds(2879))
            _ = try await bench.read()
            #expect(bench.tokenRequests.count == 1)
            bench.clock.advance(.seconds(1))
            _ = try await bench.read()
            #expect(bench.tokenRequests.count == 2)
        }
    }

    @Test func `A token that ends in mid-walk is renewed once for all`() async throws {
        let refused = Mutex<String?>(nil)
        try await Bench.with(graph: { request, count in
            let token = request.header("Authorization")
            return refused.withLock { refused in
                if count == 1 { refused = token }
                return token == refused
                    ? .answer(401, Bench.error("InvalidAuthenticationToken")) : .answer(200, Self.page)
            }
        }).run { bench in
            _ = try await bench.read()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<10 { group.addTask { _ = try await bench.read() } }
                try await group.waitForAll()
            }
            #expect(bench.tokenRequests.count == 2)
        }
    }

    @Test func `A second 401 ends the read`() async throws {
        try await Bench.with(graph: { _, _ in .answer(401, Bench.error("InvalidAuthenticationToken")) }).run { bench in
            #expect(await bench.failure()?.code == .credentialsInvalid)
            #expect(bench.graphRequests.count == 2)
            #expect(bench.tokenRequests.count == 2)
            #expect(Set(bench.graphRequests.compactMap { $0.header("Authorization") }).count == 2)
        }
    }

    @Test func `Another credential, tenant or cloud has its own token`() async throws {
        try await Bench.with(graph: Self.served).run { bench in
            var other = bench.connection
            _ = try await bench.reader.permissions(other)
            other.credential = .clientSecret("new")
            _ = try await bench.reader.permissions(other)
            other.cloud = .usGovDoD
            _ = try await bench.reader.permissions(other)
            #expect(bench.tokenRequests.count == 3)
            #expect(Self.fields(bench.tokenRequests[2].text)["scope"] == "https://dod-graph.microsoft.us/.default")
        }
    }

    @Test func `No message and no description holds a secret`() async throws {
        try await Bench.with(token: { _, _ in Self.refusal(7_000_215) }, graph: Self.served).run { bench in
            let failure = await Self.failure(bench)
            #expect(failure?.description.contains("s3cret") == false)
            #expect("\(bench.connection)".contains("s3cret") == false)
        }
    }
}
