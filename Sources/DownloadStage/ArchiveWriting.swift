/// The archive that the stage writes, member after member. It is confined to the task that handles the message.
public protocol ArchiveWriting: AnyObject {
    /// Begins the next member; the one before has been ended. Names are unique.
    func begin(_ member: String) throws
    /// Appends to the open member; a part of it may come out at once.
    func write(_ bytes: [UInt8]) throws
    /// - Returns: SHA-256 of the member's content.
    func end() throws -> [UInt8]
    /// Writes the directory at the end of the archive; nothing may follow but ``takeOutput()``.
    func close() throws

    /// How many bytes ``takeOutput()`` would give.
    var outputCount: Int { get }
    /// The bytes of the archive that are ready, once.
    func takeOutput() -> [UInt8]
}

/// SHA-256 over the bytes of the archive.
public protocol ArchiveHashing {
    /// Takes the next bytes, cut in any way.
    mutating func update(_ bytes: [UInt8])
    /// The 32 bytes, over all that was taken.
    func finalize() -> [UInt8]
}
