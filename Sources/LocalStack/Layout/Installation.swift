import FoundationEssentials
import Glibc

/// Finds PostgreSQL, RabbitMQ and Erlang on this machine.
enum Installation {
    /// The directory with `postgres` and `initdb`: `override`, else PostgreSQL 15, else the newest above.
    static func postgres(under base: String = "/usr/lib/postgresql", path: String? = nil) throws -> String {
        let versions = Files.names(in: base).compactMap(Int.init).filter { $0 >= 15 }.sorted(by: >)
        let preferred = versions.contains(15) ? [15] + versions : versions
        var candidates = preferred.map { "\(base)/\($0)/bin" }
        candidates += (path ?? searchPath).split(separator: ":").map(String.init)
        for directory in candidates where runs(directory + "/postgres") && runs(directory + "/initdb") {
            return directory
        }
        throw LocalStackError(
            .executableMissing, "PostgreSQL 15 or newer is not installed.", hint: "apt install postgresql-15")
    }

    /// The broker's home, for example `/usr/lib/rabbitmq/lib/rabbitmq_server-3.10.8`.
    static func rabbitmq(under base: String = "/usr/lib/rabbitmq/lib") throws -> String {
        let names = Files.names(in: base).filter { $0.hasPrefix("rabbitmq_server-") }.sorted {
            numbers($0).lexicographicallyPrecedes(numbers($1))
        }
        for name in names.reversed() where Files.exists("\(base)/\(name)/plugins") {
            return "\(base)/\(name)"
        }
        throw LocalStackError(
            .executableMissing, "RabbitMQ is not installed.", hint: "apt install rabbitmq-server")
    }

    /// `erl` or `epmd`.
    static func erlang(_ program: String) throws -> String {
        for directory in ["/usr/bin", "/usr/lib/erlang/bin"] + searchPath.split(separator: ":").map(String.init)
        where runs("\(directory)/\(program)") {
            return "\(directory)/\(program)"
        }
        throw LocalStackError(
            .executableMissing, "Erlang's \(program) is not installed.", hint: "apt install erlang-base")
    }

    private static var searchPath: String { getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin" }

    private static func runs(_ path: String) -> Bool { access(path, X_OK) == 0 }

    private static func numbers(_ name: String) -> [Int] {
        name.split { !$0.isNumber }.compactMap { Int($0) }
    }
}
