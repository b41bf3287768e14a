// Public, because a conformance of a public type to a public protocol is.
public import ArchiveFile
public import DownloadStage
import ServiceBootstrap

/// Writes the archives of downloads.
@main
enum Main {
    static func main() async {
        await StageProgram.downloader.runConsumer { context in
            let stage = DownloadStage(
                store: context.store, makeHash: { ContentHash() }, makeArchive: { try ZipWriter(modifiedAt: $0) })
            return stage.handle
        }
    }
}

extension ZipWriter: ArchiveWriting {}
extension ContentHash: ArchiveHashing {}
