/// The links of one kind, from both ends; both lists are sorted, so that a cursor is "after this object".
struct LinkTable {
    private var forward: [UInt32: [UInt32]] = [:]
    private var backward: [UInt32: [UInt32]] = [:]
    private(set) var count = 0

    func targets(of source: UInt32) -> [UInt32] { forward[source] ?? [] }

    func sources(of target: UInt32) -> [UInt32] { backward[target] ?? [] }

    func has(_ source: UInt32, _ target: UInt32) -> Bool {
        guard let list = forward[source] else { return false }
        let position = Self.position(of: target, in: list)
        return position < list.count && list[position] == target
    }

    /// False when the link was there already.
    mutating func insert(_ source: UInt32, _ target: UInt32) -> Bool {
        guard Self.insert(target, into: &forward[source, default: []]) else { return false }
        _ = Self.insert(source, into: &backward[target, default: []])
        count += 1
        return true
    }

    /// False when there was no such link.
    mutating func remove(_ source: UInt32, _ target: UInt32) -> Bool {
        guard Self.remove(target, key: source, from: &forward) else { return false }
        _ = Self.remove(source, key: target, from: &backward)
        count -= 1
        return true
    }

    /// The first position whose element is not below `value`.
    static func position(of value: UInt32, in list: [UInt32]) -> Int {
        var low = 0
        var high = list.count
        while low < high {
            let middle = (low + high) / 2
            if list[middle] < value { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private static func insert(_ value: UInt32, into list: inout [UInt32]) -> Bool {
        if let last = list.last, last < value {
            list.append(value)
            return true
        }
        let position = position(of: value, in: list)
        if position < list.count, list[position] == value { return false }
        list.insert(value, at: position)
        return true
    }

    private static func remove(_ value: UInt32, key: UInt32, from lists: inout [UInt32: [UInt32]]) -> Bool {
        guard var list = lists.removeValue(forKey: key) else { return false }
        let position = position(of: value, in: list)
        guard position < list.count, list[position] == value else {
            lists[key] = list
            return false
        }
        list.remove(at: position)
        if !list.isEmpty { lists[key] = list }
        return true
    }
}
