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
        let code = text.uppercased()
        guard Locale.Currency(code).isISOCurrency else {
            throw invalid("currencyUnknown", "\(text) is no currency code of ISO 4217, such as EUR or USD.")
        }
        return code
    }

    static func country(_ text: String) throws -> String {
        let code = text.uppercased()
        guard code.count == 2, Locale.Region(code).isISORegion else {
            throw invalid("countryUnknown", "\(text) is no country code of ISO 3166, such as DE or US.")
        }
        return code
    }

    static func email(_ text: String) throws -> String {
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, parts[1].contains("."), !text.contains(where: \.isWhitespace),
            text.count <= 254
        else {
            throw invalid("emailInvalid", "\(text) is no e-mail address.")
        }
        return text
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
