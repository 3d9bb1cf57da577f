public import Primitives

/// Log-ins that wait for their password to be checked, which takes tens of milliseconds each: more come in than can be
/// judged as soon as somebody guesses in earnest.
///
/// There are two lanes, for attempts from an account's home and for all others; the first goes first, three times of
/// four. Within a lane the networks with the fewest failures so far go first, and among those each has the same chance,
/// however many attempts it has waiting, and within a network each attempt. When a lane is full, one of the network that
/// has most waiting gives way.
public struct LoginQueue<Ticket: Hashable & Sendable>: Sendable {
    public enum Lane: Int, Sendable, CaseIterable { case home, elsewhere }

    private struct Entry: Sendable {
        let ticket: Ticket
        let account: String
    }
    private struct Place: Sendable {
        let lane: Lane
        let network: IPAddress
    }

    /// Attempts waiting in one lane.
    public static var limit: Int { 256 }
    /// Then it is told to come back, while its client still listens.
    public static var longestWait: Duration { .seconds(10) }

    private var lanes: [[IPAddress: [Entry]]]
    private var counts: [Int]
    private var places: [Ticket: Place]
    private var deadlines: RingBuffer<(at: Instant, ticket: Ticket)>
    /// Attempts that were judged and failed.
    private var failures: [IPAddress: (count: Int, last: Instant)]
    private var random: RandomSource
    private var turn: Int

    private static var failuresLimit: Int { 10_000 }
    private static var failuresForgottenAfter: Duration { .seconds(15 * 60) }

    public init(random: RandomSource) {
        lanes = Lane.allCases.map { _ in [:] }
        counts = Lane.allCases.map { _ in 0 }
        places = [:]
        deadlines = RingBuffer()
        failures = [:]
        self.random = random
        turn = 0
    }

    public var count: Int { places.count }

    /// - Returns: the attempt that had to give way, which may be this one.
    public mutating func add(
        _ ticket: Ticket, account: String, address: IPAddress, lane: Lane, now: Instant
    ) -> Ticket? {
        let network = address.guesserNetwork
        lanes[lane.rawValue][network, default: []].append(Entry(ticket: ticket, account: account))
        counts[lane.rawValue] += 1
        places[ticket] = Place(lane: lane, network: network)
        deadlines.append((now + LoginQueue.longestWait, ticket))
        guard counts[lane.rawValue] > LoginQueue.limit else { return nil }
        // The one that has most waiting, and of several such the one that the lot takes.
        let lot = Lot(using: &random)
        let crowd = lanes[lane.rawValue].max { a, b in
            (a.value.count, lot.number(of: a.key)) < (b.value.count, lot.number(of: b.key))
        }
        guard let victim = crowd?.value.randomElement(using: &random) else { return nil }
        remove(victim.ticket)
        return victim.ticket
    }

    /// The next to be judged.
    /// - Parameter isOpen: whether an attempt at that account from elsewhere may be judged now.
    public mutating func next(where isOpen: (String) -> Bool) -> Ticket? {
        let order: [Lane] = turn % 4 == 3 ? [.elsewhere, .home] : [.home, .elsewhere]
        for lane in order {
            let lot = Lot(using: &random)
            func isReady(_ entry: Entry) -> Bool { lane == .home || isOpen(entry.account) }
            var best: (network: IPAddress, failures: Int, number: UInt64)?
            for (network, entries) in lanes[lane.rawValue] {
                let (failures, number) = (failures[network]?.count ?? 0, lot.number(of: network))
                if let best, (best.failures, best.number) < (failures, number) { continue }
                if entries.contains(where: isReady) { best = (network, failures, number) }
            }
            guard let best, let entries = lanes[lane.rawValue][best.network],
                let chosen = entries.filter(isReady).randomElement(using: &random)
            else { continue }
            remove(chosen.ticket)
            turn += 1
            return chosen.ticket
        }
        return nil
    }

    /// An attempt from there was judged, and its password was wrong.
    public mutating func failed(_ address: IPAddress, now: Instant) {
        if failures.count >= LoginQueue.failuresLimit {
            failures = failures.filter { now - $0.value.last < LoginQueue.failuresForgottenAfter }
            if failures.count >= LoginQueue.failuresLimit { failures = [:] }
        }
        let network = address.guesserNetwork
        var entry = failures[network] ?? (0, now)
        if now - entry.last >= LoginQueue.failuresForgottenAfter { entry.count = 0 }
        failures[network] = (entry.count + 1, now)
    }

    /// - Returns: whether it was waiting.
    @discardableResult
    public mutating func remove(_ ticket: Ticket) -> Bool {
        guard let place = places.removeValue(forKey: ticket) else { return false }
        lanes[place.lane.rawValue][place.network]?.removeAll { $0.ticket == ticket }
        if lanes[place.lane.rawValue][place.network]?.isEmpty == true {
            lanes[place.lane.rawValue][place.network] = nil
        }
        counts[place.lane.rawValue] -= 1
        return true
    }

    /// - Returns: those that have waited for too long.
    public mutating func handleTimeout(now: Instant) -> [Ticket] {
        var expired: [Ticket] = []
        while let deadline = deadlines.first, deadline.at <= now {
            _ = deadlines.popFirst()
            if remove(deadline.ticket) { expired.append(deadline.ticket) }
        }
        return expired
    }

    public var nextTimeout: Instant? { deadlines.first?.at }
}

/// Gives each network a number, other ones in each drawing: who has the least or the most is chosen by lot, whatever the order in
/// which networks are looked at, and nothing is sorted.
private struct Lot {
    private let salt: UInt64

    init(using random: inout RandomSource) { salt = random.next() }

    func number(of network: IPAddress) -> UInt64 {
        switch network {
        case .v4(let bits): Lot.mixed(UInt64(bits) ^ salt)
        case .v6(let high, let low): Lot.mixed(Lot.mixed(high ^ salt) ^ low)
        }
    }

    /// The finalizer of SplitMix64: each bit of the result depends on each bit of the value.
    private static func mixed(_ value: UInt64) -> UInt64 {
        var bits = value &+ 0x9E37_79B9_7F4A_7C15
        bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
        bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
        return bits ^ (bits >> 31)
    }
}
