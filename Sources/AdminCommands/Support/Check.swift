import AccountModel
import ArgumentParser
import Foundation

/// Checks of values that people type; a value that cannot be right is exit 2.
enum Check {
    /// - Parameter option: the flag that it was given with.
    static func name(_ text: String, _ option: String = "--name") throws -> String {
        let name = text.trimmingCharacters(in: .whitespaces)
        guard !name.isEmpty, name.count <= 200, !name.contains(where: \.isNewline) else {
            throw invalid(
                "nameInvalid",
                "\(option) \"\(text.prefix(40))\" is empty, longer than 200 characters or has line breaks.")
        }
        return name
    }

    /// Words that need no quotes in a shell, so that commands can be pasted.
    static func label(_ text: String) throws -> String {
        guard (1...63).contains(text.count),
            text.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) })
        else {
            throw invalid(
                "labelInvalid",
                "The label \"\(text.prefix(80))\" is not made of 1 to 63 letters, digits, dots, hyphens and underscores."
            )
        }
        return text
    }

    /// What a list is searched for.
    static func search(_ text: String?) throws {
        guard (1...200).contains(text?.count ?? 1) else {
            throw ValidationError("--search takes a text of 1 to 200 characters.")
        }
    }

    static func currency(_ text: String) throws -> String {
        guard let code = CurrencyCode.known(text) else {
            throw invalid("currencyUnknown", "\(text) is no currency code of ISO 4217, such as EUR or USD.")
        }
        return code
    }

    static func country(_ text: String) throws -> String {
        guard let code = CountryCode.known(text) else {
            throw invalid("countryUnknown", "\(text) is no country code of ISO 3166, such as DE or US.")
        }
        return code
    }

    static func email(_ text: String) throws -> String {
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, parts[1].contains("."), parts[0].utf8.count <= 64,
            parts[1].split(separator: ".", omittingEmptySubsequences: false).allSatisfy({ !$0.isEmpty }),
            // What an address of RFC 5321 has unquoted: no blanks, controls, signs with a meaning, or letters beyond ASCII.
            text.utf8.allSatisfy({ (33...126).contains($0) && !"<>()[]\\,;:\"".utf8.contains($0) }),
            text.utf8.count <= 254
        else {
            throw invalid("emailInvalid", "\(text) is no e-mail address.")
        }
        return text
    }

    static func seats(_ seats: Int32) throws -> Int32 {
        guard (0...10_000_000).contains(seats) else {
            throw invalid("seatsOutOfRange", "\(seats) seats: a number from 0 to 10000000 is expected.")
        }
        return seats
    }

    /// A number of the support desk, as it goes into the audit log.
    static func ticket(_ text: String) throws -> String {
        let ticket = text.trimmingCharacters(in: .whitespaces)
        guard !ticket.isEmpty, ticket.count <= 100, ticket.unicodeScalars.allSatisfy({ $0.value >= 32 }) else {
            throw invalid(
                "ticketInvalid",
                "--ticket \"\(text.prefix(40))\" is empty, longer than 100 characters or has line breaks.")
        }
        return ticket
    }

    /// The end of a day, UTC, as the end of an NFR period.
    static func nfrEnd(_ text: String, now: Date = .now) throws -> Date {
        let isDay = text.count == 10
        guard isDay, let day = try? Date(text, strategy: .iso8601.year().month().day()) else {
            throw invalid("nfrUntilMalformed", "--nfr-until \(text): a day is expected, such as 2027-01-31.")
        }
        let end = day.addingTimeInterval(86_400)
        guard NFRPeriod.allows(end, from: now) else {
            throw invalid(
                "nfrUntilOutOfRange",
                "--nfr-until \(text): a day from today on, at most \(NFRPeriod.longestDays) days ahead, is expected.")
        }
        return end
    }

    static func guid(_ text: String, _ what: String) throws -> UUID {
        guard let id = UUID(uuidString: text) else {
            throw invalid("\(what)Malformed", "The \(words(what)) \(text) is no GUID.")
        }
        return id
    }

    /// `deadLetterId` as `dead letter id`.
    private static func words(_ name: String) -> String {
        name.reduce(into: "") { text, character in
            text += character.isUppercase ? " \(character.lowercased())" : String(character)
        }
    }

    static func limit(_ limit: Int) throws {
        guard (1...10_000).contains(limit) else { throw ValidationError("--limit takes a number from 1 to 10000.") }
    }

    /// Snapshots are numbered from 1.
    static func snapshots(_ numbers: Int32?...) throws {
        for number in numbers.compactMap({ $0 }) where number < 1 {
            throw ValidationError("\(number) is no number of a snapshot: they start at 1.")
        }
    }

    static func invalid(_ code: String, _ message: String) -> CommandFailure {
        CommandFailure(2, code, message, hint: "Correct the value; nothing was changed.")
    }
}

extension UUID {
    /// Lower case, as PostgreSQL and Graph print it.
    var text: String { uuidString.lowercased() }
}
