internal import HTTP
internal import HTTPTransport
internal import Primitives
internal import SocketIO

extension EngineIORequest {
    /// - Parameter client: its own address, behind a proxy too.
    init(_ request: HTTPRequest, from client: SocketAddress) {
        let method: Method =
            switch request.method {
            case .get: .get
            case .post: .post
            case .options: .options
            case .head, .put, .patch, .delete: .other
            }
        self.init(
            method: method, handshake: EngineIOHandshake(request.query, request.headers, from: client),
            contentType: request.headers["content-type"], body: request.body)
    }
}

extension EngineIOHandshake {
    init(_ query: [QueryItem], _ headers: [HTTPHeader], from client: SocketAddress) {
        self.init(
            query: query, authorization: headers["authorization"].map(Redacted.init), origin: headers["origin"],
            peer: client)
    }
}

extension String {
    /// Of an `Authorization` header (RFC 6750 section 2.1).
    var bearerToken: String? {
        let parts = split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { return nil }
        let token = parts[1].drop { $0 == " " }
        return token.isEmpty ? nil : String(token)
    }
}
