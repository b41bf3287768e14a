public import AccountModel
public import ArgumentParser
public import BackupContracts

// Values of the contract that are words on the command line.
extension ProductType: ExpressibleByArgument {}
extension Periodicity: ExpressibleByArgument {}
extension JobKind: ExpressibleByArgument {}
extension JobState: ExpressibleByArgument {}
extension Cloud: ExpressibleByArgument {}
