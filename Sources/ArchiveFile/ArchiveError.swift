/// Why an archive could not be written or read. The message names the member concerned.
public struct ArchiveError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The kinds of failure: each asks for another remedy.
    public enum Code: String, Sendable, Hashable {
        /// The file is not there or may not be read.
        case unreadable
        /// The file is no ZIP.
        case notZip
        /// The file begins as a ZIP, but its end is missing.
        case cut
        /// A member, or what the archive says of it, is not what was written.
        case damaged
        /// The library refused to write, for want of memory for example.
        case writeFailed
    }

    /// Decides what a command advises.
    public let code: Code
    /// The member concerned, where there is one.
    public let member: String?
    /// What happened, with path and member and no content of any object.
    public let message: String

    init(_ code: Code, member: String? = nil, _ message: String) {
        self.code = code
        self.member = member
        self.message = message
    }

    public var description: String { message }
}
