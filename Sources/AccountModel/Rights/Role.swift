/// What a member of a partner's staff is. Raw values are those of the command line.
public enum Role: String, Sendable, Codable, CaseIterable {
    case owner
    case superAdmin = "super-admin"
    case admin
    case support
    case finance
}
