import Primitives
import Signaling
import Testing

@testable import SessionRules

@Suite struct DirectoryTests {
    @Test func onlyWhatTheRecordsStillSayIsAdmitted() throws {
        let account = Account(
            id: "K1", role: .kiosk, organization: "west", displayName: "", createdAt: start.wall,
            tokensValidFrom: start.wall, generation: 7)
        let claims = TokenClaims(
            subject: "K1", role: .kiosk, organization: "west", issuedAt: start.wall,
            expiresAt: after(.seconds(900)).wall, tokenId: "t", family: "f", generation: 7)
        var legacy = claims
        legacy.generation = nil
        func verdict(_ accounts: [Account], revoked: Set<String> = [], legacy isLegacy: Bool = false)
            -> SignalingErrorCode?
        {
            var directory = Directory()
            directory.update(Directory.Snapshot(accounts: accounts, revokedFamilies: revoked))
            do throws(SignalingError) {
                _ = try directory.admit(isLegacy ? legacy : claims)
                return nil
            } catch { return error.code }
        }
        func changed(_ change: (inout Account) -> Void) -> [Account] {
            var copy = account
            change(&copy)
            return [copy]
        }
        #expect(verdict([account]) == nil)
        #expect(verdict([]) == .tokenInvalid)
        #expect(verdict([account], revoked: ["f"]) == .tokenInvalid)
        #expect(verdict(changed { $0.role = .monitor }) == .tokenInvalid)
        #expect(verdict(changed { $0.organization = "east" }) == .tokenInvalid)
        #expect(verdict(changed { $0.generation = 8 }) == .tokenInvalid)
        // Made, or given another password, with the clock years ahead.
        #expect(verdict(changed { $0.tokensValidFrom = after(.seconds(100_000_000)).wall }) == nil)
        // A token of before there were generations goes on, but not with an account of later.
        #expect(verdict(changed { $0.generation = 0 }, legacy: true) == nil)
        #expect(verdict([account], legacy: true) == .tokenInvalid)
        #expect(
            verdict(
                changed {
                    $0.generation = 0
                    $0.tokensValidFrom = after(.seconds(1)).wall
                }, legacy: true) == .tokenInvalid)
        #expect(verdict(changed { $0.isDisabled = true }) == .accountDisabled)
    }
}
