internal import HTTP

/// What becomes of a request by its head alone.
enum HeadVerdict: Equatable {
    /// Its connection becomes a WebSocket when it is whole.
    case webSocket
    /// Its body may come, if it has no more bytes than that.
    case request(bodyLimit: Int)
    /// It is answered so, and the connection ends.
    case refused(status: Int, String)
}

extension HTTPServerConfiguration {
    func judge(_ head: HTTPRequestHead) -> HeadVerdict {
        let path = head.target.path
        if head.asksForWebSocket {
            guard letsIn(webSocket: path) else { return .refused(status: 404, "nothing here") }
            // RFC 6455 section 4.4: the answer to another version names the one that is spoken.
            guard head.isWebSocketVersion13 else { return .refused(status: 426, "WebSocket version 13 is spoken here") }
            guard head.webSocketKey != nil else {
                return .refused(status: 400, "the WebSocket handshake has no proper key")
            }
            return .webSocket
        }
        let limit = bodyLimits.first { path.hasPrefix($0.pathPrefix) }?.bytes ?? maximumBodySize
        guard head.contentLength ?? 0 <= limit else { return .refused(status: 413, "the body is too large") }
        return .request(bodyLimit: limit)
    }
}
