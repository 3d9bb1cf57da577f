internal import Compression
internal import ConsolePage
internal import HTTP
internal import HTTPTransport

/// Answers to requests for the monitor console's files, which are compressed once, when the first is asked for.
enum ConsoleFiles {
    /// One coding of a file. Two codings of one file have two entity tags (RFC 9110 section 8.8.3.3).
    private struct Representation {
        let entityTag: String
        let headers: [HTTPHeader]
        let body: [UInt8]

        init(_ file: ConsoleFile, coding: ContentCoding, hash: String) {
            entityTag = coding == .identity ? "\"\(hash)\"" : "\"\(hash)-\(coding.rawValue)\""
            headers =
                [HTTPHeader("Content-Type", file.contentType)]
                + (coding == .identity ? [] : [HTTPHeader("Content-Encoding", coding.rawValue)])
            body = coding == .gzip ? Gzip.compressed(file.body) : file.body
        }
    }

    private struct Entry {
        let identity: Representation
        /// Nil for what does not become smaller.
        let gzip: Representation?

        init(_ file: ConsoleFile) {
            let hash = EntityTag.of(file.body)
            let compressed = Representation(file, coding: .gzip, hash: hash)
            identity = Representation(file, coding: .identity, hash: hash)
            gzip = compressed.body.count < file.body.count ? compressed : nil
        }
    }

    private static let byPath: [String: Entry] = {
        var table: [String: Entry] = [:]
        for file in ConsoleFile.all {
            let entry = Entry(file)
            table["/\(file.path)"] = entry
            if file.path == "index.html" { table["/"] = entry }
        }
        return table
    }()

    static var paths: [String] { ConsoleFile.all.map(\.path) }

    /// Nil when there is no such file.
    static func response(to path: String, _ requestHeaders: [HTTPHeader]) -> HTTPResponse? {
        guard let entry = byPath[path] else { return nil }
        let coded = ContentCoding.gzip.isAccepted(by: requestHeaders) ? entry.gzip : nil
        let chosen = coded ?? entry.identity
        let headers =
            [
                HTTPHeader("Cache-Control", "no-cache"), HTTPHeader("ETag", chosen.entityTag),
                HTTPHeader("Vary", "Accept-Encoding"),
            ] + securityHeaders
        if let known = requestHeaders["if-none-match"], known.contains(chosen.entityTag) {
            return HTTPResponse(status: 304, headers: headers)
        }
        return HTTPResponse(status: 200, headers: chosen.headers + headers, body: chosen.body)
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
