/// Annotations in JSON names: `@odata.type`, `manager@odata.context`, `members@delta`, `@microsoft.graph.tips`.
/// https://docs.oasis-open.org/odata/odata-json-format/v4.01/odata-json-format-v4.01.html section 4.6
enum ODataName {
    private static let type = Array("@odata.type".utf8)
    private static let delta = Array("@delta".utf8)
    private static let nextLink = Array("@odata.nextLink".utf8)
    private static let terms = [Array("odata.".utf8), Array("microsoft.graph.".utf8)]

    /// Whether a name says something about data instead of being data. An `@` alone does not make an annotation: an
    /// attribute that Graph lets others name must not be lost.
    static func isAnnotation(_ name: [UInt8]) -> Bool {
        guard let at = name.lastIndex(of: 0x40) else { return false }
        if at == 0 || name.ends(with: delta) { return true }
        return terms.contains { name[(at + 1)...].starts(with: $0) }
    }

    /// Whether a name tells a type: of the object itself, or also of one property (`ofProperty`).
    static func isType(_ name: [UInt8], ofProperty: Bool) -> Bool {
        name == type || ofProperty && name.ends(with: type)
    }

    /// The name of the collection that `x@odata.nextLink` says was cut short.
    static func truncated(_ name: [UInt8]) -> String? {
        guard name.count > nextLink.count, name.ends(with: nextLink) else { return nil }
        return String(decoding: name.dropLast(nextLink.count), as: UTF8.self)
    }
}

extension [UInt8] {
    fileprivate func ends(with tail: [UInt8]) -> Bool { suffix(tail.count) == tail[...] }
}
