import Glibc
import Primitives
import Reactor
import Testing

@Suite struct UDPSocketTests {
    static let loopbacks = ["127.0.0.1:0", "[::1]:0"].map { SocketAddress($0)! }

    /// Waits until the kernel has something for the socket.
    private func receive(_ socket: inout UDPSocket, from pool: PacketPool) throws -> Int {
        var loop = try EventLoop()
        try loop.register(socket.descriptor, token: .init(1), for: .readable)
        try loop.wait(until: MonotonicClock.now() + .seconds(5))
        guard case .received(let count) = socket.receive(from: pool) else { return 0 }
        return count
    }

    @Test(arguments: loopbacks) func aBatchArrivesWithItsTrueSource(address: SocketAddress) throws {
        let pool = PacketPool(slotCount: 256)
        var sender = try UDPSocket(bindingTo: address)
        var receiver = try UDPSocket(bindingTo: address)
        #expect(sender.localAddress.port != 0)
        for number in 0..<20 as Range<UInt8> {
            var packet = try present(pool.take())
            packet.append([number, number &+ 1, 0xFF].span)
            sender.enqueue(packet, to: receiver.localAddress)
        }
        let sent = sender.flush()
        #expect(sent.sent == 20 && sent.failed == 0 && !sent.isBlocked)
        #expect(sender.queuedCount == 0)

        var numbers: [UInt8] = []
        while numbers.count < 20 {
            let count = try receive(&receiver, from: pool)
            try #require(count > 0)
            while let datagram = receiver.nextDatagram() {
                #expect(datagram.source == sender.localAddress)
                #expect(datagram.packet.count == 3)
                numbers.append(datagram.packet.bytes[0])
            }
        }
        #expect(numbers == Array(0..<20))
        let more = receiver.receive(from: pool)
        #expect(more == .wouldBlock)
        #expect(pool.outstanding == 0)
    }

    @Test(arguments: loopbacks) func anEmptyDatagramIsADatagram(address: SocketAddress) throws {
        let pool = PacketPool(slotCount: 64)
        var sender = try UDPSocket(bindingTo: address)
        var receiver = try UDPSocket(bindingTo: address)
        _ = try sender.send([UInt8]().span, to: receiver.localAddress).get()
        let count = try receive(&receiver, from: pool)
        try #require(count == 1)
        let datagram = try present(receiver.nextDatagram())
        #expect(datagram.packet.count == 0)
    }

    @Test func aDatagramLongerThanASlotIsPassedOver() throws {
        let pool = PacketPool(slotCount: 64)
        var sender = try UDPSocket(bindingTo: Self.loopbacks[0])
        var receiver = try UDPSocket(bindingTo: Self.loopbacks[0])
        _ = try sender.send([UInt8](repeating: 1, count: 4000).span, to: receiver.localAddress).get()
        _ = try sender.send([UInt8](repeating: 2, count: 40).span, to: receiver.localAddress).get()
        let count = try receive(&receiver, from: pool)
        try #require(count > 0)
        let datagram = try present(receiver.nextDatagram())
        #expect(datagram.packet.count == 40)
        while receiver.nextDatagram() != nil {}
    }

    @Test func anExhaustedPoolLeavesDatagramsInTheKernel() throws {
        let pool = PacketPool(slotCount: 1)
        var sender = try UDPSocket(bindingTo: Self.loopbacks[0])
        var receiver = try UDPSocket(bindingTo: Self.loopbacks[0])
        _ = try sender.send([7].span, to: receiver.localAddress).get()
        do {
            let held = try present(pool.take())
            let result = receiver.receive(from: pool)
            #expect(result == .poolExhausted)
            _ = consume held
        }
        let count = try receive(&receiver, from: pool)
        try #require(count == 1)
        let datagram = try present(receiver.nextDatagram())
        #expect(datagram.packet.count == 1)
    }

    @Test func aRefusedDatagramIsAValueAndTheOthersGo() throws {
        let pool = PacketPool(slotCount: 64)
        var sender = try UDPSocket(bindingTo: Self.loopbacks[0])
        let receiver = try UDPSocket(bindingTo: Self.loopbacks[0])
        // A multicast-free broadcast address is refused with EACCES, at once and on every machine.
        let refused = SocketAddress("255.255.255.255:9")!
        for destination in [receiver.localAddress, refused, receiver.localAddress] {
            var packet = try present(pool.take())
            packet.append([1].span)
            sender.enqueue(packet, to: destination)
        }
        let result = sender.flush()
        #expect(result.sent == 2)
        #expect(result.failed == 1)
        #expect([EACCES, ENETUNREACH].contains(result.lastError?.code))
        #expect(pool.outstanding == 0)
    }

    @Test func anAddressThatIsNotOursCannotBeBound() {
        #expect(throws: SystemError("bind 192.0.2.1:0", EADDRNOTAVAIL)) {
            _ = try UDPSocket(bindingTo: SocketAddress("192.0.2.1:0")!)
        }
    }

    @Test func bothFamiliesShareAPort() throws {
        let four = try UDPSocket(bindingTo: SocketAddress("0.0.0.0:0")!)
        let six = try UDPSocket(
            bindingTo: SocketAddress(address: .v6(high: 0, low: 0), port: four.localAddress.port))
        #expect(six.localAddress.port == four.localAddress.port)
    }

    @Test func codePointsCanBeSet() throws {
        for address in Self.loopbacks {
            var socket = try UDPSocket(bindingTo: address, .init(dscp: 46))
            try socket.setDSCP(34)
        }
    }
}
