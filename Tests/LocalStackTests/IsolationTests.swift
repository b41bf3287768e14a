import Foundation
import Glibc
import Testing

@testable import LocalStack

extension StackTests {
    @Suite struct Isolation {
        /// What the process has open.
        private static func descriptors(_ pid: Int32) -> [String] {
            Files.names(in: "/proc/\(pid)/fd").compactMap {
                try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/fd/\($0)")
            }
        }

        @Test(.enabled(if: geteuid() == 0, "only root has privileges to drop"))
        func `nothing but the supervisor runs as root`() async throws {
            try await TestStack().use { stack in
                try await stack.client.up()
                let account = try StackAccount.resolve(for: stack.layout)
                #expect(account.uid != 0)
                let pids =
                    ProcessTable.marked(stack.layout).map(\.process.pid)
                    + ProcessTable.postgresProcesses(stack.layout).map(\.pid)
                #expect(pids.count > 8)
                for pid in pids {
                    let status = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
                    let lines = status.split(separator: "\n")
                    let uid = String(account.uid)
                    let gid = String(account.gid)
                    #expect(
                        lines.contains {
                            $0.split(separator: "\t") == ["Uid:", uid[...], uid[...], uid[...], uid[...]]
                        })
                    #expect(
                        lines.contains {
                            $0.split(separator: "\t") == ["Gid:", gid[...], gid[...], gid[...], gid[...]]
                        })
                    #expect(lines.contains { $0.hasPrefix("Groups:") && $0.dropFirst(7).allSatisfy(\.isWhitespace) })
                }
                var information = Glibc.stat()
                #expect(stat(stack.layout.keys + "/made-by-prepare", &information) == 0)
                #expect(information.st_uid == account.uid)
            }
        }

        @Test func `children have no descriptor of the supervisor's and a session of their own`() async throws {
            try await TestStack().use { stack in
                try await stack.client.up()
                let supervisor = try stack.supervisor().pid
                #expect(Self.descriptors(supervisor).contains(stack.layout.lockFile))
                for name in ["postgres", "rabbitmq", "sleeper"] {
                    let pid = try stack.pid(name)
                    let open = Self.descriptors(pid)
                    #expect(!open.contains(stack.layout.lockFile))
                    #expect(!open.contains(stack.layout.stateFile))
                    #expect(getsid(pid) == pid)
                }
                #expect(
                    Self.descriptors(try stack.pid("sleeper")).sorted()
                        == ["/dev/null", stack.layout.logFile("sleeper", 1), stack.layout.logFile("sleeper", 1)])
            }
        }

        @Test func `listeners are on loopback only`() async throws {
            try await TestStack().use { stack in
                try await stack.client.up()
                let ports = Set(try #require(StackState.read(stack.layout)).ports.values.map { String($0) })
                let listeners = try await TestStack.run("/usr/bin/ss", ["-Hltn"]).split(separator: "\n")
                    .compactMap { $0.split(separator: " ").dropFirst(3).first }
                    .filter { ports.contains(String($0.split(separator: ":").last ?? "")) }
                #expect(listeners.count >= 4)
                #expect(listeners.allSatisfy { $0.hasPrefix("127.0.0.1:") || $0.hasPrefix("[::1]:") })
            }
        }

        @Test func `secrets are closed to others and on no command line`() async throws {
            try await TestStack().use { stack in
                try await stack.client.up()
                let files = Files.names(in: stack.layout.secrets).map { stack.layout.secrets + "/" + $0 }
                #expect(files.count == 4)
                var information = Glibc.stat()
                #expect(stat(stack.layout.secrets, &information) == 0 && information.st_mode & 0o777 == 0o700)
                for file in files {
                    #expect(stat(file, &information) == 0 && information.st_mode & 0o777 == 0o600)
                }
                let secrets = try [
                    stack.layout.postgresPasswordFile, stack.layout.rabbitmqPasswordFile, stack.layout.cookieFile,
                ].map { try #require(try Files.readIfThere($0)).trimmed }
                #expect(Set(secrets).count == 3 && secrets.allSatisfy { $0.count == 48 })
                let pids =
                    ProcessTable.marked(stack.layout).map(\.process.pid)
                    + ProcessTable.postgresProcesses(stack.layout).map(\.pid)
                for pid in pids {
                    for file in ["cmdline", "environ"] {
                        let text = String(
                            decoding: try Data(contentsOf: URL(fileURLWithPath: "/proc/\(pid)/\(file)")), as: UTF8.self)
                        #expect(!secrets.contains { text.contains($0) })
                    }
                }
                for log in Files.names(in: stack.layout.logs) {
                    let text = Files.tail(stack.layout.logs + "/" + log, bytes: 1_000_000)
                    #expect(!secrets.contains { text.contains($0) }, "\(log)")
                }
            }
        }

        @Test func `the database has checksums, durable commits and passwords for everyone`() async throws {
            try await TestStack().use { stack in
                try await stack.client.up()
                let names = [
                    "data_checksums", "fsync", "synchronous_commit", "full_page_writes", "server_encoding",
                    "lc_collate", "password_encryption", "listen_addresses", "shared_buffers", "max_connections",
                ]
                let values = try await stack.sql(
                    "SELECT string_agg(current_setting(n), ',' ORDER BY i) FROM unnest('{"
                        + names.joined(separator: ",") + "}'::text[]) WITH ORDINALITY AS t(n, i)")
                #expect(values == "on,on,on,on,UTF8,C,scram-sha-256,127.0.0.1,256MB,200")
                let methods = try await stack.sql("SELECT string_agg(DISTINCT auth_method, ',') FROM pg_hba_file_rules")
                #expect(methods == "scram-sha-256")
            }
        }

        @Test func `the broker refuses guest and a wrong password`() async throws {
            try await TestStack().use { stack in
                try await stack.client.up()
                let broker = try #require(stack.client.endpoints()).rabbitmq
                for (user, password) in [("guest", "guest"), (broker.user, "wrong")] {
                    let outcome = await offload {
                        AMQPProbe.login(port: broker.port, user: user, password: password, virtualHost: "/")
                    }
                    #expect(outcome == .refused)
                }
            }
        }
    }
}
