/// Where a collection is read on the next time: Graph's delta link, and the directory extensions that it selects, which
/// it does not tell.
///
/// As a text the names stand behind the link as its fragment: links are sent without one, and those from before have
/// none.
struct DeltaPosition: Hashable {
    var link: String
    /// Nil when they are not known.
    var extensions: [String]?

    private static let mark = "#extensions="

    init(link: String, extensions: [String]?) {
        self.link = link
        self.extensions = extensions
    }

    init(_ text: String) {
        guard let mark = text.firstRange(of: Self.mark) else {
            self.init(link: text, extensions: nil)
            return
        }
        let names = text[mark.upperBound...].split(separator: ",").map(String.init)
        self.init(link: String(text[..<mark.lowerBound]), extensions: names)
    }

    var text: String { extensions.map { link + Self.mark + $0.joined(separator: ",") } ?? link }
}
