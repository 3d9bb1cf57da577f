import Primitives
import Testing

@testable import PeerIO

/// Who relays over TCP and TLS are dialled to, tried again, redirected, and with which credentials.
@Suite struct RelayMachineTests {
    typealias Action = RelayMachine.Action

    private let start = Instant(nanoseconds: 1_000_000_000)
    private let local = SocketAddress(address: IPAddress("192.0.2.10")!, port: 50_000)

    private func server(
        _ name: String = "turn.example", at last: Int = 1, _ transport: TransportProtocol = .tls,
        credentials: String? = "old"
    ) -> ResolvedICEServer {
        ResolvedICEServer(
            host: name, address: SocketAddress(address: IPAddress("198.51.100.\(last)")!, port: 5349),
            transport: transport, credentials: credentials.map(secret))
    }

    private func secret(_ name: String) -> ResolvedICEServer.Credentials {
        ResolvedICEServer.Credentials(username: name, password: Redacted("of \(name)"))
    }

    private func actions(_ machine: inout RelayMachine) -> [Action] {
        var actions: [Action] = []
        while let action = machine.pollAction() { actions.append(action) }
        return actions
    }

    /// The one that is dialled; nil unless that is the only action.
    private func dialled(_ machine: inout RelayMachine) -> (id: RelayMachine.ID, server: ResolvedICEServer)? {
        let all = actions(&machine)
        guard all.count == 1, case .dial(let id, let server) = all[0] else { return nil }
        return (id, server)
    }

    private func added(_ server: ResolvedICEServer, from local: SocketAddress) -> Action {
        .session(.addStream(to: server.address, over: server.transport, from: local, server.credentials!))
    }

    /// A machine whose one server is in use from `local`.
    private func inUse(_ server: ResolvedICEServer) throws -> (RelayMachine, RelayMachine.ID) {
        var machine = RelayMachine(canUseTLS: true)
        machine.add(server, now: start)
        let id = try #require(dialled(&machine)).id
        machine.connected(id, from: local)
        machine.opened(id)
        #expect(actions(&machine) == [added(server, from: local)])
        return (machine, id)
    }

    @Test func aServerIsDialledAndUsedAndThenGatheringEnds() throws {
        var machine = RelayMachine(canUseTLS: true)
        machine.add(server(), now: start)
        let dial = try #require(dialled(&machine))
        #expect(dial.server == server())
        #expect(machine.nextTimeout == start + .seconds(10))
        machine.allServersKnown()
        #expect(actions(&machine).isEmpty, "a candidate may still come")
        machine.connected(dial.id, from: local)
        machine.opened(dial.id)
        #expect(actions(&machine) == [added(server(), from: local), .session(.finishGathering)])
        #expect(machine.nextTimeout == nil)
        machine.allServersKnown()
        #expect(actions(&machine).isEmpty, "once")
    }

    @Test func whatNeedsNoConnectionGoesToTheSession() {
        var machine = RelayMachine(canUseTLS: false)
        machine.add(server(at: 1, .udp, credentials: nil), now: start)
        machine.add(server(at: 2, .udp), now: start)
        // Without trusted certificates there is no TLS.
        machine.add(server(at: 3, .tls), now: start)
        machine.allServersKnown()
        #expect(
            actions(&machine) == [
                .session(.addSTUNServer(server(at: 1).address)),
                .session(.addTURNServer(server(at: 2).address, secret("old"))), .session(.finishGathering),
            ])
        #expect(machine.nextTimeout == nil)
    }

    @Test func aServerThatCannotBeReachedIsTriedAgainLessAndLessAndHoldsNothingUp() throws {
        var machine = RelayMachine(canUseTLS: true)
        machine.add(server(), now: start)
        machine.allServersKnown()
        let id = try #require(dialled(&machine)).id
        var now = start
        machine.lost(id, now: now)
        #expect(actions(&machine) == [.hangUp(id, .lost), .session(.finishGathering)])
        var pauses: [Duration] = []
        for _ in 0..<8 {
            let due = try #require(machine.nextTimeout)
            pauses.append(due - now)
            machine.handleTimeout(now: due - .milliseconds(1))
            #expect(actions(&machine).isEmpty)
            now = due
            machine.handleTimeout(now: now)
            #expect(try #require(dialled(&machine)).id == id)
            machine.lost(id, now: now)
            #expect(actions(&machine) == [.hangUp(id, .lost)])
        }
        #expect(pauses == [2, 4, 8, 16, 32, 60, 60, 60].map { .seconds($0) })
    }

    @Test func aConnectionThatDoesNotOpenIsGivenUp() throws {
        var machine = RelayMachine(canUseTLS: true)
        machine.add(server(), now: start)
        let id = try #require(dialled(&machine)).id
        machine.connected(id, from: local)
        machine.handleTimeout(now: start + .seconds(10))
        #expect(actions(&machine) == [.hangUp(id, .noAnswer)])
        #expect(machine.nextTimeout == start + .seconds(12))
    }

    /// A connection that worked and was lost is tried again soon, with what is known by then.
    @Test func aLostConnectionComesBackWithTheNewestCredentials() throws {
        var (machine, id) = try inUse(server())
        machine.add(server(credentials: "new"), now: start)
        #expect(actions(&machine) == [.session(.renewCredentials(of: server().address, secret("new")))])
        machine.lost(id, now: start + .seconds(5))
        #expect(actions(&machine) == [.hangUp(id, .lost), .session(.removeStream(from: local))])
        #expect(machine.nextTimeout == start + .seconds(6))
        machine.handleTimeout(now: start + .seconds(6))
        #expect(try #require(dialled(&machine)).server == server(credentials: "new"))
    }

    @Test func newCredentialsOfAServerThatWaitsAreTriedAtOnce() throws {
        var machine = RelayMachine(canUseTLS: true)
        machine.add(server(), now: start)
        let id = try #require(dialled(&machine)).id
        machine.lost(id, now: start)
        _ = actions(&machine)
        machine.add(server(credentials: "new"), now: start + .milliseconds(100))
        #expect(machine.nextTimeout == start + .milliseconds(100))
        machine.handleTimeout(now: start + .milliseconds(100))
        #expect(try #require(dialled(&machine)).server == server(credentials: "new"))
        machine.lost(id, now: start + .milliseconds(100))
        #expect(machine.nextTimeout == start + .milliseconds(2100), "one failure, not two")
    }

    /// 300 Try Alternate: the other address, its name for the certificate, and the same credentials; three times in a row.
    @Test func aServerThatNamesAnotherIsFollowedThreeTimes() throws {
        var (machine, id) = try inUse(server())
        machine.add(server(credentials: "new"), now: start)
        _ = actions(&machine)
        var expected = server(credentials: "new")
        for step in 2...4 {
            let alternate = server(at: step).address
            machine.refused(
                from: local, alternate: alternate, domain: step == 2 ? "other.example" : nil, now: start)
            expected.address = alternate
            expected.host = "other.example"
            #expect(
                actions(&machine) == [
                    .hangUp(id, .redirected), .session(.removeStream(from: local)), .dial(id, expected),
                ])
            machine.connected(id, from: local)
            machine.opened(id)
            #expect(actions(&machine) == [added(expected, from: local)])
        }
        machine.refused(from: local, alternate: server(at: 5).address, domain: nil, now: start)
        #expect(actions(&machine) == [.hangUp(id, .noRelay), .session(.removeStream(from: local))])
        #expect(machine.nextTimeout == start + .seconds(60))
    }

    /// The credentials were wrong: newer ones are worth a second's wait, the same only a minute's.
    @Test func aRefusalWaitsForNewerCredentials() throws {
        var (refused, _) = try inUse(server())
        refused.refused(from: local, alternate: nil, domain: nil, now: start)
        #expect(refused.nextTimeout == start + .seconds(60))
        var (renewed, id) = try inUse(server())
        renewed.add(server(credentials: "new"), now: start)
        renewed.refused(from: local, alternate: nil, domain: nil, now: start)
        #expect(
            actions(&renewed) == [
                .session(.renewCredentials(of: server().address, secret("new"))), .hangUp(id, .noRelay),
                .session(.removeStream(from: local)),
            ])
        #expect(renewed.nextTimeout == start + .seconds(1))
        renewed.handleTimeout(now: start + .seconds(1))
        #expect(try #require(dialled(&renewed)).server.credentials == secret("new"))
        // Given again, the same credentials are no newer ones.
        var (same, _) = try inUse(server())
        same.add(server(), now: start)
        same.refused(from: local, alternate: nil, domain: nil, now: start)
        #expect(same.nextTimeout == start + .seconds(60))
    }

    @Test func whatHasNoRoomComesLater() throws {
        var machine = RelayMachine(canUseTLS: true)
        for last in 1...8 { machine.add(server(at: last), now: start) }
        let first = actions(&machine)
        #expect(first.count == RelayMachine.maximumConnections)
        #expect(machine.nextTimeout == start + RelayMachine.roomPause)
        machine.handleTimeout(now: start + .seconds(5))
        #expect(actions(&machine).isEmpty)
        guard case .dial(let id, _) = first[0] else {
            Issue.record("no dial")
            return
        }
        machine.lost(id, now: start + .seconds(6))
        _ = actions(&machine)
        machine.handleTimeout(now: start + .seconds(10))
        let late = actions(&machine)
        // The ones that did not open are given up, and their place is taken at once.
        #expect(late.count { if case .hangUp(_, .noAnswer) = $0 { true } else { false } } == 5)
        #expect(late.contains { if case .dial(_, let dialled) = $0 { dialled == server(at: 8) } else { false } })
    }

    /// Connections from an address that is gone are made anew at once, the others stay.
    @Test func aChangeOfAddressesMovesConnections() throws {
        var (machine, first) = try inUse(server())
        machine.add(server(at: 2), now: start)
        let second = try #require(dialled(&machine)).id
        machine.lost(second, now: start)
        _ = actions(&machine)
        let now = start + .milliseconds(10)
        machine.addressesChanged(usable: [local.address], now: now)
        #expect(actions(&machine) == [.dial(second, server(at: 2))], "what waited is tried, what stands stays")
        machine.addressesChanged(usable: [IPAddress("192.0.2.11")!], now: now)
        #expect(
            actions(&machine) == [
                .hangUp(first, .addressGone), .session(.removeStream(from: local)), .hangUp(second, .addressGone),
                .dial(first, server()), .dial(second, server(at: 2)),
            ])
    }

    @Test func whatIsToldOfNoConnectionIsCounted() throws {
        var (machine, id) = try inUse(server())
        machine.opened(id)
        machine.refused(from: SocketAddress(address: local.address, port: 1), alternate: nil, domain: nil, now: start)
        machine.lost(id, now: start)
        _ = actions(&machine)
        machine.lost(id, now: start)
        machine.connected(id, from: local)
        #expect(actions(&machine).isEmpty)
        #expect(machine.ignored == 4)
    }
}
