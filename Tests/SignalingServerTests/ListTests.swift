import HTTP
import Primitives
import Testing

@testable import SignalingServer

@Suite struct ListPlacesTests {
    private func request(_ number: UInt64) -> RequestID { RequestID(rawValue: number) }

    private func word(_ admission: ListPlaces<String>.Admission) -> String {
        switch admission {
        case .begins(let list): list
        case .waits: "waits"
        case .refused: "refused"
        }
    }

    @Test func aFewOfAnAccountGoOnSomeWaitTheRestIsRefused() {
        var places = ListPlaces<String>()
        for number in 1...4 as ClosedRange<UInt64> {
            #expect(word(places.admit(request(number), of: "a", "\(number)")) == "\(number)")
        }
        for number in 5...20 as ClosedRange<UInt64> {
            #expect(word(places.admit(request(number), of: "a", "\(number)")) == "waits")
        }
        #expect(word(places.admit(request(21), of: "a", "21")) == "refused")
        // Another account has places of its own.
        #expect(word(places.admit(request(30), of: "b", "30")) == "30")
        // In the order in which they came; one whose client has gone is left out, and gives its place to nobody.
        #expect(places.ended(request(5)) == nil)
        #expect(places.ended(request(2))?.list == "6")
        #expect(places.ended(request(2)) == nil)
        #expect(places.ended(request(21)) == nil)
        for number in [1, 3, 4] + Array(6...20) as [UInt64] { _ = places.ended(request(number)) }
        #expect(places.ended(request(30)) == nil)
        #expect(places.count == 0)
    }
}
