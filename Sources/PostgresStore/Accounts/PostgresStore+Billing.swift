public import AccountModel
import BackupContracts
public import Foundation
import LibPQ

extension PostgresStore {
    /// Lines of a month's bill, by partner and organization, those that do not bill among them. One statement over what
    /// changed in the month.
    public func bill(_ month: BillingMonth, partner: UUID?) async throws(AccountError) -> [BillLine] {
        if let partner { try require(own: partner) }
        // Compiling the statement would take longer than running it.
        return try await administer(.standard.setting("jit", to: "off")) { (connection) async throws(AccountError) in
            try all(
                try await connection.checked(
                    BillLine.statement(own: own(.organization)),
                    [.text("\(month)-01"), .text("\(month.next)-01"), .uuid(partner)]),
                BillLine.init(row:))
        }
    }

    /// The month that it is by the database's clock.
    public func currentMonth() async throws(AccountError) -> BillingMonth {
        try await administer { (connection) async throws(AccountError) in
            let rows = try await connection.checked("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM') AS month")
            let text = try only(rows) { (row) throws(PostgresError) in try row.text("month") }
            guard let month = BillingMonth(text) else {
                throw AccountError(StageFailure(.stageDefect, "The database's clock says \(text)."))
            }
            return month
        }
    }
}

extension BillLine {
    /// Who was protected to the last moment of the month counts as current. Of what may change later, names of partners
    /// and organizations alone are read: all else is as the month ended.
    fileprivate static func statement(own: String) -> String {
        """
        WITH span AS (SELECT $1::text::timestamp AT TIME ZONE 'UTC' AS begins,
            $2::text::timestamp AT TIME ZONE 'UTC' AS ends),
        used AS (SELECT u.partner_id, u.organization_id, max(u.users) AS peak,
                max(u.users) FILTER (WHERE u.to_at >= span.ends) AS current
            FROM backup.protected_users u, span
            WHERE u.to_at > span.begins AND u.from_at < span.ends AND ($3::uuid IS NULL OR u.partner_id = $3)
                AND \(own)
            GROUP BY u.partner_id, u.organization_id),
        terms AS (SELECT DISTINCT ON (t.partner_id, t.organization_id) t.*
            FROM backup.organization_terms t, span
            WHERE t.to_at > span.begins AND t.from_at < span.ends AND ($3::uuid IS NULL OR t.partner_id = $3)
                AND \(own)
            ORDER BY t.partner_id, t.organization_id, t.from_at DESC)
        SELECT t.organization_id, o.name AS organization, t.partner_id, p.name AS partner, t.plan_id,
            t.plan_name AS plan, t.product, t.currency, t.periodicity, t.state, t.nfr, t.seats,
            coalesce(u.peak, 0) AS peak, coalesce(u.current, 0) AS current
        FROM terms t
        LEFT JOIN used u ON u.partner_id = t.partner_id AND u.organization_id = t.organization_id
        LEFT JOIN (SELECT id, name FROM backup.organizations WHERE \(own)) o ON o.id = t.organization_id
        LEFT JOIN backup.partners p ON p.id = t.partner_id
        WHERE t.state IN ('active', 'suspended') OR u.peak > 0
        ORDER BY p.name, t.partner_id, o.name, t.organization_id
        """
    }

    fileprivate init(row: PostgresRow) throws(PostgresError) {
        self.init(
            organization: try row.uuid("organization_id"), name: try row.optionalText("organization"),
            partner: try row.uuid("partner_id"), partnerName: try row.optionalText("partner"),
            plan: try row.uuid("plan_id"), planName: try row.optionalText("plan"),
            product: try row.optionallyNamed("product"),
            currency: try row.optionalText("currency"),
            periodicity: try row.optionallyNamed("periodicity"),
            state: try row.named("state"), isNFR: try row.bool("nfr"),
            seatsBought: try row.optionalInt32("seats"), peakUsers: try row.int64("peak"),
            currentUsers: try row.int64("current"))
    }
}
