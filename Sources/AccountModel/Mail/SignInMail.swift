public import Foundation

/// What an organization's contact is told of how to sign in.
public enum SignInMail {
    /// - Parameters:
    ///   - signInURL: where that is done; nil before there is such a place.
    ///   - formerAddress: the address that it was done with before, when it has changed.
    public static func message(
        to organization: Organization, partner: String, from: String, signInURL: String?, formerAddress: String? = nil,
        id: UUID, date: Date
    ) -> MailMessage {
        var lines = ["Hello \(organization.firstName) \(organization.lastName),", ""]
        if let formerAddress {
            lines += ["the address that \(organization.name) signs in with has changed.", ""]
            lines += ["From now on:  \(organization.email)", "No longer:    \(formerAddress)", ""]
        } else {
            lines += [
                "\(partner) has set up the backup of \(organization.name) for you.", "",
                "You sign in with this address:  \(organization.email)", "",
            ]
        }
        if let signInURL { lines += ["Sign in here:  \(signInURL)", ""] }
        lines += ["If you did not expect this message, please ask \(partner).", ""]
        return MailMessage(
            id: id, date: date, from: MailMessage.Address(name: partner, address: from),
            to: MailMessage.Address(
                name: "\(organization.firstName) \(organization.lastName)", address: organization.email),
            subject: formerAddress == nil
                ? "Your access to the backup of \(organization.name)"
                : "How to sign in to the backup of \(organization.name) has changed",
            text: lines.joined(separator: "\n"))
    }
}
