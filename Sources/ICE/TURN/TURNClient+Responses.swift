public import Primitives
import STUN

/// What comes from the server: responses, and data of peers.
extension TURNClient {
    /// A datagram, or one frame of the stream, from the server.
    public mutating func handle(_ bytes: Span<UInt8>, now: Instant) -> TURNInput {
        guard bytes.count >= 4 else {
            drops.add(.malformed)
            return .consumed
        }
        if (64...79).contains(bytes[0]) { return handleChannelData(bytes) }
        do {
            let message = try STUNMessage(bytes)
            switch message.type.messageClass {
            case .indication: return handleIndication(message)
            case .successResponse, .errorResponse: handleResponse(message, now: now)
            case .request: drops.add(.malformed)
            }
        } catch {
            drops.add(.malformed)
        }
        return .consumed
    }

    /// Channel number and length, then data; over UDP padding may follow (RFC 8656 section 12.6).
    private mutating func handleChannelData(_ bytes: Span<UInt8>) -> TURNInput {
        let number = UInt16(bytes[0]) << 8 | UInt16(bytes[1])
        let length = Int(bytes[2]) << 8 | Int(bytes[3])
        guard 4 + length <= bytes.count else {
            drops.add(.malformed)
            return .consumed
        }
        guard let channel = channels.first(where: { $0.number == number }) else {
            drops.add(.channelUnknown)
            return .consumed
        }
        return .data(4..<4 + length, peer: channel.peer)
    }

    private mutating func handleIndication(_ message: borrowing STUNMessage) -> TURNInput {
        // ICMP errors come as Data indications without data (section 11.6); the checks will notice by themselves.
        guard message.type.method == .data, let peer = message.xorAddress(of: .xorPeerAddress),
            let range = message.valueRange(of: .data)
        else {
            drops.add(.indicationIncomplete)
            return .consumed
        }
        guard permissions.contains(where: { $0.address == peer.address }) else {
            drops.add(.noPermission)
            return .consumed
        }
        return .data(range, peer: peer)
    }

    private mutating func handleResponse(_ message: borrowing STUNMessage, now: Instant) {
        guard let index = requests.firstIndex(where: { $0.id == message.transactionID }) else {
            return drops.add(.transactionUnknown)
        }
        let request = requests[index]
        if request.isAuthenticated, let key {
            switch message.integrity(key: key, using: authenticator) {
            case .valid: break
            // Servers refuse unsigned; whoever knows the transaction identifier could also drop our packets.
            case .missing where message.type.messageClass == .errorResponse: break
            case .missing, .invalid: return drops.add(.integrityInvalid)
            }
        }
        requests.remove(at: index)
        if message.type.messageClass == .successResponse {
            handleSuccess(message, to: request, now: now)
        } else {
            handleError(message, to: request, now: now)
        }
    }

    // MARK: Success

    private mutating func handleSuccess(_ message: borrowing STUNMessage, to request: Request, now: Instant) {
        switch request.kind {
        case .allocate:
            let addresses = message.xorAddresses(of: .xorRelayedAddress)
            guard !addresses.isEmpty else { return fail(.malformedResponse) }
            relayed = addresses
            mapped = message.xorAddress(of: .xorMappedAddress)
            phase = .allocated
            scheduleRefresh(message.uint32(of: .lifetime) ?? 600, now: now)
            events.append(.allocated(relayed: addresses, mapped: mapped))
        case .refresh: scheduleRefresh(message.uint32(of: .lifetime) ?? 600, now: now)
        case .deallocate: break
        case .createPermission(let addresses):
            for address in addresses { grant(address, now: now) }
        case .channelBind(let number, let peer):
            guard let index = channels.firstIndex(where: { $0.number == number }) else { return }
            let isNew = !channels[index].isBound
            channels[index].isBound = true
            // Bindings live ten minutes (section 12), and refresh the permission of the peer's address too.
            channels[index].refreshAt = now + .seconds(540)
            if isNew { events.append(.channelBound(peer: peer)) }
        }
    }

    /// A minute before the end; a short lifetime at its half; never so soon that refreshing is all we do.
    private mutating func scheduleRefresh(_ lifetime: UInt32, now: Instant) {
        let seconds = Int64(min(lifetime, 3600))
        expiresAt = now + .seconds(seconds)
        refreshAt = now + .seconds(max(seconds > 120 ? seconds - 60 : seconds / 2, 5))
    }

    private mutating func grant(_ address: IPAddress, now: Instant) {
        guard let index = permissions.firstIndex(where: { $0.address == address }) else { return }
        let isNew = !permissions[index].isGranted
        permissions[index].isGranted = true
        // "the Permission Lifetime MUST be 300 seconds" (section 9)
        permissions[index].refreshAt = now + .seconds(240)
        if isNew { events.append(.permissionGranted(address)) }
    }

    mutating func deny(_ addresses: [IPAddress]) {
        for address in addresses {
            permissions.removeAll { $0.address == address }
            channels.removeAll { $0.peer.address == address }
            events.append(.permissionDenied(address))
        }
    }

    // MARK: Errors

    private mutating func handleError(_ message: borrowing STUNMessage, to request: Request, now: Instant) {
        guard let code = message.errorCode else { return refuse(request, .serverError, now: now) }
        switch code {
        case .unauthenticated where !request.isAuthenticated, .staleNonce:
            guard request.refusals < 4, takeChallenge(message) else { return fail(.unauthenticated) }
            submit(request.kind, refusals: request.refusals + 1, now: now)
        case .unauthenticated, .wrongCredentials:
            guard let replacement, request.refusals < 4 else { return refuseName(request, now: now) }
            adopt(replacement)
            _ = takeChallenge(message)
            submit(request.kind, refusals: request.refusals + 1, now: now)
        case .tryAlternate where request.kind == .allocate:
            guard let next = message.address(of: .alternateServer) else { return fail(.refused(code)) }
            guard transport == .udp else {
                let domain = message.text(of: .alternateDomain, limit: 255).flatMap { $0.isEmpty ? nil : $0 }
                return fail(.redirected(to: AlternateServer(address: next, domain: domain)))
            }
            guard next.address.isIPv4 == server.address.isIPv4, redirections.count < 4, !redirections.contains(next)
            else { return fail(.redirectedTooOften) }
            redirections.append(next)
            server = next
            submit(.allocate, now: now)
        case .addressFamilyNotSupported where request.kind == .allocate:
            guard let fewer = families.fewer else { return fail(.refused(code)) }
            families = fewer
            submit(.allocate, refusals: request.refusals, now: now)
        default: refuse(request, code, now: now)
        }
    }

    /// Neither the old name nor a newer one is taken: a server keeps an allocation to the name that made it (441). What
    /// stands serves until its lifetime is over, and only then can the newer name have another from the same address.
    private mutating func refuseName(_ request: Request, now: Instant) {
        switch request.kind {
        case .refresh where expiresAt.map { $0 > now } ?? false: isRunningOut = true
        case .deallocate: break
        case .allocate, .refresh, .createPermission, .channelBind: fail(.unauthenticated)
        }
    }

    private mutating func refuse(_ request: Request, _ code: ErrorCode, now: Instant) {
        switch request.kind {
        case .allocate, .refresh: fail(.refused(code))
        case .deallocate: break
        case .createPermission(let addresses):
            // One bad address fails them all: ask for each alone.
            if addresses.count > 1 {
                for address in addresses { submit(.createPermission([address]), now: now) }
            } else {
                deny(addresses)
            }
        case .channelBind(let number, _): channels.removeAll { $0.number == number }
        }
    }

    /// Realm, nonce and how keys are made, from a 401 or 438 (RFC 8489 section 9.2.5).
    private mutating func takeChallenge(_ message: borrowing STUNMessage) -> Bool {
        if let text = message.text(of: .realm) { realm = text }
        guard let range = message.valueRange(of: .nonce), range.count <= 763, !realm.isEmpty else { return false }
        nonce = message.copyBytes(of: .nonce)
        passwordAlgorithms = message.copyBytes(of: .passwordAlgorithms)
        guard let known = TURNClient.firstKnown(in: passwordAlgorithms) else { return false }
        algorithm = known
        makeKey()
        return true
    }

    /// The first algorithm of the server's list that we know, MD5 where there is no list; nil when we know none of them
    /// (RFC 8489 section 9.2.5). An entry is a number, the length of its parameters, and these, padded.
    private static func firstKnown(in list: [UInt8]) -> PasswordAlgorithm? {
        guard !list.isEmpty else { return .md5 }
        var at = 0
        while at + 4 <= list.count {
            let number = UInt16(list[at]) << 8 | UInt16(list[at + 1])
            let length = Int(list[at + 2]) << 8 | Int(list[at + 3])
            if length == 0, let known = PasswordAlgorithm(rawValue: number) { return known }
            at += 4 + (length + 3) & ~3
        }
        return nil
    }
}
