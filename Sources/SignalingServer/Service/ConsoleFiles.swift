internal import HTTP
internal import HTTPTransport

/// The monitor console, compiled into the program, so that the one binary is all there is to install.
enum ConsoleFiles {
    private struct File {
        let name: String
        let contentType: String
        let body: [UInt8]
        init(_ name: String, _ body: [UInt8]) {
            self.name = name
            self.body = body
            contentType =
                switch name.split(separator: ".").last {
                case "html": "text/html; charset=utf-8"
                case "js": "text/javascript; charset=utf-8"
                case "css": "text/css; charset=utf-8"
                case "svg": "image/svg+xml"
                default: "application/octet-stream"
                }
        }
    }

    private static let files = [
        File("index.html", PackageResources.index_html),
        File("auth.js", PackageResources.auth_js),
        File("console.css", PackageResources.console_css),
        File("crew.js", PackageResources.crew_js),
        File("favicon.svg", PackageResources.favicon_svg),
        File("kiosks.js", PackageResources.kiosks_js),
        File("main.js", PackageResources.main_js),
        File("revival.js", PackageResources.revival_js),
        File("session.js", PackageResources.session_js),
        File("socketio.js", PackageResources.socketio_js),
        File("stats.js", PackageResources.stats_js),
        File("tab.js", PackageResources.tab_js),
        File("tile.js", PackageResources.tile_js),
        File("words.js", PackageResources.words_js),
    ]

    private static let byPath: [String: (file: File, entityTag: String)] = {
        var table: [String: (file: File, entityTag: String)] = [:]
        for file in files {
            let entry = (file: file, entityTag: "\"\(EntityTag.of(file.body))\"")
            table["/\(file.name)"] = entry
            if file.name == "index.html" { table["/"] = entry }
        }
        return table
    }()

    static var names: [String] { files.map(\.name) }

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
