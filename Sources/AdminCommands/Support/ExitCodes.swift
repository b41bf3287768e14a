import Glibc

/// What the exit codes mean, for the help of every command.
enum ExitCodes {
    /// Ends the process with 130 when it is interrupted, unless its caller wants interrupts ignored. The supervisor of a
    /// stack takes the signal over.
    static func answerInterrupts() {
        var current = sigaction()
        sigaction(SIGINT, nil, &current)
        let isIgnored = unsafeBitCast(current.__sigaction_handler.sa_handler, to: Int.self) == 1
        if !isIgnored { signal(SIGINT) { _ in _exit(130) } }
    }

    /// Ends the process without what libraries do at its end: they free memory that goes anyway, for as long as a small
    /// answer of the database takes.
    static func end(_ code: Int32) -> Never {
        fflush(nil)
        _exit(code)
    }

    static let text = """
        EXIT CODES: 0 success, 1 failed, 2 usage, 3 finished with warnings, 4 not found, 5 refused, 6 conflict,
        7 a dependency cannot be reached, 130 interrupted.
        """

    /// The parser's text, with the exit codes under help that does not show them already.
    static func appended(to text: String, arguments: [String]) -> String {
        let asked = arguments.prefix { $0 != "--" }.contains { ["help", "--help", "-h"].contains($0) }
        return asked && text.contains("USAGE:") && !text.contains("Exit codes:") ? "\(text)\n\n\(Self.text)" : text
    }
}
