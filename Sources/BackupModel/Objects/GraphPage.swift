/// A Graph response taken apart: links, the places of its objects, or the code of an error. One pass that also checks
/// the whole body's grammar, so that a response cut short is refused before anything of it is kept. Names repeated
/// inside an object are found when the object is made canonical.
public struct GraphPage: Sendable, Equatable {
    /// Where the page's elements stand in the body.
    public private(set) var items: [Range<Int>] = []
    /// The body is one object and no list; `items` is that object. It has a `value` of its own, or none, or is wrapped
    /// as `{"value": {...}}`, as the documentation of some types shows.
    public private(set) var isSingleton = false
    /// `@odata.nextLink`: opaque, to be used whole.
    public private(set) var nextLink: String?
    /// `@odata.deltaLink`: the round's end.
    public private(set) var deltaLink: String?
    /// `@odata.count`: on a first page when it was asked for.
    public private(set) var count: Int?
    /// The codes of an error body, outermost first; empty when it is no error or has no code.
    public private(set) var errorCodes: [String] = []
    /// The body is an error: `{"error": {...}}` and nothing else.
    public private(set) var isError = false

    /// The innermost code of an error body, the most exact one.
    public var errorCode: String? { errorCodes.last }

    /// One pass over the body, in which the ranges are places. Throws when it is not one whole JSON object.
    public init(_ body: [UInt8]) throws(JSONSyntaxError) {
        self = try JSONReader.lend(body) { (bytes) throws(JSONSyntaxError) in try GraphPage(bytes) }
    }

    /// The same on lent bytes.
    public init(_ body: UnsafeRawBufferPointer) throws(JSONSyntaxError) {
        try JSONReader.read(body, 0..<body.count) { (reader) throws(JSONSyntaxError) in
            reader.skipSpace()
            guard reader.current == 0x7B else { throw reader.failure(.notAnObject) }
            let start = reader.position
            var shape = Shape()
            if try reader.enter(0, closing: 0x7D) {
                repeat { try readMember(&reader, &shape) } while try reader.continues(closing: 0x7D)
            }
            settle(shape, whole: start..<reader.position)
            try reader.expectEnd()
        }
    }

    /// What the top level has besides links.
    private struct Shape {
        var seen: Set<String> = []
        var hasAttributes = false
        var isList = false
        var wrapped: Range<Int>?
        var errorCodes: [String]?
    }

    private mutating func readMember(_ reader: inout JSONReader, _ shape: inout Shape) throws(JSONSyntaxError) {
        let nameStart = reader.position
        let name = try reader.readRawName()
        if reader.matches(name, "value") {
            try readValue(&reader, &shape)
        } else if reader.matches(name, "@odata.nextLink") {
            nextLink = try reader.readString()
        } else if reader.matches(name, "@odata.deltaLink") {
            deltaLink = try reader.readString()
        } else if reader.matches(name, "@odata.count") {
            let start = reader.position
            try reader.skipValue(depth: 1)
            count = Int(reader.text(start..<reader.position, isPlain: true))
        } else if reader.matches(name, "error"), reader.current == 0x7B {
            shape.errorCodes = try reader.readErrorCodes(depth: 1)
        } else {
            if !ODataName.isAnnotation(reader.unescaped(name.range)) { shape.hasAttributes = true }
            try reader.skipValue(depth: 1)
            return
        }
        // Only the names above decide something here, so only they must not repeat.
        let (isNew, _) = shape.seen.insert(reader.text(name.range, isPlain: name.isPlain))
        guard isNew else { throw JSONSyntaxError(offset: nameStart, what: .duplicateKey) }
    }

    private mutating func readValue(_ reader: inout JSONReader, _ shape: inout Shape) throws(JSONSyntaxError) {
        let start = reader.position
        if reader.current == 0x5B {
            shape.isList = true
            try reader.readElements(depth: 1) { items.append($0) }
            return
        }
        let isObject = reader.current == 0x7B
        try reader.skipValue(depth: 1)
        if isObject { shape.wrapped = start..<reader.position } else { shape.hasAttributes = true }
    }

    private mutating func settle(_ shape: Shape, whole: Range<Int>) {
        if let codes = shape.errorCodes, !shape.hasAttributes, !shape.isList, shape.wrapped == nil {
            (isError, errorCodes) = (true, codes)
        } else if !shape.isList || shape.hasAttributes || shape.errorCodes != nil {
            isSingleton = true
            let isWrapped = !shape.hasAttributes && shape.errorCodes == nil
            items = [isWrapped ? shape.wrapped ?? whole : whole]
        }
    }
}

extension JSONReader {
    /// The codes in an error object, outermost first: its own, then those of `innerError`, which some services spell
    /// `innererror`. https://learn.microsoft.com/graph/errors
    fileprivate mutating func readErrorCodes(depth: Int) throws(JSONSyntaxError) -> [String] {
        var own: String?
        var inner: [String] = []
        guard try enter(depth, closing: 0x7D) else { return [] }
        repeat {
            let name = try readRawName()
            if matches(name, "code"), current == 0x22 {
                own = try readString()
            } else if matches(name, "innerError") || matches(name, "innererror"), current == 0x7B {
                inner = try readErrorCodes(depth: depth + 1)
            } else {
                try skipValue(depth: depth + 1)
            }
        } while try continues(closing: 0x7D)
        return (own.map { [$0] } ?? []) + inner
    }
}
