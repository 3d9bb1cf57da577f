import HTTP
import HTTPTransport
import JSON
import Primitives
import Reactor

/// This machine's clock against the server's.
enum ClockCheck: Check {
    struct Observation: Sendable {
        /// The server's clock minus this machine's; nil where nobody told.
        var offset: Duration?
        /// Why the server's certificate was refused; nil when it was not.
        var refusal: TLSFailure?
        var now: WallClock
        /// Whether a time service keeps it.
        var isSynchronized: Bool
    }

    static func gather(_ context: CheckContext) -> Gathered<Observation> {
        let exchange = context.serverExchange()
        var date: WallClock?
        if case .success(let response) = exchange.outcome {
            date = response.headers["Date"].flatMap(WallClock.init(httpDate:))
        }
        var refusal: TLSFailure?
        if case .failure(.tls(let failure)) = exchange.outcome { refusal = failure }
        return .seen(
            Observation(
                offset: offset(heartbeat: context.agent?.clockOffset, date: date, at: exchange.at), refusal: refusal,
                now: SystemWallClock.now(),
                isSynchronized: FileSystem.allows(.existence, to: "/run/systemd/timesync/synchronized")))
    }

    /// The Date field of an answer tells the server's clock to the second; the offset that the agent's heartbeat measured is finer, but may
    /// be older than a jump of the clock.
    static func offset(heartbeat: Duration?, date: WallClock?, at: WallClock) -> Duration? {
        guard let date else { return heartbeat }
        // The date is cut to its second: on average half of one is missing.
        let told = date + .milliseconds(500) - at
        guard let heartbeat, abs((heartbeat - told).seconds) <= 1.5 else { return told }
        return heartbeat
    }

    static func judge(_ observation: Observation) -> Finding {
        var facts = JSONObject()
        facts["localTime"] = .string(observation.now.text)
        facts["timesyncd"] = .bool(observation.isSynchronized)
        let why = "certificates and tokens are judged by the clock, crew events carry its time"
        if let offset = observation.offset {
            let measured = offset.seconds
            facts["offsetSeconds"] = .double((measured * 1000).rounded() / 1000)
            let seen = "\(Int(abs(measured))) s \(measured > 0 ? "behind" : "ahead of") the server"
            if abs(measured) > 30 {
                return Finding(
                    .failed, seen, why: why, remedy: "timedatectl set-ntp true, and a time server that can be reached",
                    facts: facts)
            }
            if abs(measured) > 2 {
                return Finding(
                    .warning, seen, why: "crew events carry this clock's time", remedy: "timedatectl set-ntp true",
                    facts: facts)
            }
            return .ok("right by the server", facts: facts)
        }
        if observation.now < WallClock.earliestSane {
            return Finding(
                .failed, "it is \(observation.now.text) here: the clock was not set since power came", why: why,
                remedy: "timedatectl set-ntp true, or set it by hand; the clock's battery may be empty", facts: facts)
        }
        if observation.refusal == .notYetValid {
            return Finding(
                .failed, "\(observation.now.text), before the server's certificate begins", why: why,
                remedy: "timedatectl set-ntp true, or set it by hand", facts: facts)
        }
        return observation.isSynchronized
            ? .ok("kept by a time server", facts: facts)
            : Finding(
                .unknown, "\(observation.now.text), nobody to compare it with", why: why, remedy: "timedatectl",
                facts: facts)
    }
}
