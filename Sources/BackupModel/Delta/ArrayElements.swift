/// The elements of a JSON array inside a body, as byte ranges.
public struct ArrayElements: Sendable {
    /// In the order of the array; places in the whole body, not in the array.
    public let ranges: [Range<Int>]

    /// The elements of the array at `range`; one for a single object, none for null.
    public init(_ body: [UInt8], _ range: Range<Int>) throws(JSONSyntaxError) {
        ranges = try JSONReader.lend(body) { (bytes) throws(JSONSyntaxError) in
            try JSONReader.read(bytes, range) { (reader) throws(JSONSyntaxError) in
                try reader.elements()
            }
        }
    }
}
