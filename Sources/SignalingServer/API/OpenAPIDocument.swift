internal import HTTP
internal import HTTPTransport
internal import Records

/// `openapi.json` beside this file: the description of the HTTP API that clients are generated from.
enum OpenAPIDocument {
    static let response = HTTPResponse(
        status: 200,
        headers: [
            HTTPHeader("Content-Type", "application/json; charset=utf-8"), HTTPHeader("Cache-Control", "no-cache"),
            HTTPHeader("X-Content-Type-Options", "nosniff"),
        ], body: PackageResources.openapi_json)
}
