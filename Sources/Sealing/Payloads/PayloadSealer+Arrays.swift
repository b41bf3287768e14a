// The same methods for arrays.

extension PayloadSealer {
    /// Seals the canonical bytes of one content.
    public func seal(
        _ plain: [UInt8], type: UInt16, digest: [UInt8], kind: PayloadKind
    ) throws(SealingError) -> [UInt8] {
        try with(plain) { (bytes) throws(SealingError) in
            try seal(bytes, type: type, digest: digest, kind: kind)
        }
    }

    /// The content out of what `seal` made.
    public func open(_ sealed: [UInt8], type: UInt16, digest: [UInt8]) throws(SealingError) -> [UInt8] {
        try with(sealed) { (bytes) throws(SealingError) in try open(bytes, type: type, digest: digest) }
    }

    /// Seals bytes that have no digest: pages, cursors, credentials, lists of sightings.
    public func sealBlob(
        _ plain: [UInt8], purpose: String, context: [UInt8], kind: PayloadKind = .none
    ) throws(SealingError) -> [UInt8] {
        try with(plain) { (bytes) throws(SealingError) in
            try sealBlob(bytes, purpose: purpose, context: context, kind: kind)
        }
    }

    /// The bytes out of what `sealBlob` made.
    public func openBlob(_ sealed: [UInt8], purpose: String, context: [UInt8]) throws(SealingError) -> [UInt8] {
        try with(sealed) { (bytes) throws(SealingError) in
            try openBlob(bytes, purpose: purpose, context: context)
        }
    }

    private func with(
        _ array: [UInt8], _ body: (UnsafeRawBufferPointer) throws(SealingError) -> [UInt8]
    ) throws(SealingError) -> [UInt8] {
        let result: Result<[UInt8], SealingError> = array.withUnsafeBytes { bytes in
            do throws(SealingError) { return .success(try body(bytes)) } catch { return .failure(error) }
        }
        return try result.get()
    }
}
