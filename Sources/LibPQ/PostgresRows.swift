import CLibPQ
public import Foundation

/// The result of one statement: rows in the server's binary form, decoded when read. The memory is libpq's and is freed
/// with the last reference to the object or to one of its rows.
public final class PostgresRows: Sendable, RandomAccessCollection {
    private let result: ResultHandle
    /// The columns' names, in order.
    public let columnNames: [String]
    /// The columns' types, in order.
    public let columnTypes: [PostgresType]
    /// The number of rows.
    public let count: Int
    /// How many rows the statement inserted, updated, deleted, selected or moved; 0 for others.
    public let affectedRows: Int

    init(_ result: ResultHandle) {
        self.result = result
        let pointer = result.pointer
        let columns = 0..<PQnfields(pointer)
        columnNames = columns.map { PQfname(pointer, $0).map { String(cString: $0) } ?? "" }
        columnTypes = columns.map { PostgresType(rawValue: PQftype(pointer, $0)) }
        count = Int(PQntuples(pointer))
        affectedRows = PQcmdTuples(pointer).flatMap { Int(String(cString: $0)) } ?? 0
    }

    /// 0.
    public var startIndex: Int { 0 }
    /// The number of rows.
    public var endIndex: Int { count }

    /// The row at an index; out of range is a programming error and stops the program, as for an array.
    public subscript(index: Int) -> PostgresRow {
        precondition((0..<count).contains(index), "row \(index) of \(count)")
        return PostgresRow(rows: self, index: index)
    }

    /// The only row. Throws `decodingFailed` when there is none or more than one.
    public func onlyRow() throws(PostgresError) -> PostgresRow {
        guard count == 1 else {
            throw PostgresError(code: .decodingFailed, message: "One row was expected; the result has \(count).")
        }
        return self[0]
    }

    /// The index of a column, to be found once for many rows. Throws `columnMissing`.
    public func index(of column: PostgresColumn) throws(PostgresError) -> Int {
        switch column {
        case .index(let index) where columnNames.indices.contains(index): return index
        case .name(let name):
            // Results have few columns; comparing short strings beats hashing them.
            if let index = columnNames.firstIndex(of: name) { return index }
        default: break
        }
        throw PostgresError(
            code: .columnMissing,
            message: "The result has no column \(column); it has \(columnNames.joined(separator: ", ")).")
    }

    /// The value's bytes inside libpq's memory, `nil` for NULL. The caller keeps `self` alive while it reads them.
    func bytes(_ row: Int, _ column: Int) -> UnsafeRawBufferPointer? {
        let (row, column) = (Int32(truncatingIfNeeded: row), Int32(truncatingIfNeeded: column))
        if PQgetisnull(result.pointer, row, column) != 0 { return nil }
        let length = PQgetlength(result.pointer, row, column)
        return UnsafeRawBufferPointer(start: PQgetvalue(result.pointer, row, column), count: Int(length))
    }
}

/// A column, by name or by index from 0. Literals of both kinds will do.
public enum PostgresColumn: Sendable, Hashable, ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
    CustomStringConvertible
{
    /// The first column of this name.
    case name(String)
    /// The column at this index, from 0. Fastest.
    case index(Int)

    /// A name.
    public init(stringLiteral value: String) { self = .name(value) }
    /// An index.
    public init(integerLiteral value: Int) { self = .index(value) }

    /// The quoted name, or the index.
    public var description: String {
        switch self {
        case .name(let name): "\"\(name)\""
        case .index(let index): "\(index)"
        }
    }
}

/// One row. Getters throw `columnMissing`, `valueNull`, `typeMismatch` or `decodingFailed`, each naming the column and
/// never the value; those that begin with `optional` return nil for NULL and for nothing else.
public struct PostgresRow: Sendable {
    let rows: PostgresRows
    /// The row's index in its result.
    public let index: Int

    /// Reads a column as any supported type, for example `decode("ids", as: [UUID?].self)`.
    public func decode<Value: PostgresDecodable>(
        _ column: PostgresColumn, as _: Value.Type = Value.self
    ) throws(PostgresError) -> Value {
        let position = try rows.index(of: column)
        let type = rows.columnTypes[position]
        guard Value.accepts(type) else {
            throw failure(.typeMismatch, column, "is of type \(type), which is not read as \(Value.self)")
        }
        return try withExtendedLifetime(rows) { () throws(PostgresError) in
            guard let bytes = rows.bytes(index, position) else {
                if let null = Value.null { return null }
                throw failure(.valueNull, column, "is NULL")
            }
            guard let value = Value.decode(bytes, type) else {
                throw failure(.decodingFailed, column, "holds bytes that are no \(Value.self)")
            }
            return value
        }
    }

    private func failure(_ code: PostgresError.Code, _ column: PostgresColumn, _ what: String) -> PostgresError {
        PostgresError(code: code, message: "Column \(column) \(what).")
    }

    /// Whether the value is NULL.
    public func isNull(_ column: PostgresColumn) throws(PostgresError) -> Bool {
        rows.bytes(index, try rows.index(of: column)) == nil
    }

    /// Lends the value's bytes, of whatever type, without a copy; they end with the call. Throws `valueNull` for NULL.
    public func withBytes<Result>(
        _ column: PostgresColumn, _ body: (UnsafeRawBufferPointer) throws -> Result
    ) throws -> Result {
        guard let bytes = rows.bytes(index, try rows.index(of: column)) else {
            throw failure(.valueNull, column, "is NULL")
        }
        return try withExtendedLifetime(rows) { try body(bytes) }
    }
}

extension PostgresRow {
    /// A `boolean`.
    public func bool(_ column: PostgresColumn) throws(PostgresError) -> Bool { try decode(column) }
    /// A `smallint`.
    public func int16(_ column: PostgresColumn) throws(PostgresError) -> Int16 { try decode(column) }
    /// An `integer` or `smallint`.
    public func int32(_ column: PostgresColumn) throws(PostgresError) -> Int32 { try decode(column) }
    /// A `bigint`, `integer` or `smallint`.
    public func int64(_ column: PostgresColumn) throws(PostgresError) -> Int64 { try decode(column) }
    /// A `double precision` or `real`.
    public func double(_ column: PostgresColumn) throws(PostgresError) -> Double { try decode(column) }
    /// A text, `json` or `jsonb`.
    public func text(_ column: PostgresColumn) throws(PostgresError) -> String { try decode(column) }
    /// A `bytea`.
    public func bytes(_ column: PostgresColumn) throws(PostgresError) -> [UInt8] { try decode(column) }
    /// A `uuid`.
    public func uuid(_ column: PostgresColumn) throws(PostgresError) -> UUID { try decode(column) }
    /// A `timestamptz`.
    public func timestamp(_ column: PostgresColumn) throws(PostgresError) -> PostgresTimestamp { try decode(column) }
    /// A `timestamptz`, in microseconds since 1970.
    public func microsecondsSince1970(_ column: PostgresColumn) throws(PostgresError) -> Int64 {
        try timestamp(column).microsecondsSince1970
    }

    /// A `boolean`, or nil for NULL.
    public func optionalBool(_ column: PostgresColumn) throws(PostgresError) -> Bool? { try decode(column) }
    /// A `smallint`, or nil for NULL.
    public func optionalInt16(_ column: PostgresColumn) throws(PostgresError) -> Int16? { try decode(column) }
    /// An `integer` or `smallint`, or nil for NULL.
    public func optionalInt32(_ column: PostgresColumn) throws(PostgresError) -> Int32? { try decode(column) }
    /// A `bigint`, `integer` or `smallint`, or nil for NULL.
    public func optionalInt64(_ column: PostgresColumn) throws(PostgresError) -> Int64? { try decode(column) }
    /// A `double precision` or `real`, or nil for NULL.
    public func optionalDouble(_ column: PostgresColumn) throws(PostgresError) -> Double? { try decode(column) }
    /// A text, `json` or `jsonb`, or nil for NULL.
    public func optionalText(_ column: PostgresColumn) throws(PostgresError) -> String? { try decode(column) }
    /// A `bytea`, or nil for NULL.
    public func optionalBytes(_ column: PostgresColumn) throws(PostgresError) -> [UInt8]? { try decode(column) }
    /// A `uuid`, or nil for NULL.
    public func optionalUUID(_ column: PostgresColumn) throws(PostgresError) -> UUID? { try decode(column) }
    /// A `timestamptz`, or nil for NULL.
    public func optionalTimestamp(_ column: PostgresColumn) throws(PostgresError) -> PostgresTimestamp? {
        try decode(column)
    }

    /// An `integer[]` without NULLs.
    public func int32Array(_ column: PostgresColumn) throws(PostgresError) -> [Int32] { try decode(column) }
    /// A `bigint[]` without NULLs.
    public func int64Array(_ column: PostgresColumn) throws(PostgresError) -> [Int64] { try decode(column) }
    /// A `text[]` without NULLs.
    public func textArray(_ column: PostgresColumn) throws(PostgresError) -> [String] { try decode(column) }
    /// A `uuid[]` without NULLs.
    public func uuidArray(_ column: PostgresColumn) throws(PostgresError) -> [UUID] { try decode(column) }
}
