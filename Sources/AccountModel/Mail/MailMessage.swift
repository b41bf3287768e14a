public import Foundation

/// A plain-text message as RFC 5322 writes it: ASCII, lines of at most 78 characters, CR LF.
///
/// Names go into encoded words (RFC 2047), the text into quoted-printable (RFC 2045), so that nothing on its way has to
/// know UTF-8.
public struct MailMessage: Sendable, Hashable {
    /// A mailbox. Whatever is in it, it cannot end the line of its header.
    public struct Address: Sendable, Hashable {
        /// For people; where it is empty the address stands alone.
        public var name: String
        /// Left out of it, when it is written, is all but printable ASCII, and `<` and `>`.
        public var address: String

        /// Both as given.
        public init(name: String, address: String) {
            self.name = name
            self.address = address
        }
    }

    /// Becomes the message's id: the same message sent twice is seen to be one.
    public var id: UUID
    /// Written in UTC, to the second.
    public var date: Date
    /// The domain of its address ends the message's id.
    public var from: Address
    /// The only recipient.
    public var to: Address
    /// Encoded where it is more than plain ASCII: a line break in it ends nothing.
    public var subject: String
    /// Lines end with `\n`.
    public var text: String

    /// All parts as given; what they may not hold is seen to in ``rendered``.
    public init(id: UUID, date: Date, from: Address, to: Address, subject: String, text: String) {
        self.id = id
        self.date = date
        self.from = from
        self.to = to
        self.subject = subject
        self.text = text
    }

    /// The finished message.
    public var rendered: String {
        let domain = from.address.split(separator: "@").last.map(String.init) ?? "localhost"
        let headers = [
            "Date: \(Self.date(date))",
            Self.header("From", Self.mailbox(from)),
            Self.header("To", Self.mailbox(to)),
            Self.header("Subject", Self.words(subject)),
            "Message-ID: <\(id.uuidString.lowercased())@\(Self.printable(domain))>",
            "Auto-Submitted: auto-generated",
            "MIME-Version: 1.0",
            "Content-Type: text/plain; charset=utf-8",
            "Content-Transfer-Encoding: quoted-printable",
        ]
        let body = text.split(separator: "\n", omittingEmptySubsequences: false).map(Self.quotedPrintable)
        return (headers + [""] + body).joined(separator: "\r\n") + "\r\n"
    }

    // MARK: Headers

    /// `Mon, 30 Nov 2026 09:05:00 +0000`.
    private static func date(_ date: Date) -> String {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        let parts = calendar.dateComponents([.weekday, .day, .month, .year, .hour, .minute, .second], from: date)
        let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        func two(_ number: Int?) -> String { String("0\(number ?? 0)".suffix(2)) }
        let day = "\(days[(parts.weekday ?? 1) - 1]), \(two(parts.day)) \(months[(parts.month ?? 1) - 1])"
        return "\(day) \(parts.year ?? 0) \(two(parts.hour)):\(two(parts.minute)):\(two(parts.second)) +0000"
    }

    /// Words of a header, on lines of at most 78 characters.
    private static func header(_ name: String, _ words: [String]) -> String {
        var lines = ["\(name):"]
        for word in words {
            let last = lines[lines.count - 1]
            if last.utf8.count + 1 + word.utf8.count <= 78 {
                lines[lines.count - 1] = "\(last) \(word)"
            } else {
                lines.append(" \(word)")
            }
        }
        return lines.joined(separator: "\r\n")
    }

    private static func mailbox(_ address: Address) -> [String] {
        let name = address.name.isEmpty ? [] : words(address.name, isPhrase: true)
        return name + ["<\(printable(address.address))>"]
    }

    /// The text's words, or encoded words where it has anything but plain ASCII.
    /// - Parameter isPhrase: in a name some signs have a meaning, so that they are encoded too.
    private static func words(_ text: String, isPhrase: Bool = false) -> [String] {
        let plain = text.split(whereSeparator: { $0 == " " }).map(String.init)
        let isPlain = text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: " "), UInt8(ascii: "-"), UInt8(ascii: "'"):
                true
            default: !isPhrase && (33...126).contains(byte)
            }
        }
        if isPlain, !text.contains("=?"), plain.allSatisfy({ $0.utf8.count < 70 }) { return plain }
        // An encoded word has at most 75 characters: 45 bytes are 60 in base 64. A character is not torn apart.
        var pieces: [[UInt8]] = [[]]
        for character in text {
            // A character may be a long sequence of marks; those are split by scalars.
            for scalar in character.unicodeScalars {
                let bytes = Array(String(scalar).utf8)
                if pieces[pieces.count - 1].count + bytes.count > 42 { pieces.append([]) }
                pieces[pieces.count - 1] += bytes
            }
        }
        return pieces.map { "=?utf-8?B?\(Data($0).base64EncodedString())?=" }
    }

    /// Nothing that could end the line or the address.
    private static func printable(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.filter { (33...126).contains($0.value) && $0 != "<" && $0 != ">" }))
    }

    // MARK: Text

    /// A line in quoted-printable, with soft line breaks.
    private static func quotedPrintable(_ line: Substring) -> String {
        let bytes = Array(line.utf8)
        var lines = [""]
        for (index, byte) in bytes.enumerated() {
            let isPlain =
                (33...126).contains(byte) && byte != UInt8(ascii: "=")
                || (byte == 32 || byte == 9) && index < bytes.count - 1
            let hex = String(byte, radix: 16, uppercase: true)
            let text = isPlain ? String(UnicodeScalar(byte)) : "=\(hex.count == 1 ? "0" : "")\(hex)"
            // 76 with the sign at the end.
            if lines[lines.count - 1].utf8.count + text.utf8.count > 75 {
                lines[lines.count - 1] += "="
                lines.append("")
            }
            lines[lines.count - 1] += text
        }
        return lines.joined(separator: "\r\n")
    }
}
