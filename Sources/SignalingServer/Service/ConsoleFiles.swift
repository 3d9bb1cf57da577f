internal import ConsolePage
internal import HTTP
internal import HTTPTransport

/// Answers to requests for the monitor console's files.
enum ConsoleFiles {
    private static let byPath: [String: (file: ConsoleFile, entityTag: String)] = {
        var table: [String: (file: ConsoleFile, entityTag: String)] = [:]
        for file in ConsoleFile.all {
            let entry = (file: file, entityTag: "\"\(EntityTag.of(file.body))\"")
            table["/\(file.path)"] = entry
            if file.path == "index.html" { table["/"] = entry }
        }
        return table
    }()

    static var paths: [String] { ConsoleFile.all.map(\.path) }

    /// Nil when there is no such file.
    static func response(to path: String, ifNoneMatch: String?) -> HTTPResponse? {
        guard let (file, tag) = byPath[path] else { return nil }
        let headers = [HTTPHeader("Cache-Control", "no-cache"), HTTPHeader("ETag", tag)] + securityHeaders
        if let ifNoneMatch, ifNoneMatch.contains(tag) { return HTTPResponse(status: 304, headers: headers) }
        return HTTPResponse(
            status: 200, headers: [HTTPHeader("Content-Type", file.contentType)] + headers, body: file.body)
    }

    /// Nothing inline, nothing from elsewhere, no frame around it. `blob:` and `mediastream:` are the video's.
    private static let securityHeaders = [
        HTTPHeader(
            "Content-Security-Policy",
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
                + "media-src 'self' blob: mediastream:; connect-src 'self' ws: wss:; base-uri 'none'; "
                + "form-action 'self'; frame-ancestors 'none'"),
        HTTPHeader("Cross-Origin-Resource-Policy", "same-origin"),
        HTTPHeader("Permissions-Policy", "camera=(), microphone=(), geolocation=(), autoplay=(self)"),
        HTTPHeader("Referrer-Policy", "no-referrer"),
        HTTPHeader("X-Content-Type-Options", "nosniff"),
        HTTPHeader("X-Frame-Options", "DENY"),
    ]
}
