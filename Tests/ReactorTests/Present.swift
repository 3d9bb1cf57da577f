import Testing

struct Absent: Error {}

/// `#require` for values that cannot be copied.
func present<Value: ~Copyable>(
    _ value: consuming Value?, at location: SourceLocation = #_sourceLocation
) throws -> Value {
    guard let value else {
        Issue.record("nothing there", sourceLocation: location)
        throw Absent()
    }
    return value
}
