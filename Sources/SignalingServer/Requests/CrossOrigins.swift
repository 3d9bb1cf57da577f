internal import HTTP
internal import HTTPTransport
internal import Primitives

/// Pages of other origins that may read answers (CORS, Fetch Standard section 3.2), and which requests are theirs.
struct CrossOrigins {
    private let allowed: [String]
    private var byRequest: [RequestID: String]

    /// - Parameter allowed: origins as `Origin` has them; `*` for all.
    init(allowed: [String]) {
        self.allowed = allowed
        byRequest = [:]
    }

    /// A request has come; `headers` or `aborted` follows.
    mutating func arrived(_ request: HTTPRequest) {
        guard let origin = request.headers["origin"],
            request.path.hasPrefix("/socket.io") || request.path.hasPrefix("/api/"),
            allowed.contains(where: { $0 == "*" || $0 == origin })
        else { return }
        byRequest[request.id] = origin
    }

    /// The client has gone before the answer.
    mutating func aborted(_ id: RequestID) { byRequest[id] = nil }

    /// What the answer to a request needs beside its own headers. The request is forgotten.
    mutating func headers(for id: RequestID) -> [HTTPHeader] {
        guard let origin = byRequest.removeValue(forKey: id) else { return [] }
        return [
            HTTPHeader("Access-Control-Allow-Origin", origin), HTTPHeader("Vary", "Origin"),
            HTTPHeader("Access-Control-Allow-Credentials", "true"),
            HTTPHeader("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE, OPTIONS"),
            HTTPHeader("Access-Control-Allow-Headers", "authorization, content-type, if-match"),
            HTTPHeader("Access-Control-Expose-Headers", "etag, x-next-cursor"),
            HTTPHeader("Access-Control-Max-Age", "600"),
        ]
    }
}
