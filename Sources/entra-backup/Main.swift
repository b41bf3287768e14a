import AdminCommands

/// The command line of an installation.
@main
enum Main {
    static func main() async {
        await EntraBackup.start()
    }
}
