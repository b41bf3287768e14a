/// A program that the stack runs, in one or more copies.
///
/// In `arguments`, the values of `environment`, `readinessPath`, `metricsPath` and `dataDirectory` the words `{index}`
/// (copy, from 1) and `{port}` (the copy's own loopback port) are replaced for each copy.
public struct SupervisedProgram: Sendable, Hashable {
    /// Letters, digits and hyphens; also the name of the log and of the process in `stack status`.
    public var name: String
    /// Absolute path.
    public var executable: String
    /// Without the program's name. Seen by everyone on the machine: secrets go by file.
    public var arguments: [String]
    /// Added to a minimal environment (`PATH`, `LANG`, `HOME`); nothing else is inherited.
    public var environment: [String: String]
    /// 0 for none; each copy has a port, a log and an entry in the status of its own.
    public var copies: Int
    /// A path on the copy's port that answers 2xx when the copy is ready; nil: ready as soon as it runs.
    public var readinessPath: String?
    /// A path on the copy's port, only told in the status.
    public var metricsPath: String?
    /// A directory of the program, only told in the status.
    public var dataDirectory: String?

    /// Checks nothing: that the program can be executed is looked at when the stack starts.
    public init(
        name: String, executable: String, arguments: [String] = [], environment: [String: String] = [:],
        copies: Int = 1, readinessPath: String? = nil, metricsPath: String? = nil, dataDirectory: String? = nil
    ) {
        self.name = name
        self.executable = executable
        self.arguments = arguments
        self.environment = environment
        self.copies = copies
        self.readinessPath = readinessPath
        self.metricsPath = metricsPath
        self.dataDirectory = dataDirectory
    }
}

/// What a supervisor runs besides the two servers.
public struct LocalStackPlan: Sendable {
    /// The programs, in the order in which they are started; called once the servers are ready and prepared.
    public var programs: @Sendable (LocalStackEndpoints) throws -> [SupervisedProgram]
    /// Runs when both servers are ready and before the programs start, at each start of the supervisor: must be
    /// repeatable. Files that it makes under `keys/`, `config/` and `secrets/` are given to the stack's account.
    public var prepare: @Sendable (LocalStackEndpoints) async throws -> Void

    /// Without arguments: the two servers alone.
    public init(
        programs: @escaping @Sendable (LocalStackEndpoints) throws -> [SupervisedProgram] = { _ in [] },
        prepare: @escaping @Sendable (LocalStackEndpoints) async throws -> Void = { _ in }
    ) {
        self.programs = programs
        self.prepare = prepare
    }
}
