internal import HTTP
internal import HTTPTransport
internal import Primitives

/// The one way by which requests are answered: with CORS headers where their origin is allowed, and counted.
final class Responses {
    private let transport: HTTPServer
    private var origins: CrossOrigins
    private var countByStatus: [Int: UInt64]

    init(_ transport: HTTPServer, _ origins: CrossOrigins) {
        self.transport = transport
        self.origins = origins
        countByStatus = [:]
    }

    /// A request has come; it is answered, or `aborted`.
    func arrived(_ request: HTTPRequest) { origins.arrived(request) }

    func aborted(_ id: RequestID) { origins.aborted(id) }

    /// - Parameter isShared: the body is one that many answers have in common.
    func respond(to id: RequestID, _ response: HTTPResponse, isShared: Bool = false) {
        transport.respond(to: id, counted(id, response), isShared: isShared)
    }

    func fail(_ id: RequestID, _ failure: APIFailure) { respond(to: id, failure.response) }

    /// Begins an answer whose body comes in pieces. False where none is to follow.
    func begin(to id: RequestID, _ response: HTTPResponse) -> Bool {
        let response = counted(id, response)
        return transport.beginAnswer(to: id, status: response.status, headers: response.headers)
    }

    func send(piece: [UInt8], to id: RequestID) { transport.send(piece: piece, to: id) }

    func end(_ id: RequestID) { transport.endAnswer(to: id) }

    /// An answer that has begun cannot be completed.
    func abandon(_ id: RequestID) { transport.abandonAnswer(to: id) }

    private func counted(_ id: RequestID, _ response: HTTPResponse) -> HTTPResponse {
        var response = response
        response.headers += origins.headers(for: id)
        countByStatus[response.status, default: 0] += 1
        return response
    }

    func write(to page: inout MetricsPage) {
        page.family("kiosk_signaling_http_responses_total", "counter", "HTTP answers, by status.")
        for (status, count) in countByStatus.sorted(by: { $0.key < $1.key }) {
            page.sample(["status": "\(status)"], count)
        }
    }
}
