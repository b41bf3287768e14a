// swift-tools-version: 6.2
import PackageDescription

// Targets are grouped by floor: a target may depend on lower floors only. `.ci/check-layers` compares this
// file with the table in Sources/BackupModel/Documentation.docc/Architecture.md, and CI builds with
// `--explicit-target-dependency-import-check error`, without which SwiftPM does not enforce the graph.

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    // https://github.com/swiftlang/swift-evolution/blob/main/proposals/0335-existential-any.md
    .enableUpcomingFeature("ExistentialAny"),
    // https://github.com/swiftlang/swift-evolution/blob/main/proposals/0409-access-level-on-imports.md
    .enableUpcomingFeature("InternalImportsByDefault"),
    // https://github.com/swiftlang/swift-evolution/blob/main/proposals/0444-member-import-visibility.md
    .enableUpcomingFeature("MemberImportVisibility"),
    // https://github.com/swiftlang/swift-evolution/blob/main/proposals/0461-async-function-isolation.md
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let cryptoExtras: Target.Dependency = .product(name: "CryptoExtras", package: "swift-crypto")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let httpClient: Target.Dependency = .product(name: "AsyncHTTPClient", package: "async-http-client")
let httpServer: Target.Dependency = .product(name: "Hummingbird", package: "hummingbird")
let lifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioHTTP1: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioTLS: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")
let yaml: Target.Dependency = .product(name: "Yams", package: "Yams")

func library(_ name: String, _ dependencies: [Target.Dependency] = [], resources: [Resource]? = nil) -> Target {
    .target(name: name, dependencies: dependencies, resources: resources, swiftSettings: settings)
}

func program(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(name: name, dependencies: dependencies, swiftSettings: settings)
}

func support(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, path: "Tests/Support/\(name)", swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, swiftSettings: settings)
}

let floor1: [Target] = [
    library("BackupModel"),
    library("AccountModel", [crypto]),
    .systemLibrary(name: "CLibPQ", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
    .systemLibrary(name: "CRabbitMQ", pkgConfig: "librabbitmq", providers: [.apt(["librabbitmq-dev"])]),
    .systemLibrary(name: "CArchive", pkgConfig: "libarchive", providers: [.apt(["libarchive-dev"])]),
    .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
]

let floor2: [Target] = [
    library("BackupContracts", ["BackupModel"]),
    library("LibPQ", ["CLibPQ"]),
    library("RabbitMQ", ["CRabbitMQ"]),
    library("Sealing", ["CZstd", "BackupModel", crypto]),
]

let floor3: [Target] = [
    library("ScheduleStage", ["BackupContracts", "BackupModel"]),
    library("FetchStage", ["BackupContracts", "BackupModel"]),
    library("DiffStage", ["BackupContracts", "BackupModel"]),
    library("PersistStage", ["BackupContracts", "BackupModel"]),
    library("DownloadStage", ["BackupContracts", "BackupModel"]),
    library("RestoreStage", ["BackupContracts", "BackupModel"]),
    library("StageRuntime", ["BackupContracts", logging]),
    library(
        "PostgresStore", ["LibPQ", "Sealing", "BackupContracts", "BackupModel", "AccountModel", crypto, logging],
        resources: [.embedInCode("Migrations")]),
    library("RabbitMQTransport", ["RabbitMQ", "BackupContracts", logging]),
    library(
        "GraphDirectory",
        [
            "BackupContracts", "BackupModel", httpClient, nioCore, nioHTTP1, nioPosix, nioTLS, crypto, cryptoExtras,
            logging,
        ]),
    library("ArchiveFile", ["CArchive", crypto]),
    library("LocalStack", [logging]),
    library("MailFolder", ["BackupContracts"]),
]

let floor4: [Target] = [
    library(
        "ServiceBootstrap",
        [
            "StageRuntime", "PostgresStore", "RabbitMQTransport", "MailFolder", "BackupContracts",
            logging, lifecycle, httpServer, yaml,
        ])
]

let floor5: [Target] = [
    program("entra-backup-scheduler", ["ScheduleStage", "ServiceBootstrap"]),
    program("entra-backup-fetcher", ["FetchStage", "GraphDirectory", "ServiceBootstrap"]),
    program("entra-backup-differ", ["DiffStage", "ServiceBootstrap"]),
    program("entra-backup-persister", ["PersistStage", "ServiceBootstrap"]),
    program("entra-backup-downloader", ["DownloadStage", "ArchiveFile", "ServiceBootstrap"]),
    program("entra-backup-restorer", ["RestoreStage", "GraphDirectory", "ServiceBootstrap"]),
    library(
        "AdminCommands",
        [
            "ServiceBootstrap", "LocalStack", "PostgresStore", "RabbitMQTransport", "GraphDirectory", "MailFolder",
            "ArchiveFile", "BackupContracts", "BackupModel", "AccountModel", arguments, logging,
        ]),
]

let floor6: [Target] = [
    program("entra-backup", ["AdminCommands"])
]

let aside: [Target] = [
    support("TenantSimulator", ["BackupModel", httpServer, nioCore, logging]),
    .executableTarget(
        name: "tenant-simulator", dependencies: ["TenantSimulator", arguments],
        path: "Tests/Support/tenant-simulator", swiftSettings: settings),
    .executableTarget(
        name: "broker-rate", dependencies: ["RabbitMQ"], path: "Tests/Benchmarks/broker-rate", swiftSettings: settings),
]

let testTargets: [Target] = [
    tests("BackupModelTests", ["BackupModel"]),
    tests("AccountModelTests", ["AccountModel"]),
    tests("LibPQTests", ["LibPQ"]),
    tests("RabbitMQTests", ["RabbitMQ"]),
    tests("SealingTests", ["Sealing", "BackupModel", crypto]),
    tests("LocalStackTests", ["LocalStack"]),
    tests("ArchiveFileTests", ["ArchiveFile", "CArchive"]),
    tests("MailFolderTests", ["MailFolder", "BackupContracts"]),
    tests("EndToEndTests", ["BackupModel", "AccountModel"]),
    tests(
        "PipelineTests",
        [
            "BackupContracts", "BackupModel", "FetchStage", "DiffStage", "PersistStage", "DownloadStage",
            "RestoreStage",
            "StageRuntime", logging,
        ]),
    tests(
        "PostgresStoreTests",
        [
            "PostgresStore", "LibPQ", "Sealing", "StageRuntime", "BackupContracts", "BackupModel", "AccountModel",
            "AdminCommands", "ServiceBootstrap", arguments, logging,
        ]),
    tests(
        "AdminCommandsTests",
        [
            "AdminCommands", "ServiceBootstrap", "PostgresStore", "RabbitMQTransport", "LocalStack", "BackupContracts",
            "BackupModel", "AccountModel", arguments, logging,
        ]),
    tests("TenantSimulatorTests", ["TenantSimulator", "BackupModel"]),
    tests(
        "GraphDirectoryTests",
        [
            "GraphDirectory", "BackupContracts", "BackupModel", "TenantSimulator", logging, nioCore, nioHTTP1, nioPosix,
            cryptoExtras,
        ]),
]

let package = Package(
    name: "entra-backup",
    products: [
        .executable(name: "entra-backup", targets: ["entra-backup"]),
        .executable(name: "entra-backup-scheduler", targets: ["entra-backup-scheduler"]),
        .executable(name: "entra-backup-fetcher", targets: ["entra-backup-fetcher"]),
        .executable(name: "entra-backup-differ", targets: ["entra-backup-differ"]),
        .executable(name: "entra-backup-persister", targets: ["entra-backup-persister"]),
        .executable(name: "entra-backup-downloader", targets: ["entra-backup-downloader"]),
        .executable(name: "entra-backup-restorer", targets: ["entra-backup-restorer"]),
        .executable(name: "tenant-simulator", targets: ["tenant-simulator"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: floor1 + floor2 + floor3 + floor4 + floor5 + floor6 + aside + testTargets
)
