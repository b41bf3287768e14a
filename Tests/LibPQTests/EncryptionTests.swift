import LibPQ
import Testing

@Suite(.timeLimit(.minutes(2))) struct EncryptionTests {
    @Test func `verify-full accepts the right certificate for the right name`() async throws {
        let cluster = try await TemporaryCluster.shared.value
        let connection = try await TemporaryCluster.connect {
            $0.host = "localhost"
            $0.sslMode = .verifyFull
            $0.sslRootCertificate = cluster.rootCertificate
        }
        #expect(await connection.isEncrypted)
        #expect(try await connection.query("SELECT 1").count == 1)
        // A cancel request works beside an encrypted connection too.
        let error = try await postgresError {
            _ = try await connection.query("SELECT pg_sleep(60)", deadline: .milliseconds(50))
        }
        #expect(error?.code == .deadlineExceeded)
    }

    @Test func `verify-full refuses another name`() async throws {
        let cluster = try await TemporaryCluster.shared.value
        let error = try await postgresError {
            _ = try await TemporaryCluster.connect {
                $0.sslMode = .verifyFull
                $0.sslRootCertificate = cluster.rootCertificate
            }
        }
        #expect(error?.code == .tlsFailed)
        // The same certificate passes when names are not compared: it was the name.
        let connection = try await TemporaryCluster.connect {
            $0.sslMode = .verifyCA
            $0.sslRootCertificate = cluster.rootCertificate
        }
        #expect(await connection.isEncrypted)
    }

    @Test func `verify-full refuses another authority`() async throws {
        let cluster = try await TemporaryCluster.shared.value
        let error = try await postgresError {
            _ = try await TemporaryCluster.connect {
                $0.host = "localhost"
                $0.sslMode = .verifyFull
                $0.sslRootCertificate = cluster.otherRootCertificate
            }
        }
        #expect(error?.code == .tlsFailed)
    }

    @Test func `a missing file of authorities is refused`() async throws {
        let error = try await postgresError {
            _ = try await TemporaryCluster.connect {
                $0.host = "localhost"
                $0.sslMode = .verifyFull
                $0.sslRootCertificate = "/nonexistent/root.crt"
            }
        }
        #expect(error?.code == .tlsFailed)
    }

    @Test func `a server without encryption is refused when encryption is required`() async throws {
        let cluster = try TemporaryCluster(tls: false)
        defer { cluster.stop() }
        var configuration = cluster.configuration
        configuration.sslMode = .require
        let error = try await postgresError { _ = try await PostgresConnection.connect(configuration) }
        #expect(error?.code == .tlsFailed)
        configuration.sslMode = .disable
        let connection = try await PostgresConnection.connect(configuration)
        #expect(await connection.isEncrypted == false)
    }
}
