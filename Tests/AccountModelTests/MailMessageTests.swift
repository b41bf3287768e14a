import AccountModel
import Foundation
import Testing

/// Messages as RFC 5322 writes them: read back here by its rules.
@Suite struct MailMessageTests {
    private let id = UUID(uuidString: "00112233-4455-6677-8899-AABBCCDDEEFF") ?? UUID()

    private func message(name: String = "Ann Lee", subject: String = "Hello", text: String = "x\n") -> MailMessage {
        MailMessage(
            id: id, date: Date(timeIntervalSince1970: 1_796_029_503),
            from: .init(name: "Nord GmbH", address: "backup@nord.example"),
            to: .init(name: name, address: "a@b.example"),
            subject: subject, text: text)
    }

    /// Unfolds the headers, and takes the encoding of the text away.
    private func read(_ rendered: String) -> (headers: [String: String], text: String) {
        let halves = rendered.components(separatedBy: "\r\n\r\n")
        let unfolded = halves[0].replacing("\r\n ", with: " ")
        var headers: [String: String] = [:]
        for line in unfolded.components(separatedBy: "\r\n") {
            let parts = line.split(separator: ": ", maxSplits: 1).map(String.init)
            headers[parts[0]] = parts.count > 1 ? parts[1] : ""
        }
        var body = halves.dropFirst().joined(separator: "\r\n\r\n").replacing("=\r\n", with: "")
        body = body.replacing("\r\n", with: "\n")
        var bytes: [UInt8] = []
        var rest = Substring(body)
        while let first = rest.first {
            if first == "=", let byte = UInt8(rest.dropFirst().prefix(2), radix: 16) {
                bytes.append(byte)
                rest = rest.dropFirst(3)
            } else {
                bytes += Array(String(first).utf8)
                rest = rest.dropFirst()
            }
        }
        return (headers, String(decoding: bytes, as: UTF8.self))
    }

    /// Takes RFC 2047's encoded words away; the blank between two of them is none.
    private func decoded(_ text: String) -> String {
        var bytes: [UInt8] = []
        var wasEncoded = false
        for word in text.split(separator: " ") {
            if word.hasPrefix("=?utf-8?B?"), let data = Data(base64Encoded: String(word.dropFirst(10).dropLast(2))) {
                if !wasEncoded, !bytes.isEmpty { bytes.append(32) }
                bytes += data
                wasEncoded = true
            } else {
                if !bytes.isEmpty { bytes.append(32) }
                bytes += Array(word.utf8)
                wasEncoded = false
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test func `a plain message is plain`() {
        let rendered = message(text: "Hello.\n\nBye.\n").rendered
        #expect(
            rendered == """
                Date: Mon, 30 Nov 2026 09:05:03 +0000\r
                From: Nord GmbH <backup@nord.example>\r
                To: Ann Lee <a@b.example>\r
                Subject: Hello\r
                Message-ID: <00112233-4455-6677-8899-aabbccddeeff@nord.example>\r
                Auto-Submitted: auto-generated\r
                MIME-Version: 1.0\r
                Content-Type: text/plain; charset=utf-8\r
                Content-Transfer-Encoding: quoted-printable\r
                \r
                Hello.\r
                \r
                Bye.\r
                \r

                """)
    }

    @Test(arguments: [
        "Zoë Müller", "李小龍", "Ann \"the boss\" Lee <x@y.example>", "=?utf-8?B?WA==?=", "a, b; c: d",
        String(repeating: "Größe und Straße ", count: 20), String(repeating: "x", count: 200), "👩‍👩‍👧‍👦 & 🏴󠁧󠁢󠁳󠁣󠁴󠁿",
        "e" + String(repeating: "\u{301}", count: 300), "cr\r\nBcc: evil@x.example", "nul\u{0}tab\t", "x",
    ]) func `any name and subject comes back, on short lines of ASCII, and starts no header of its own`(text: String) {
        let rendered = message(name: text, subject: text, text: "\(text)\n = trailing \n.\n").rendered
        #expect(rendered.utf8.allSatisfy { $0 < 128 && ($0 >= 32 || $0 == 13 || $0 == 10) })
        for line in rendered.components(separatedBy: "\r\n") {
            #expect(line.utf8.count <= 78 && !line.contains("\n") && !line.contains("\r"), "\(line)")
        }
        let (headers, body) = read(rendered)
        #expect(headers.count == 9)
        let single = text.split(separator: " ").joined(separator: " ")
        #expect(decoded(headers["Subject"] ?? "").split(separator: " ").joined(separator: " ") == single)
        let to = headers["To"] ?? ""
        #expect(to.hasSuffix(" <a@b.example>"))
        #expect(decoded(String(to.dropLast(14))).split(separator: " ").joined(separator: " ") == single)
        #expect(body.replacing("\r\n", with: "\n") == "\(text)\n = trailing \n.\n\n".replacing("\r\n", with: "\n"))
    }

    @Test func `the contact is told the address to sign in with, and of a change which one ends`() {
        let organization = Organization(
            id: UUID(), partner: UUID(), plan: UUID(), name: "Kunde", firstName: "Zoë", lastName: "Ä",
            email: "n@b.example",
            country: "DE", seats: nil, autoLicense: false, state: .active, createdAt: Date(timeIntervalSince1970: 0))
        let date = Date(timeIntervalSince1970: 0)
        let first = SignInMail.message(
            to: organization, partner: "Nord", from: "f@nord.example", signInURL: "https://portal.example", id: id,
            date: date)
        #expect(first.to == .init(name: "Zoë Ä", address: "n@b.example"))
        for part in ["Zoë Ä", "Nord", "Kunde", "n@b.example", "https://portal.example"] {
            #expect(first.text.contains(part))
        }
        let second = SignInMail.message(
            to: organization, partner: "Nord", from: "f@nord.example", signInURL: nil, formerAddress: "o@b.example",
            id: id, date: date)
        #expect(second.text.contains("o@b.example") && !second.text.contains("Sign in here"))
    }
}
