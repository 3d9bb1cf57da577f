public import Primitives

/// Cuts VP8 frames into payloads (RFC 7741): all of a frame as one partition, each packet with a 15-bit picture ID.
public struct VP8Packetizer: Sendable {
    var pictureID: UInt16

    /// RFC 7741 section 4.2: the picture ID "SHOULD" start at a random number.
    public init(random: inout RandomSource) {
        pictureID = UInt16.random(in: 0...0x7FFF, using: &random)
    }

    mutating func plan(size: Int, maximumPayload: Int) -> PacketPlan {
        let descriptor = VP8PayloadDescriptor(startsPartition: true, pictureID: pictureID)
        pictureID = (pictureID &+ 1) & 0x7FFF
        let room = maximumPayload - descriptor.size
        precondition(room > 0, "vp8 packetizer: no room behind the payload descriptor")
        return PacketPlan(
            count: (size + room - 1) / room, frameSize: size, descriptor: .vp8(descriptor), marksLast: true)
    }
}
