import CRabbitMQ

/// Memory for the C structures of one request, given back as a whole.
///
/// Wraps `amqp_pool_t`, whose allocations stay valid until it is recycled. Confined to its owner.
final class ScratchPool {
    private let pool: UnsafeMutablePointer<amqp_pool_t>

    init() {
        pool = .allocate(capacity: 1)
        init_amqp_pool(pool, 16_384)
    }

    deinit {
        empty_amqp_pool(pool)
        pool.deallocate()
    }

    /// Invalidates all that was made since the last call.
    func recycle() {
        recycle_amqp_pool(pool)
    }

    func bytes(_ text: String) -> amqp_bytes_t {
        var text = text
        return text.withUTF8 { copy(UnsafeRawBufferPointer($0)) }
    }

    func bytes(_ bytes: [UInt8]) -> amqp_bytes_t {
        bytes.withUnsafeBytes { copy($0) }
    }

    private func copy(_ source: UnsafeRawBufferPointer) -> amqp_bytes_t {
        guard let start = source.baseAddress, !source.isEmpty, let target = amqp_pool_alloc(pool, source.count) else {
            return amqp_empty_bytes
        }
        target.copyMemory(from: start, byteCount: source.count)
        return amqp_bytes_t(len: source.count, bytes: target)
    }

    func table(_ fields: [String: FieldValue]) -> amqp_table_t {
        guard let entries: UnsafeMutablePointer<amqp_table_entry_t> = array(fields.count) else {
            return amqp_empty_table
        }
        for (index, field) in fields.enumerated() {
            (entries + index).initialize(to: amqp_table_entry_t(key: bytes(field.key), value: value(field.value)))
        }
        return amqp_table_t(num_entries: Int32(fields.count), entries: entries)
    }

    func table(_ fields: [String: String]) -> amqp_table_t {
        guard let entries: UnsafeMutablePointer<amqp_table_entry_t> = array(fields.count) else {
            return amqp_empty_table
        }
        for (index, field) in fields.enumerated() {
            var value = amqp_field_value_t()
            value.kind = FieldKind.string
            value.value.bytes = bytes(field.value)
            (entries + index).initialize(to: amqp_table_entry_t(key: bytes(field.key), value: value))
        }
        return amqp_table_t(num_entries: Int32(fields.count), entries: entries)
    }

    private func array<Element>(_ count: Int) -> UnsafeMutablePointer<Element>? {
        guard count > 0 else { return nil }
        return amqp_pool_alloc(pool, count * MemoryLayout<Element>.stride)?
            .bindMemory(to: Element.self, capacity: count)
    }

    private func value(_ field: FieldValue) -> amqp_field_value_t {
        var result = amqp_field_value_t()
        switch field {
        case .string(let text):
            result.kind = FieldKind.string
            result.value.bytes = bytes(text)
        case .bytes(let content):
            result.kind = FieldKind.bytes
            result.value.bytes = bytes(content)
        case .integer(let number):
            result.kind = FieldKind.int64
            result.value.i64 = number
        case .boolean(let flag):
            result.kind = FieldKind.boolean
            result.value.boolean = flag ? 1 : 0
        case .double(let number):
            result.kind = FieldKind.double
            result.value.f64 = number
        case .timestamp(let seconds):
            result.kind = FieldKind.timestamp
            result.value.u64 = seconds
        case .table(let fields):
            result.kind = FieldKind.table
            result.value.table = table(fields)
        case .array(let items):
            result.kind = FieldKind.array
            result.value.array = list(items)
        case .null:
            result.kind = FieldKind.void
        }
        return result
    }

    private func list(_ items: [FieldValue]) -> amqp_array_t {
        guard let entries: UnsafeMutablePointer<amqp_field_value_t> = array(items.count) else {
            return amqp_array_t(num_entries: 0, entries: nil)
        }
        for (index, item) in items.enumerated() {
            (entries + index).initialize(to: value(item))
        }
        return amqp_array_t(num_entries: Int32(items.count), entries: entries)
    }
}

/// The type octets of <https://www.rabbitmq.com/amqp-0-9-1-errata#section_3>. The C enumeration has another width
/// than the field it is stored in, so the octets are spelled here.
enum FieldKind {
    static let boolean = UInt8(ascii: "t")
    static let string = UInt8(ascii: "S")
    static let bytes = UInt8(ascii: "x")
    static let int64 = UInt8(ascii: "l")
    static let double = UInt8(ascii: "d")
    static let timestamp = UInt8(ascii: "T")
    static let table = UInt8(ascii: "F")
    static let array = UInt8(ascii: "A")
    static let void = UInt8(ascii: "V")
}

extension FieldValue {
    /// The peer chooses how deeply it nests; what lies deeper than this is read as `null`.
    private static let deepestLevel = 16

    static func fields(_ table: amqp_table_t, level: Int = 0) -> [String: FieldValue] {
        guard table.num_entries > 0, let entries = table.entries, level < deepestLevel else { return [:] }
        var fields: [String: FieldValue] = [:]
        for entry in UnsafeBufferPointer(start: entries, count: Int(table.num_entries)) {
            fields[String(entry.key)] = FieldValue(entry.value, level: level)
        }
        return fields
    }

    private init(_ field: amqp_field_value_t, level: Int) {
        switch field.kind {
        case FieldKind.string: self = .string(String(field.value.bytes))
        case FieldKind.bytes:
            let bytes = field.value.bytes
            self = .bytes(Array(UnsafeRawBufferPointer(start: bytes.bytes, count: bytes.bytes == nil ? 0 : bytes.len)))
        case FieldKind.boolean: self = .boolean(field.value.boolean != 0)
        case UInt8(ascii: "b"): self = .integer(Int64(field.value.i8))
        case UInt8(ascii: "B"): self = .integer(Int64(field.value.u8))
        case UInt8(ascii: "s"): self = .integer(Int64(field.value.i16))
        case UInt8(ascii: "u"): self = .integer(Int64(field.value.u16))
        case UInt8(ascii: "I"): self = .integer(Int64(field.value.i32))
        case UInt8(ascii: "i"): self = .integer(Int64(field.value.u32))
        case FieldKind.int64: self = .integer(field.value.i64)
        case UInt8(ascii: "L"): self = .integer(Int64(clamping: field.value.u64))
        case UInt8(ascii: "f"): self = .double(Double(field.value.f32))
        case FieldKind.double: self = .double(field.value.f64)
        case FieldKind.timestamp: self = .timestamp(field.value.u64)
        case FieldKind.table where level < FieldValue.deepestLevel:
            self = .table(FieldValue.fields(field.value.table, level: level + 1))
        case FieldKind.array where level < FieldValue.deepestLevel:
            let list = field.value.array
            let items = UnsafeBufferPointer(start: list.entries, count: list.entries == nil ? 0 : Int(list.num_entries))
            self = .array(items.map { FieldValue($0, level: level + 1) })
        default: self = .null
        }
    }
}
