import Primitives
import SessionRules
import Signaling
import Testing

@testable import SignalingServer

@Suite struct PasswordHashTests {
    @Test func aPasswordMatchesItsHashAndNothingElse() {
        let hash = PasswordHash(of: Redacted("correct horse"))
        #expect(hash.encoded.hasPrefix("$argon2id$v=19$m=19456,t=2,p=1$"))
        #expect(hash.matches(Redacted("correct horse")))
        #expect(!hash.matches(Redacted("correct horsf")))
        #expect(!hash.matches(Redacted("")))
        #expect(PasswordHash(of: Redacted("correct horse")) != hash, "every hash has its own salt")
        #expect(!PasswordHash.decoy.matches(Redacted("correct horse")))
    }

    @Test func whatIsNoHashMatchesNothing() {
        for text in ["", "$argon2id$", "plain", "$argon2id$v=19$m=19456,t=2,p=1$AAAA$AAAA"] {
            #expect(!PasswordHash(encoded: text).matches(Redacted("x")))
        }
    }

    /// A hash of the reference implementation's command line: echo -n password | argon2 somesalt -id -t 2 -k 256 -p 1
    @Test func theReferencesHashesAreUnderstood() {
        let known = PasswordHash(
            encoded: "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4")
        #expect(known.matches(Redacted("password")))
        #expect(!known.matches(Redacted("passwore")))
    }
}

@Suite struct TokenTests {
    private let account = Account(
        id: "K1", role: .kiosk, organization: "west", displayName: "Kiosk", createdAt: start.wall,
        tokensValidFrom: start.wall, generation: Account.newGeneration())

    private func tokens(_ count: Int = 1) -> (Tokens, [Tokens.StoredKey]) {
        let keys = (0..<count).map { index in
            let key = TokenKey.generate()
            return Tokens.StoredKey(id: key.id, jwk: key.jwk, isRetired: index < count - 1)
        }
        var tokens = Tokens()
        tokens.use(keys)
        return (tokens, keys)
    }

    @Test func aTokenSaysWhatItWasIssuedFor() throws {
        let (tokens, _) = tokens()
        let (token, claims) = try #require(tokens.issue(to: account, family: "f", now: start.wall))
        let read = try tokens.verify(token, now: after(.seconds(899)).wall)
        #expect(read == claims)
        #expect(read.subject == "K1" && read.role == .kiosk && read.organization == "west" && read.family == "f")
        #expect(token.unredacted.split(separator: ".").count == 3)
    }

    @Test func anExpiredTokenIsCalledExpired() throws {
        let (tokens, _) = tokens()
        let (token, _) = try #require(tokens.issue(to: account, family: "f", now: start.wall))
        #expect(throws: SignalingError(.tokenExpired, "the token has expired")) {
            try tokens.verify(token, now: after(.seconds(900)).wall)
        }
    }

    @Test func aTokenOfTheFutureIsCalledExpired() throws {
        let (tokens, _) = tokens()
        let (token, _) = try #require(tokens.issue(to: account, family: "f", now: after(.seconds(100_000_000)).wall))
        #expect(throws: SignalingError(.tokenExpired, "the token has expired")) {
            try tokens.verify(token, now: start.wall)
        }
    }

    @Test func aClockSetBackBringsNoTokenBack() throws {
        let (tokens, _) = tokens()
        var clock = TokenClock()
        let issued = clock.time(start)
        let (token, _) = try #require(tokens.issue(to: account, family: "f", now: issued))
        func isGood(_ elapsed: Int64, wall: Int64) -> Bool {
            let now = Moment(instant: start.instant + .seconds(elapsed), wall: start.wall + .seconds(wall))
            return (try? tokens.verify(token, now: clock.time(now))) != nil
        }
        #expect(isGood(10, wall: 10))
        #expect(!isGood(1000, wall: 1000))
        // Set back by ten minutes, into the token's life.
        #expect(!isGood(1001, wall: 401))
        #expect(!isGood(1500, wall: 900))
        #expect(!isGood(2000, wall: 1400))
        // What is issued meanwhile is good at once, and called expired once the wall clock is followed again.
        let held = clock.time(Moment(instant: start.instant + .seconds(2001), wall: start.wall + .seconds(1401)))
        #expect(held == start.wall + .seconds(1401), "900 s after the step")
    }

    @Test func aClockSetAheadIsFollowed() {
        var clock = TokenClock()
        _ = clock.time(start)
        let ahead = Moment(instant: start.instant + .seconds(1), wall: start.wall + .seconds(100_000_000))
        #expect(clock.time(ahead) == ahead.wall)
        let back = Moment(instant: start.instant + .seconds(2), wall: start.wall + .seconds(2))
        #expect(clock.time(back) == start.wall + .seconds(100_000_001))
        let later = Moment(instant: start.instant + .seconds(902), wall: start.wall + .seconds(902))
        #expect(clock.time(later) == later.wall)
    }

    @Test func anotherKeysTokenIsInvalid() throws {
        let (tokens, _) = tokens()
        let (others, _) = self.tokens()
        let (token, _) = try #require(others.issue(to: account, family: "f", now: start.wall))
        #expect(refusal(token.unredacted, tokens) == .tokenInvalid)
    }

    @Test func aRetiredKeyVerifiesAndTheNewestSigns() throws {
        var (tokens, keys) = tokens()
        let (old, _) = try #require(tokens.issue(to: account, family: "f", now: start.wall))
        let (_, more) = self.tokens()
        keys[0].isRetired = true
        tokens.use(keys + more)
        let (new, _) = try #require(tokens.issue(to: account, family: "f", now: start.wall))
        #expect(old.unredacted.prefix { $0 != "." } != new.unredacted.prefix { $0 != "." })
        _ = try tokens.verify(old, now: start.wall)
        _ = try tokens.verify(new, now: start.wall)
        tokens.use(more)
        #expect(refusal(old.unredacted, tokens) == .tokenInvalid)
    }

    @Test func forgedAndBrokenTokensAreInvalid() throws {
        let (tokens, keys) = tokens()
        let (token, claims) = try #require(tokens.issue(to: account, family: "f", now: start.wall))
        let parts = token.unredacted.split(separator: ".").map(String.init)
        let none = encode(#"{"alg":"none","typ":"JWT"}"#)
        let noneWithKey = encode(#"{"alg":"none","kid":"\#(keys[0].id)"}"#)
        let symmetric = encode(#"{"alg":"HS256","kid":"\#(keys[0].id)"}"#)
        var raised = claims
        raised.role = .admin
        let forged = encode(String(decoding: raised.json, as: UTF8.self))
        for text in [
            "", ".", "..", "...", "a.b.c", "\(none).\(parts[1]).", "\(noneWithKey).\(parts[1]).",
            "\(noneWithKey).\(parts[1]).\(parts[2])", "\(symmetric).\(parts[1]).\(parts[2])",
            "\(parts[0]).\(forged).\(parts[2])", "\(parts[0]).\(parts[1]).", "\(parts[0]).\(parts[1]).AAAA",
            "\(parts[0]).\(parts[1])", String(repeating: "a", count: 10_000), "\(parts[0]).\(parts[1]).\(parts[2]).x",
            token.unredacted + "A", "\u{0}", "é.é.é",
        ] {
            #expect(refusal(text, tokens) == .tokenInvalid, "\(text.prefix(60))")
        }
    }

    private func encode(_ text: String) -> String {
        var result = ""
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        var bits = 0
        var value = 0
        for byte in text.utf8 {
            value = value << 8 | Int(byte)
            bits += 8
            while bits >= 6 {
                bits -= 6
                result.append(alphabet[value >> bits & 63])
            }
        }
        if bits > 0 { result.append(alphabet[value << (6 - bits) & 63]) }
        return result
    }

    private func refusal(_ token: String, _ tokens: Tokens) -> SignalingErrorCode? {
        do throws(SignalingError) {
            _ = try tokens.verify(Redacted(token), now: start.wall)
            return nil
        } catch { return error.code }
    }
}

@Suite struct ICESettingsTests {
    /// The password of a TURN REST user as coturn computes it:
    /// echo -n 1767268800:K1 | openssl dgst -sha1 -hmac secret -binary | base64
    @Test func turnCredentialsAreTheRestApis() {
        let settings = ICESettings(
            stun: ["stun:s:3478"], turn: ["turn:t:3478?transport=udp"], sharedSecret: Redacted("secret"),
            credentialLifetime: .seconds(43_200))
        let arguments = ICECredentialArguments(for: "K1", lifetime: settings.credentialLifetime, now: start.wall)
        let servers = settings.servers(arguments)
        #expect(servers.count == 2)
        #expect(servers[0] == ICEServer(urls: ["stun:s:3478"]))
        #expect(servers[1].username == "1767268800:K1")
        #expect(servers[1].credential == "qdTyPXziUyor+NZOraGOyQshHMA=")
        #expect(ICESettings().servers(arguments).isEmpty)
    }
}
