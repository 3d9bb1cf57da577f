import JSON
import Primitives
import SessionRules
import Testing

@testable import SignalingServer

@Suite struct ByteLedgerTests {
    private let limits = ByteLedger.Limits(total: 100, perAccount: 40, perAddress: 20)

    private func entry(_ id: UInt64, _ bytes: Int, _ account: String? = nil, at address: UInt32? = 1)
        -> ByteLedger.Entry
    {
        ByteLedger.Entry(
            holder: .connection(id), account: account, address: address.map { .v4($0) }, bytes: bytes,
            arrival: .zero + .seconds(Int64(id)))
    }

    private func gone(_ entries: ByteLedger.Entry...) -> [UInt64] {
        var ledger = ByteLedger(limits, entries)
        return ledger.whoMustGo().map { holder in
            guard case .connection(let id) = holder else { preconditionFailure("no connection") }
            return id
        }.sorted()
    }

    @Test func withinTheLimitsNobodyGoes() {
        #expect(gone() == [])
        #expect(gone(entry(1, 20), entry(2, 40, "a"), entry(3, 40, "b")) == [])
    }

    @Test func ofAnAddressTheNewestStrangerGoes() {
        #expect(gone(entry(1, 10), entry(2, 10), entry(3, 1)) == [3])
        #expect(gone(entry(1, 15), entry(2, 1), entry(3, 15)) == [3])
        // Another address has room of its own, an account at the same address too, and a proxy's stands for many.
        #expect(gone(entry(1, 20), entry(2, 20, at: 2), entry(3, 20, "a"), entry(4, 30, at: nil)) == [])
    }

    @Test func ofAnAccountTheGreatestHolderGoes() {
        #expect(gone(entry(1, 5, "a"), entry(2, 30, "a"), entry(3, 10, "a"), entry(4, 40, "b")) == [2])
        #expect(gone(entry(1, 50, "a"), entry(2, 41, "a")) == [1, 2])
    }

    @Test func ofAllTheNewestStrangerGoesBeforeAnyAccount() {
        #expect(
            gone(
                entry(1, 15, at: 1), entry(2, 15, at: 2), entry(3, 35, "a"), entry(4, 35, "b"), entry(5, 1, at: 3))
                == [5])
        #expect(
            gone(
                entry(1, 15, at: 1), entry(2, 15, at: 2), entry(3, 38, "a"), entry(4, 38, "b"), entry(5, 1, at: 3))
                == [2, 5])
    }

    @Test func withoutStrangersTheGreatestHolderGoes() {
        #expect(
            gone(entry(1, 10, "a"), entry(2, 30, "b"), entry(3, 29, "c"), entry(4, 20, "a"), entry(5, 20, "d")) == [2])
    }
}
