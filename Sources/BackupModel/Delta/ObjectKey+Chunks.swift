extension ObjectKey {
    /// The keys of chunk number `chunk` when all keys are cut into `count` ranges of equal width.
    ///
    /// GUIDs of directory objects and HMACs are spread evenly, so the chunks hold about the same number of objects.
    public static func range(chunk: Int, of count: Int) -> ClosedRange<ObjectKey> {
        let width = UInt64.max / UInt64(max(count, 1))
        let low = width * UInt64(chunk)
        let high = chunk + 1 >= count ? UInt64.max : width * UInt64(chunk + 1) - 1
        return ObjectKey(high: low, low: 0)...ObjectKey(high: high, low: .max)
    }
}
