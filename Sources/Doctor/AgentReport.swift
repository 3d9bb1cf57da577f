import JSON
import Primitives

/// What the running agent says of itself, as far as checks judge it: the one place that knows the names in its status.
struct AgentReport: Sendable {
    struct Outbox: Sendable {
        var waiting: Int64
        var rejected: Int64
        /// `ok`, `reserve` or a fault; nil where an older agent does not tell.
        var storage: String?
        var remedy: String?
        /// Where a damaged outbox was put.
        var damaged: String?
    }

    var summary: String?
    var state: String?
    /// Why there is no server; nil while there is one.
    var linkMessage: String?
    var linkRemedy: String?
    /// The stable name of `linkMessage`.
    var linkTrouble: String?
    var outbox: Outbox?
    /// The server's clock minus this machine's, by the last heartbeat.
    var clockOffset: Duration?
    /// The picture that it sends now: `640x480 at 30.0 frames/s`.
    var liveFigures: String

    init(_ status: JSONValue) {
        summary = status["summary"]?.string
        state = status["state"]?.string
        let link = status["link"]
        (linkMessage, linkRemedy, linkTrouble) = (
            link?["message"]?.string, link?["remedy"]?.string, link?["trouble"]?.string
        )
        outbox = status["outbox"].map { outbox in
            Outbox(
                waiting: outbox["waiting"]?.integer ?? 0, rejected: outbox["rejected"]?.integer ?? 0,
                storage: outbox["storage"]?.string, remedy: outbox["remedy"]?.string,
                damaged: outbox["damaged"]?.string)
        }
        clockOffset = status["clockOffsetSeconds"]?.double.map { .milliseconds(Int64(($0 * 1000).rounded())) }
        let video = status["video"]
        liveFigures =
            "\(video?["width"]?.integer ?? 0)x\(video?["height"]?.integer ?? 0) at "
            + "\(video?["framesPerSecond"]?.double ?? 0) frames/s"
    }
}
