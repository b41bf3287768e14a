/// The archive that the stage writes, member after member. It is confined to the task that handles the message.
public protocol ArchiveWriting: AnyObject {
    func begin(_ member: String) throws
    func write(_ bytes: [UInt8]) throws
    /// - Returns: SHA-256 of the member's content.
    func end() throws -> [UInt8]
    func close() throws

    var outputCount: Int { get }
    /// The bytes of the archive that are ready, once.
    func takeOutput() -> [UInt8]
}

/// SHA-256 over the bytes of the archive.
public protocol ArchiveHashing {
    mutating func update(_ bytes: [UInt8])
    func finalize() -> [UInt8]
}
