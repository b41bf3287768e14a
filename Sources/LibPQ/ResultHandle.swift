import CLibPQ

/// Owns a `PGresult`.
///
/// Sendable without a lock: libpq does not change a result after `PQgetResult` returned it, reads of it from several
/// threads are allowed ("Result objects … once created, are read-only": libpq documentation, *Behavior in Threaded
/// Programs*, <https://www.postgresql.org/docs/15/libpq-threading.html>), it does not refer to its connection, and it
/// is freed once, when no one can read it any more.
final class ResultHandle: @unchecked Sendable {
    let pointer: OpaquePointer

    init(_ pointer: OpaquePointer) {
        self.pointer = pointer
    }

    deinit {
        PQclear(pointer)
    }

    var status: ExecStatusType { PQresultStatus(pointer) }

    var commandTag: String { PQcmdStatus(pointer).map { String(cString: $0) } ?? "" }

    /// What the server said in an error result; `nil` when libpq made the error.
    var report: PostgresError.ServerReport? {
        var values: [PostgresError.ServerReport.Field: String] = [:]
        for field in PostgresError.ServerReport.Field.allCases {
            if let text = PQresultErrorField(pointer, field.code) { values[field] = String(cString: text) }
        }
        return values[.sqlState] == nil ? nil : PostgresError.ServerReport(values)
    }

    var errorMessage: String { PQresultErrorMessage(pointer).map { trimmed($0) } ?? "" }
}

extension PostgresError.ServerReport.Field {
    /// The letters of the error message fields: <https://www.postgresql.org/docs/15/protocol-error-fields.html>.
    fileprivate var code: Int32 {
        let letter: Unicode.Scalar =
            switch self {
            case .sqlState: "C"
            case .severity: "V"
            case .message: "M"
            case .detail: "D"
            case .hint: "H"
            case .schema: "s"
            case .table: "t"
            case .column: "c"
            case .constraint: "n"
            case .position: "P"
            case .context: "W"
            case .function: "R"
            }
        return Int32(letter.value)
    }
}

/// libpq's messages end in a newline and indent their continuation lines.
func trimmed(_ text: UnsafePointer<CChar>) -> String {
    String(cString: text).split(whereSeparator: \.isNewline)
        .map { $0.drop { $0 == "\t" || $0 == " " } }.joined(separator: " ")
}
