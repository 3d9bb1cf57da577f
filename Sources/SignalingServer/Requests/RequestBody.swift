internal import HTTPTransport
internal import JSON
internal import Signaling

/// The body of a request that changes something: a JSON object. Members that this server does not know are passed over.
struct RequestBody {
    private let object: JSONObject

    init(_ request: HTTPRequest) throws(APIFailure) {
        guard case .object(let object) = try api({ () throws(SignalingError) in try request.json() }) else {
            throw APIFailure(.badRequest, "the body must be an object")
        }
        self.object = object
    }

    /// - Parameter rule: says which rule is broken.
    func text(_ name: String, _ rule: (String) -> String?) throws(APIFailure) -> String? {
        guard let value = object[name] else { return nil }
        guard case .string(let text) = value else { throw APIFailure(.badRequest, "\(name): must be a string") }
        if let broken = rule(text) { throw APIFailure(.badRequest, "\(name): \(broken)") }
        return text
    }

    func bool(_ name: String) throws(APIFailure) -> Bool? {
        guard let value = object[name] else { return nil }
        guard case .bool(let bool) = value else { throw APIFailure(.badRequest, "\(name): must be true or false") }
        return bool
    }

    func word<Word: RawRepresentable & CaseIterable>(
        _ name: String, _ type: Word.Type
    ) throws(APIFailure) -> Word? where Word.RawValue == String {
        guard let value = object[name] else { return nil }
        guard case .string(let text) = value, let word = Word(rawValue: text) else {
            let words = Word.allCases.map(\.rawValue).joined(separator: ", ")
            throw APIFailure(.badRequest, "\(name): must be one of \(words)")
        }
        return word
    }
}

/// What texts that people write must look like. Each returns the rule that is broken.
enum BodyText {
    /// Why a session is ended.
    static func reason(_ text: String) -> String? { line(text, atMost: 200) }

    private static func line(_ text: String, atMost limit: Int) -> String? {
        (1...limit).contains(text.unicodeScalars.count) && TextRule.line.allows(text)
            ? nil
            : "must be 1 to \(limit) characters, none of them a control character or one that turns the order of text"
    }
}
