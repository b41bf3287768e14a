import BackupModel
import Foundation
import Testing

/// The programs under test: a folder with release builds, or the products of the build that runs the tests.
enum Programs {
    static let folder: String = {
        if let named = ProcessInfo.processInfo.environment["ENTRA_BACKUP_PROGRAMS"] { return named }
        return Bundle.main.bundleURL.deletingLastPathComponent().path.hasSuffix(".xctest")
            ? Bundle.main.bundleURL.deletingLastPathComponent().deletingLastPathComponent().path
            : URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent().path
    }()

    struct Result: Sendable {
        var status: Int32
        var output: String
        var errors: String

        func json() throws -> JSONValue { try JSONValue(parsing: Array(output.utf8)) }
    }

    /// A program that was started and ends by itself.
    struct Running {
        fileprivate let process: Process
        fileprivate let output: Drain
        fileprivate let errors: Drain

        /// Waits for the end.
        func result() -> Result {
            process.waitUntilExit()
            return Result(status: process.terminationStatus, output: output.text(), errors: errors.text())
        }
    }

    /// Runs a program to its end.
    @discardableResult
    static func run(_ name: String, _ arguments: [String], environment: [String: String] = [:]) throws -> Result {
        try spawn(name, arguments, environment: environment).result()
    }

    /// Starts a program whose result is asked for later.
    static func spawn(_ name: String, _ arguments: [String], environment: [String: String]) throws -> Running {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: name.hasPrefix("/") ? name : "\(folder)/\(name)")
        process.arguments = arguments
        process.environment = ["PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "HOME": NSTemporaryDirectory()]
            .merging(environment) { $1 }
        let output = Pipe()
        let errors = Pipe()
        process.standardOutput = output
        process.standardError = errors
        process.standardInput = FileHandle.nullDevice
        try process.run()
        // Both pipes are read while the program runs, else a full one would stop it.
        return Running(process: process, output: Drain(output), errors: Drain(errors))
    }

    /// Starts a program that goes on.
    static func start(_ name: String, environment: [String: String]) throws -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "\(folder)/\(name)")
        process.environment = environment
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        process.standardInput = FileHandle.nullDevice
        try process.run()
        return process
    }
}

extension Process {
    /// Asks a running program to end, and waits until it has.
    func end() {
        guard isRunning else { return }
        terminate()
        waitUntilExit()
    }
}

/// Reads a pipe to its end on a thread of its own.
private final class Drain: @unchecked Sendable {
    // Written by the reading thread before `done` is signalled, read after it.
    private var data = Data()
    private let done = DispatchSemaphore(value: 0)

    init(_ pipe: Pipe) {
        let handle = pipe.fileHandleForReading
        DispatchQueue.global().async { [self] in
            data = handle.readDataToEndOfFile()
            done.signal()
        }
    }

    func text() -> String {
        done.wait()
        return String(decoding: data, as: UTF8.self)
    }
}
