/// Bounds the bytes of the pages that are worked on at once: many small pages, or one large one.
///
/// A page takes some five times its size while it is sighted. Without the bound a differ's memory would follow how
/// many large pages happen to come together, which only large tenants bring about.
actor PageRoom {
    private let capacity: Int
    private var used = 0
    private var waiting: [(weight: Int, continuation: CheckedContinuation<Void, Never>)] = []

    init(capacity: Int = 3 << 19) { self.capacity = capacity }

    /// Waits until there is room, first come first served; a page larger than all of it goes alone. The wait ends
    /// without the task's cancellation: those inside always come to their end.
    func enter(_ weight: Int) async {
        if waiting.isEmpty, isRoom(for: weight) {
            used += weight
            return
        }
        await withCheckedContinuation { waiting.append((weight, $0)) }
    }

    func leave(_ weight: Int) {
        used -= weight
        while let next = waiting.first, isRoom(for: next.weight) {
            waiting.removeFirst()
            used += next.weight
            next.continuation.resume()
        }
    }

    private func isRoom(for weight: Int) -> Bool { used == 0 || used + weight <= capacity }
}
