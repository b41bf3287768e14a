import BackupModel
import Foundation
import PostgresStore
import Testing

@testable import AdminCommands

/// What commands print, and the words of schedules, retention and conditions.
@Suite struct OutputTests {
    @Test func `columns are as wide as their widest cell, and nothing follows the last`() {
        var table = Table(["name", "id"])
        #expect(table.isEmpty)
        table.add(["Zoë", "1"])
        table.add(["Ab", "22"])
        #expect(table.text == "NAME  ID\nZoë   1\nAb    22")
        #expect(!table.isEmpty)
    }

    @Test func `a list that is cut says so, to people and to scripts`() {
        let cut = Limited([1, 2, 3], 2)
        #expect(cut.noted("N\n1\n2") == "N\n1\n2\nThere are more than the 2 shown: see --limit.")
        #expect(cut.document { JSONValue($0) } == ["items": [1, 2], "more": true])
        for limit in [3, nil] {
            let whole = Limited([1, 2, 3], limit)
            #expect(whole.noted("N") == "N")
            #expect(whole.document { JSONValue($0) } == ["items": [1, 2, 3], "more": false])
        }
    }

    @Test func `times are RFC 3339 in UTC for scripts`() throws {
        let date = Date(timeIntervalSince1970: 1_700_000_000.125)
        #expect(Moment.text(date) == "2023-11-14T22:13:20.125Z")
        #expect(Moment.date("2023-11-14T22:13:20.125Z") == date)
        #expect(Moment.date("2023-11-14T22:13:20Z") == Date(timeIntervalSince1970: 1_700_000_000))
        #expect(Moment.date("yesterday") == nil)
        #expect(Moment.json(nil).isNull)
    }

    @Test(arguments: [
        (-90, "in 90 s"), (0, "just now"), (4, "just now"), (5, "5 s ago"), (119, "119 s ago"), (120, "2 min ago"),
        (7_199, "119 min ago"), (7_200, "2 h ago"), (172_799, "47 h ago"), (172_800, "2 days ago"),
    ])
    func `times are relative for people`(seconds: Int, text: String) {
        let now = Date(timeIntervalSince1970: 1_700_000_000)
        #expect(Moment.relative(now.addingTimeInterval(-Double(seconds)), now: now) == text)
        #expect(Moment.relative(nil, now: now) == "never")
    }

    @Test(arguments: [
        ("off", BackupSchedule.off), ("every 15m", .every(seconds: 900)), ("every 24h", .every(seconds: 86_400)),
        ("every 1440m", .every(seconds: 86_400)), ("daily 00:00", .daily(minutes: 0)),
        ("daily 23:59", .daily(minutes: 1_439)), ("every 14m", nil), ("every 25h", nil), ("every 0h", nil),
        ("every -1h", nil), ("every h", nil), ("every 1d", nil), ("daily 24:00", nil), ("daily 9:00", nil),
        ("daily 09:60", nil), ("Off", nil), ("", nil), ("weekly", nil),
    ])
    func `schedules are what the contract names`(text: String, schedule: BackupSchedule?) {
        #expect(BackupSchedule(text) == schedule)
    }

    @Test(arguments: [
        ("90d", 90), ("7y", 2_555), ("1000y", 365_000), ("forever", nil), ("0d", nil), ("-1d", nil), ("1001y", nil),
        ("d", nil), ("", nil), ("90", nil), ("90 d", nil),
    ])
    func `retention is days or years`(text: String, days: Int32?) {
        #expect(Retention.days(text) == days)
    }

    @Test func `a condition has an attribute, an operator and a value that may hold spaces`() throws {
        let quoted = try #require(SearchCondition("manager/displayName contains 'van der'"))
        #expect(quoted.path == ["manager", "displayName"])
        #expect(quoted.comparison == .contains)
        #expect(quoted.value == "van der")
        #expect(SearchCondition("jobTitle eq Head of IT")?.value == "Head of IT")
        #expect(SearchCondition("jobTitle eq ''")?.value == "")
        for wrong in ["/ ne x", "// eq x", "", "jobTitle", "jobTitle eq", "jobTitle like x", "eq x"] {
            #expect(SearchCondition(wrong) == nil, "\(wrong)")
        }
    }
}
