internal import HTTP
internal import HTTPTransport
internal import JSON
internal import Primitives
internal import Signaling

/// The query of a list, checked.
struct APIQuery {
    private let items: [QueryItem]

    init(_ request: HTTPRequest) { items = request.query }

    /// Refuses a parameter that the resource does not have: one that is misspelt would filter nothing.
    func check(resource: String, isList: Bool) throws(APIFailure) {
        let known: Set<String> =
            switch resource {
            case _ where !isList: []
            case "sessions": ["kioskId", "state", "limit", "cursor"]
            case "crew-events":
                ["kiosk", "kioskId", "actor", "crewId", "kind", "from", "to", "format", "limit", "cursor"]
            case "audit": ["kiosk", "actor", "kind", "from", "to", "format", "limit", "cursor"]
            default: []
            }
        if let item = items.first(where: { !known.contains($0.name) }) {
            let name = TextRule.line.allows(item.name) ? String(item.name.prefix(64)) : "query"
            throw APIFailure(.badRequest, "\(name): unknown parameter")
        }
    }

    /// Nil when it is absent.
    func text(_ name: String) throws(APIFailure) -> String? {
        let values = items.filter { $0.name == name }
        guard values.count <= 1 else { throw APIFailure(.badRequest, "\(name): given twice") }
        guard let value = values.first?.value else { return nil }
        guard (1...128).contains(value.unicodeScalars.count) else {
            throw APIFailure(.badRequest, "\(name): must be 1 to 128 characters")
        }
        return value
    }

    /// One that has two names.
    func text(_ name: String, or other: String) throws(APIFailure) -> String? {
        let (one, another) = (try text(name), try text(other))
        guard one == nil || another == nil else { throw APIFailure(.badRequest, "\(name): given beside \(other)") }
        return one ?? another
    }

    func time(_ name: String) throws(APIFailure) -> WallClock? {
        guard let text = try text(name) else { return nil }
        guard let time = WallClock(text: text) else {
            throw APIFailure(.badRequest, "\(name): must be a time like 2026-01-31T04:05:06Z")
        }
        return time
    }

    func word(_ name: String, of words: [String]) throws(APIFailure) -> String? {
        guard let text = try text(name) else { return nil }
        guard words.contains(text) else {
            throw APIFailure(.badRequest, "\(name): must be one of \(words.joined(separator: ", "))")
        }
        return text
    }

    func word<Word: RawRepresentable & CaseIterable>(
        _ name: String, _ type: Word.Type
    ) throws(APIFailure) -> Word? where Word.RawValue == String {
        try word(name, of: Word.allCases.map(\.rawValue)).flatMap(Word.init(rawValue:))
    }

    func limit(most: Int = 1000) throws(APIFailure) -> Int {
        guard let text = try text("limit") else { return 100 }
        guard let limit = Int(text), (1...most).contains(limit), String(limit) == text else {
            throw APIFailure(.badRequest, "limit: must be a whole number from 1 to \(most)")
        }
        return limit
    }

    /// Where the page begins: what the page before called `next`.
    func cursor() throws(APIFailure) -> Int64? {
        guard let text = try text("cursor") else { return nil }
        guard let cursor = Int64(text), cursor > 0, String(cursor) == text else {
            throw APIFailure(.badRequest, "cursor: must be the next of the page before")
        }
        return cursor
    }
}
