/// Secrets come from files or standard input, never from flags.
enum SecretFile {
    /// The content of `path`, or of standard input for `-`, without the line end.
    static func read(_ path: String) throws -> String {
        try TextFile.read(path, hint: "Put the secret into it, as text.")
    }
}
