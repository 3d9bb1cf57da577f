internal import CWebSockets

/// libwebsockets' one entrance for everything a client's connections do. A result other than 0 closes the connection.
func clientCallback(
    wsi: OpaquePointer?, reason: lws_callback_reasons, user: UnsafeMutableRawPointer?, input: UnsafeMutableRawPointer?,
    length: Int
) -> Int32 {
    guard let wsi, let context = lws_get_context(wsi), let owner = lws_context_user(context) else { return 0 }
    let client = Unmanaged<HTTPClient>.fromOpaque(owner).takeUnretainedValue()
    if reason == LWS_CALLBACK_EVENT_WAIT_CANCELLED {
        client.wasWoken()
        return 0
    }
    if reason == LWS_CALLBACK_OPENSSL_PERFORM_SERVER_CERT_VERIFICATION {
        // Here `user` is the store of certificates under verification.
        if let user, let opaque = lws_get_opaque_user_data(wsi) {
            let connection = Unmanaged<ClientConnection>.fromOpaque(opaque).takeUnretainedValue()
            connection.noteVerification(cws_verify_error(user))
            client.lastCertificates = ServerCertificate.chain(under: user)
        }
        return 0
    }
    guard let opaque = lws_get_opaque_user_data(wsi) else { return 0 }
    let connection = Unmanaged<ClientConnection>.fromOpaque(opaque).takeUnretainedValue()
    // Some reasons pass other things than a length there.
    let bytes = UnsafeRawBufferPointer(start: input, count: input == nil ? 0 : max(0, length))
    switch reason {
    case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER:
        guard let input else { return -1 }
        return connection.appendHeaders(wsi, input, length, userAgent: client.configuration.userAgent) ? 0 : -1
    case LWS_CALLBACK_CLIENT_HTTP_WRITEABLE:
        guard !connection.body.isEmpty, connection.status == 0 else { return 0 }
        lws_client_http_body_pending(wsi, 0)
        return lwsWrite(connection.body, LWS_WRITE_HTTP_FINAL, to: wsi) ? 0 : -1
    case LWS_CALLBACK_CLIENT_FILTER_PRE_ESTABLISH:
        connection.status = Int(lws_http_client_http_response(wsi))
    case LWS_CALLBACK_ESTABLISHED_CLIENT_HTTP:
        connection.readResponseHead(wsi)
    case LWS_CALLBACK_RECEIVE_CLIENT_HTTP:
        return connection.readBody(wsi) ? 0 : -1
    case LWS_CALLBACK_RECEIVE_CLIENT_HTTP_READ:
        guard connection.responseBody.count + bytes.count <= connection.responseLimit else {
            client.fail(connection, .tooLarge)
            return -1
        }
        connection.responseBody.append(contentsOf: bytes)
    case LWS_CALLBACK_COMPLETED_CLIENT_HTTP:
        client.completed(connection)
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
        let words =
            input.map { String(decoding: UnsafeRawBufferPointer(start: $0, count: max(0, length)), as: UTF8.self) }
            ?? ""
        client.failed(connection, words: words)
    case LWS_CALLBACK_CLOSED_CLIENT_HTTP:
        client.fail(connection, .closedEarly)
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
        client.opened(connection)
    case LWS_CALLBACK_CLIENT_RECEIVE:
        return client.received(connection, bytes) ? 0 : -1
    case LWS_CALLBACK_CLIENT_WRITEABLE:
        return connection.writeWebSocket(wsi) ? 0 : -1
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
        connection.peerCloseCode =
            bytes.count >= 2 ? WebSocketCloseCode(rawValue: UInt16(bytes[0]) << 8 | UInt16(bytes[1])) : .noStatus
    case LWS_CALLBACK_CLIENT_CLOSED:
        client.fail(connection, .closedEarly)
    case LWS_CALLBACK_WSI_DESTROY:
        lws_set_opaque_user_data(wsi, nil)
        client.fail(connection, connection.tlsFailure.map(HTTPFailure.tls) ?? .closedEarly)
        connection.wsi = nil
        connection.releaseSelf()
    default: break
    }
    return 0
}

extension ClientConnection {
    /// Writes our headers where libwebsockets assembles the request. False when they do not fit.
    func appendHeaders(
        _ wsi: OpaquePointer, _ position: UnsafeMutableRawPointer, _ room: Int, userAgent: String
    ) -> Bool {
        let cursor = position.assumingMemoryBound(to: UnsafeMutablePointer<UInt8>?.self)
        guard let start = cursor.pointee else { return false }
        var fields = headers
        fields.append(HTTPHeader("User-Agent", userAgent))
        if !body.isEmpty || expectsBody { fields.append(HTTPHeader("Content-Length", String(body.count))) }
        for field in fields {
            guard !field.value.utf8.contains(where: { $0 == 0x0D || $0 == 0x0A || $0 == 0 }) else { return false }
            let value = Array(field.value.utf8)
            guard
                lws_add_http_header_by_name(
                    wsi, field.name.lowercased() + ":", value, Int32(value.count), cursor, start + room) == 0
            else { return false }
        }
        if !body.isEmpty {
            lws_client_http_body_pending(wsi, 1)
            lws_callback_on_writable(wsi)
        }
        return true
    }

    /// Lets libwebsockets strip the transfer coding; the pieces come back as their own callbacks.
    func readBody(_ wsi: OpaquePointer) -> Bool {
        let room = Int(cws_pre)
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: room + 4096) { buffer in
            var start: UnsafeMutablePointer<CChar>? = buffer.baseAddress! + room
            var length: Int32 = 4096
            return lws_http_client_read(wsi, &start, &length) >= 0
        }
    }
}
