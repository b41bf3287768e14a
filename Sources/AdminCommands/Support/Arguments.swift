public import AccountModel
public import ArgumentParser
public import BackupContracts
public import BackupModel
public import PostgresStore

// Values of the contract that are words on the command line.
extension Role: ExpressibleByArgument {}
extension ProductType: ExpressibleByArgument {}
extension Periodicity: ExpressibleByArgument {}
extension JobKind: ExpressibleByArgument {}
extension JobState: ExpressibleByArgument {}
extension Cloud: ExpressibleByArgument {}
extension AuditEntry.Outcome: ExpressibleByArgument {}
extension DeviceSecret.Kind: ExpressibleByArgument {}
extension DownloadOrder.Format: ExpressibleByArgument {}
extension RestoreOptions.AttributesMode: ExpressibleByArgument {}
extension RestoreOptions.NewObjects: ExpressibleByArgument {}

/// `on` or `off`.
enum Switch: String, ExpressibleByArgument, CaseIterable {
    case on, off
}
