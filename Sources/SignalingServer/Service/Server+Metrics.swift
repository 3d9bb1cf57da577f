internal import HTTP
internal import HTTPTransport
internal import JSON
internal import Primitives
internal import SessionRules
internal import Signaling
internal import SocketIO

extension Server {
    /// Prometheus text format 0.0.4.
    func metricsText() -> String {
        var page = MetricsPage()
        page.gauge("kiosk_signaling_connections", "TCP connections open.", transport.connectionCount)
        page.family("kiosk_signaling_sockets", "gauge", "Socket.IO clients let in, by role.")
        for role in Role.allCases {
            page.sample(["role": role.rawValue], hub.clientCount(of: role))
        }
        page.gauge("kiosk_signaling_kiosks_online", "Kiosks registered and alive.", hub.presence.onlineCount)
        page.gauge("kiosk_signaling_monitoring_sessions", "Sessions going on.", hub.sessions.count)
        page.counter("kiosk_signaling_sessions_started_total", "Sessions started.", hub.metrics.sessionsStarted)
        page.family("kiosk_signaling_sessions_ended_total", "counter", "Sessions ended, by reason.")
        for reason in SessionEndReason.allCases where reason != .other {
            page.sample(["reason": reason.rawValue], hub.metrics.sessionsEnded[reason] ?? 0)
        }
        page.family("kiosk_signaling_events_total", "counter", "Events let through, by name.")
        for kind in ClientEvent.Kind.allCases { page.sample(["event": kind.rawValue], hub.metrics.events[kind] ?? 0) }
        page.family("kiosk_signaling_refusals_total", "counter", "Refusals on sockets, by code.")
        for code in SignalingErrorCode.allCases {
            page.sample(["code": code.rawValue], hub.metrics.refusals[code] ?? 0)
        }
        page.family("kiosk_signaling_crew_events_total", "counter", "Crew events, by what became of them.")
        page.sample(["result": "stored"], hub.metrics.crewEventsStored)
        page.sample(["result": "repeated"], hub.metrics.crewEventsRepeated)
        page.sample(["result": "failed"], hub.metrics.crewEventsFailed)
        page.family("kiosk_signaling_logins_total", "counter", "Log-ins, by result.")
        page.sample(["result": "succeeded"], metrics.logins)
        page.sample(["result": "failed"], metrics.loginFailures)
        page.sample(["result": "throttled"], metrics.loginsThrottled)
        page.counter("kiosk_signaling_token_refreshes_total", "Access tokens renewed.", metrics.refreshes)
        page.family("kiosk_signaling_http_responses_total", "counter", "HTTP answers, by status.")
        for (status, count) in metrics.responses.sorted(by: { $0.key < $1.key }) {
            page.sample(["status": "\(status)"], count)
        }
        page.family("kiosk_signaling_disconnects_total", "counter", "Sockets gone, by reason.")
        for reason in DisconnectReason.allCases {
            page.sample(["reason": reason.rawValue], metrics.disconnects[reason] ?? 0)
        }
        page.family("kiosk_signaling_drops_total", "counter", "Refused or dropped by the transport, by reason.")
        for drop in SocketIODrop.allCases { page.sample(["reason": "\(drop)"], socketIO.drops[drop]) }
        page.counter("kiosk_signaling_slow_clients_total", "Clients closed for not reading.", transport.slowClientCount)
        page.gauge(
            "kiosk_signaling_held_bytes", "Held in memory for clients that have not sent or taken everything.",
            transport.heldBytes + metrics.clientBytes)
        page.counter("kiosk_signaling_evictions_total", "Clients closed for the memory they held.", metrics.evictions)
        page.gauge("kiosk_signaling_records_waiting", "Jobs that wait for the records.", records.waiting)
        page.gauge("kiosk_signaling_lists_waiting", "Lists and exports that wait to be read.", lists.waiting)
        if let free = FreeSpace.bytes(besideFile: configuration.database) {
            page.gauge("kiosk_signaling_free_bytes", "Room on the disk of the records.", free)
        }
        page.histogram(
            "kiosk_signaling_store_seconds", "From a job's submission to its end in the records.", records.latency)
        page.histogram(
            "kiosk_signaling_loop_seconds", "How long the event loop was away from the sockets.", metrics.loop)
        return page.text
    }
}

/// Writes the Prometheus text format.
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
