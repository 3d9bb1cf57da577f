internal import HTTPTransport
internal import Records
internal import SessionRules
internal import Signaling

/// Writes the Prometheus text format 0.0.4. Each part of the server adds what it counts.
struct MetricsPage {
    private(set) var text = ""
    private var name = ""

    mutating func family(_ name: String, _ type: String, _ help: String) {
        self.name = name
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
    }

    mutating func sample(_ labels: KeyValuePairs<String, String>, _ value: some CustomStringConvertible) {
        let list = labels.map { "\($0.key)=\"\($0.value)\"" }.joined(separator: ",")
        text += "\(name){\(list)} \(value)\n"
    }

    mutating func gauge(_ name: String, _ help: String, _ value: some CustomStringConvertible) {
        family(name, "gauge", help)
        text += "\(name) \(value)\n"
    }

    mutating func counter(_ name: String, _ help: String, _ value: some CustomStringConvertible) {
        family(name, "counter", help)
        text += "\(name) \(value)\n"
    }

    mutating func histogram(_ name: String, _ help: String, _ histogram: LatencyHistogram) {
        family(name, "histogram", help)
        let snapshot = histogram.snapshot
        var total: UInt64 = 0
        for (index, bound) in LatencyHistogram.bounds.enumerated() {
            total += snapshot.counts[index]
            text += "\(name)_bucket{le=\"\(bound)\"} \(total)\n"
        }
        total += snapshot.counts.last ?? 0
        text += "\(name)_bucket{le=\"+Inf\"} \(total)\n\(name)_sum \(snapshot.sum)\n\(name)_count \(total)\n"
    }
}

extension MetricsPage {
    /// What is held for clients, and who was closed for it.
    mutating func write(_ transport: HTTPServer, _ memory: MemoryWatch) {
        counter("kiosk_signaling_slow_clients_total", "Clients closed for not reading.", transport.slowClientCount)
        gauge(
            "kiosk_signaling_held_bytes", "Held in memory for clients that have not sent or taken everything.",
            transport.heldBytes + memory.clientBytes)
        counter("kiosk_signaling_evictions_total", "Clients closed for the memory they held.", memory.evictions)
    }

    /// What the hub counts.
    mutating func write(_ metrics: HubMetrics) {
        counter("kiosk_signaling_sessions_started_total", "Sessions started.", metrics.sessionsStarted)
        family("kiosk_signaling_sessions_ended_total", "counter", "Sessions ended, by reason.")
        for reason in SessionEndReason.allCases where reason != .other {
            sample(["reason": reason.rawValue], metrics.sessionsEnded[reason] ?? 0)
        }
        family("kiosk_signaling_events_total", "counter", "Events let through, by name.")
        for kind in ClientEvent.Kind.allCases { sample(["event": kind.rawValue], metrics.events[kind] ?? 0) }
        family("kiosk_signaling_refusals_total", "counter", "Refusals on sockets, by code.")
        for code in SignalingErrorCode.allCases { sample(["code": code.rawValue], metrics.refusals[code] ?? 0) }
        family("kiosk_signaling_crew_events_total", "counter", "Crew events, by what became of them.")
        sample(["result": "stored"], metrics.crewEventsStored)
        sample(["result": "repeated"], metrics.crewEventsRepeated)
        sample(["result": "failed"], metrics.crewEventsFailed)
    }
}
