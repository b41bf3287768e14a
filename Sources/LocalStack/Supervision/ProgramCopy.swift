import Glibc

/// One copy of a supervised program.
struct ProgramCopy: KeptProcess {
    let program: SupervisedProgram
    let index: Int
    let port: UInt16
    let layout: LocalStackLayout
    let account: StackAccount

    init(_ program: SupervisedProgram, index: Int, endpoints: LocalStackEndpoints, account: StackAccount) {
        self.program = program
        self.index = index
        self.port = endpoints.port(of: program.name, copy: index)
        self.layout = endpoints.layout
        self.account = account
    }

    var metricsURL: String? { program.metricsPath.map { "http://127.0.0.1:\(port)\(filled($0))" } }
    var dataDirectory: String? { program.dataDirectory.map(filled) }

    func launch() async throws -> ChildProcess {
        guard Files.exists(program.executable) else {
            throw LocalStackError(
                .executableMissing, "\(program.executable) does not exist.", hint: "Install it, or correct the path.")
        }
        return try await ChildProcess.spawn(
            LaunchCommand(
                executable: program.executable, arguments: program.arguments.map(filled),
                environment: LaunchCommand.environment(
                    layout, role: program.name, program.environment.mapValues(filled)),
                workingDirectory: layout.root, log: layout.logFile(program.name, index), account: account,
                deathSignal: SIGTERM))
    }

    func awaitReady(_ child: ChildProcess) async throws {
        guard let path = program.readinessPath.map(filled) else { return }
        let port = self.port
        while !child.hasExited {
            if await offload({ HTTPProbe.isReady(port: port, path: path) }) { return }
            try await Task.sleep(for: .milliseconds(50))
        }
        throw LocalStackError(
            .programDoesNotStart, "\(program.name) \(index) ended before it was ready.",
            hint: "Read \(layout.logFile(program.name, index)).")
    }

    func stop(_ child: ChildProcess) async {
        await child.stop(with: SIGTERM, grace: .seconds(20))
    }

    private func filled(_ text: String) -> String {
        text.replacing("{index}", with: String(index)).replacing("{port}", with: String(port))
    }
}
