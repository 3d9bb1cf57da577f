internal import CWebSockets
internal import Primitives

/// libwebsockets' one entrance for everything a server's connections do. A result other than 0 closes the connection.
func serverCallback(
    wsi: OpaquePointer?, reason: lws_callback_reasons, user: UnsafeMutableRawPointer?, input: UnsafeMutableRawPointer?,
    length: Int
) -> Int32 {
    guard let wsi, let context = lws_get_context(wsi), let owner = lws_context_user(context) else { return 0 }
    let server = Unmanaged<HTTPServer>.fromOpaque(owner).takeUnretainedValue()
    // Some reasons pass other things than a length there.
    let bytes = UnsafeRawBufferPointer(start: input, count: input == nil ? 0 : max(0, length))
    switch reason {
    case LWS_CALLBACK_EVENT_WAIT_CANCELLED:
        server.wasWoken()
        return 0
    case LWS_CALLBACK_FILTER_NETWORK_CONNECTION:
        // The new socket comes where others have a pointer.
        return server.mayAccept(Int32(truncatingIfNeeded: Int(bitPattern: input))) ? 0 : 1
    case LWS_CALLBACK_SERVER_NEW_CLIENT_INSTANTIATED:
        server.accepted(wsi)
        return 0
    case LWS_CALLBACK_WSI_DESTROY:
        server.destroyed(wsi)
        return 0
    case LWS_CALLBACK_RAW_RX_FILE:
        server.fileReady(lws_get_socket_fd(wsi))
        return 0
    default: break
    }
    guard let opaque = lws_get_opaque_user_data(wsi) else { return 0 }
    let connection = Unmanaged<ServerConnection>.fromOpaque(opaque).takeUnretainedValue()
    switch reason {
    case LWS_CALLBACK_HTTP:
        if let refusal = server.headReceived(connection) {
            server.refuse(connection, refusal)
        }
    case LWS_CALLBACK_RAW_RX:
        if !connection.closesAfterResponse { server.refuse(connection, HTTPRefusal.status(ofUnreadable: bytes)) }
    case LWS_CALLBACK_RAW_WRITEABLE:
        guard let response = connection.response.take() else { return 0 }
        _ = lwsWrite(response, LWS_WRITE_HTTP, to: wsi)
        return -1
    case LWS_CALLBACK_HTTP_BODY:
        // What follows a refused head is swallowed, or the refusal would be lost with it.
        return connection.closesAfterResponse || server.bodyReceived(connection, bytes) ? 0 : -1
    case LWS_CALLBACK_HTTP_BODY_COMPLETION:
        if connection.closesAfterResponse { return connection.response == nil ? -1 : 0 }
        server.bodyCompleted(connection)
    case LWS_CALLBACK_HTTP_WRITEABLE:
        guard let response = connection.response.take() else { return 0 }
        guard lwsWrite(response, LWS_WRITE_HTTP, to: wsi) else { return -1 }
        // Bytes that the library holds and nobody takes would keep it turning: it stays only to take a body.
        if connection.swallows { return 0 }
        if connection.closesAfterResponse { return -1 }
        return lws_http_transaction_completed(wsi) != 0 ? -1 : 0
    case LWS_CALLBACK_CLOSED_HTTP:
        server.abort(connection)
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
        // The protocol's name comes as a C string, without a length.
        let name = input.map { String(cString: $0.assumingMemoryBound(to: CChar.self)) }
        guard let path = wsi.requestPath, wsi.requestQuery != nil else {
            _ = lwsWrite(server.encoded(HTTPRefusal.response(400)), LWS_WRITE_HTTP, to: wsi)
            return -1
        }
        guard name?.lowercased() == "websocket", server.letsIn(webSocket: path) else {
            _ = lwsWrite(server.encoded(HTTPRefusal.response(404)), LWS_WRITE_HTTP, to: wsi)
            return -1
        }
        // RFC 6455 section 4.4: the answer to another version names the one that is spoken.
        guard headerValue(wsi, WSI_TOKEN_VERSION) == "13" else {
            _ = lwsWrite(server.encoded(HTTPRefusal.response(426)), LWS_WRITE_HTTP, to: wsi)
            return -1
        }
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
        connection.handshake = WebSocketHandshake(
            path: wsi.requestPath ?? "", query: wsi.requestQuery ?? [], headers: wsi.requestHeaders,
            peer: connection.peer)
    case LWS_CALLBACK_ESTABLISHED:
        server.webSocketEstablished(connection)
    case LWS_CALLBACK_RECEIVE:
        return server.webSocketReceived(connection, bytes) ? 0 : -1
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return connection.writeWebSocket() ? 0 : -1
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
        connection.peerCloseCode =
            bytes.count >= 2 ? WebSocketCloseCode(rawValue: UInt16(bytes[0]) << 8 | UInt16(bytes[1])) : .noStatus
    default: break
    }
    return 0
}

extension ServerConnection {
    /// Writes one message or, behind the last, the close frame. False ends the connection.
    func writeWebSocket() -> Bool {
        if outbox.isEmpty, let code = outbox.closeCode {
            lws_close_reason(wsi, lws_close_status(rawValue: UInt32(code.rawValue)), nil, 0)
            return false
        }
        guard outbox.writeNext(to: wsi) else { return false }
        if !outbox.isEmpty || outbox.closeCode != nil { lws_callback_on_writable(wsi) }
        return true
    }
}
