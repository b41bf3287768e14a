/// Why bytes are not the JSON that was asked for. Holds a place and a reason, never a value: directory content
/// does not belong in an error.
public struct JSONSyntaxError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The reasons, each a fault of the bytes and none of the reader: reading again gives the same answer.
    public enum What: String, Sendable, CaseIterable {
        case unexpectedEnd = "the text ends too early"
        case unexpectedByte = "a byte that JSON does not allow here"
        case trailingBytes = "bytes after the end of the value"
        case controlCharacter = "a control character inside a string"
        case invalidEscape = "an escape that JSON does not know"
        case loneSurrogate = "half of a surrogate pair"
        case invalidUTF8 = "bytes that are not UTF-8"
        case numberOutOfRange = "a number beyond the range of a double"
        case duplicateKey = "the same name twice in one object"
        case tooDeep = "nesting deeper than 128 levels"
        case notAnObject = "not an object"
        case notAString = "an id or annotation that is not a string"
        case missingID = "an element without an id"
        case rangeOutsideBody = "a range that is not inside the body"
    }

    /// Bytes from the start of the body to the place of the fault.
    public let offset: Int
    /// The first fault met; nothing behind it was looked at.
    public let what: What

    /// `offset` counts from the start of the body, also where only a part of it was read.
    public init(offset: Int, what: What) {
        self.offset = offset
        self.what = what
    }

    public var description: String { "invalid JSON at byte \(offset): \(what.rawValue)" }
}
