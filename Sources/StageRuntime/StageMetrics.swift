public import BackupContracts
private import Synchronization

/// The counters of a stage in Prometheus text form; see <https://prometheus.io/docs/practices/naming/>.
///
/// No label names a tenant or an object: their number has no bound.
public final class StageMetrics: Sendable {
    private struct State {
        var counters: [String: Double] = [:]
        var gauges: [String: Double] = [:]
        var histograms: [String: Histogram] = [:]
    }

    /// The label that every series has.
    public let stage: Stage
    private let state = Mutex(State())
    private let now: @Sendable () -> Double

    /// - Parameter unixTime: seconds since 1970, for `…_timestamp_seconds`.
    public init(stage: Stage, unixTime: @escaping @Sendable () -> Double) {
        self.stage = stage
        self.now = unixTime
        state.withLock { state in
            for outcome in DeliveryOutcome.allCases {
                state.counters[
                    Self.series("entra_backup_stage_deliveries_total", stage, ["result": outcome.rawValue])] = 0
            }
            for name in ["entra_backup_published_total", "entra_backup_publish_unconfirmed_total"] {
                state.counters[Self.series(name, stage)] = 0
            }
            state.gauges[Self.series("entra_backup_stage_in_progress", stage)] = 0
        }
    }

    func deliveryBegan() {
        add(gauge: "entra_backup_stage_in_progress", 1)
    }

    func deliveryEnded(_ outcome: DeliveryOutcome) {
        add(gauge: "entra_backup_stage_in_progress", -1)
        count("entra_backup_stage_deliveries_total", labels: ["result": outcome.rawValue])
        if outcome == .succeeded { set("entra_backup_stage_last_success_timestamp_seconds", now()) }
    }

    func published(confirmed: Int, unconfirmed: Int) {
        count("entra_backup_published_total", by: Double(confirmed))
        count("entra_backup_publish_unconfirmed_total", by: Double(unconfirmed))
    }

    /// Adds to a counter.
    public func count(_ name: String, by amount: Double = 1, labels: [String: String] = [:]) {
        state.withLock { $0.counters[Self.series(name, stage, labels), default: 0] += amount }
    }

    /// Sets a gauge.
    public func set(_ name: String, _ value: Double, labels: [String: String] = [:]) {
        state.withLock { $0.gauges[Self.series(name, stage, labels)] = value }
    }

    private func add(gauge name: String, _ amount: Double) {
        state.withLock { $0.gauges[Self.series(name, stage), default: 0] += amount }
    }

    /// Records a duration or size in a histogram.
    public func observe(_ name: String, seconds: Double, labels: [String: String] = [:]) {
        let series = Self.series(name, stage, labels)
        state.withLock { $0.histograms[series, default: Histogram()].observe(seconds) }
    }

    /// The Prometheus text exposition, metrics sorted by name.
    public func rendered() -> String {
        let state = state.withLock { $0 }
        var lines: [String] = []
        for (values, kind) in [(state.counters, "counter"), (state.gauges, "gauge")] {
            var lastName = ""
            for (series, value) in values.sorted(by: { $0.key < $1.key }) {
                let name = String(series.prefix { $0 != "{" })
                if name != lastName { lines.append("# TYPE \(name) \(kind)") }
                lastName = name
                lines.append("\(series) \(Self.number(value))")
            }
        }
        for (series, histogram) in state.histograms.sorted(by: { $0.key < $1.key }) {
            lines.append(contentsOf: histogram.rendered(series))
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func series(_ name: String, _ stage: Stage, _ labels: [String: String] = [:]) -> String {
        var labels = labels
        labels["stage"] = stage.rawValue
        let text = labels.sorted { $0.key < $1.key }.map { "\($0.key)=\"\($0.value)\"" }.joined(separator: ",")
        return "\(name){\(text)}"
    }

    static func number(_ value: Double) -> String {
        value == value.rounded() && abs(value) < 1e15 ? String(Int64(value)) : String(value)
    }
}

/// A cumulative histogram of seconds.
struct Histogram: Sendable {
    static let bounds: [Double] = [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300]
    private var buckets = [Int](repeating: 0, count: Histogram.bounds.count)
    private var count = 0
    private var sum = 0.0

    mutating func observe(_ seconds: Double) {
        count += 1
        sum += seconds
        for (index, bound) in Self.bounds.enumerated() where seconds <= bound { buckets[index] += 1 }
    }

    func rendered(_ series: String) -> [String] {
        let name = String(series.prefix { $0 != "{" })
        let labels = series.dropFirst(name.count + 1).dropLast()
        var lines = ["# TYPE \(name) histogram"]
        for (bound, value) in zip(Self.bounds, buckets) {
            lines.append("\(name)_bucket{\(labels),le=\"\(StageMetrics.number(bound))\"} \(value)")
        }
        lines.append("\(name)_bucket{\(labels),le=\"+Inf\"} \(count)")
        lines.append("\(name)_sum{\(labels)} \(sum)")
        lines.append("\(name)_count{\(labels)} \(count)")
        return lines
    }
}
