public import Primitives

/// The VP8 payload descriptor (RFC 7741 section 4.2).
///
/// ```
///      0 1 2 3 4 5 6 7
///     +-+-+-+-+-+-+-+-+
///     |X|R|N|S|R| PID |
///     +-+-+-+-+-+-+-+-+
/// X:  |I|L|T|K| RSV   |
///     +-+-+-+-+-+-+-+-+
/// I:  |M| PictureID   |  7 or 15 bits
///     +-+-+-+-+-+-+-+-+
/// L:  |   TL0PICIDX   |
///     +-+-+-+-+-+-+-+-+
/// T/K:|TID|Y| KEYIDX  |
///     +-+-+-+-+-+-+-+-+
/// ```
public struct VP8PayloadDescriptor: Hashable, Sendable {
    /// N: no other frame refers to this one.
    public var isNonReference: Bool
    /// S: the payload begins a partition.
    public var startsPartition: Bool
    /// PID, 0 … 7: which partition the payload belongs to.
    public var partition: UInt8
    /// Written with 15 bits.
    public var pictureID: UInt16?
    /// TL0PICIDX: counts the frames of the base layer, modulo 256.
    public var temporalBaseIndex: UInt8?
    /// TID and Y; nil without T.
    public var temporalLayer: TemporalLayer?
    /// KEYIDX, 0 … 31: counts keyframes; nil without K.
    public var keyIndex: UInt8?

    /// Where the frame stands among the layers.
    public struct TemporalLayer: Hashable, Sendable {
        /// TID, 0 … 3.
        public var index: UInt8
        /// Y: depends on the base layer only.
        public var isSynchronizationPoint: Bool

        /// Nothing is checked; TID has two bits on the wire.
        public init(index: UInt8, isSynchronizationPoint: Bool) {
            self.index = index
            self.isSynchronizationPoint = isSynchronizationPoint
        }
    }

    /// Members left nil are not written, and neither are their flags.
    public init(
        isNonReference: Bool = false, startsPartition: Bool, partition: UInt8 = 0, pictureID: UInt16? = nil,
        temporalBaseIndex: UInt8? = nil, temporalLayer: TemporalLayer? = nil, keyIndex: UInt8? = nil
    ) {
        self.isNonReference = isNonReference
        self.startsPartition = startsPartition
        self.partition = partition
        self.pictureID = pictureID
        self.temporalBaseIndex = temporalBaseIndex
        self.temporalLayer = temporalLayer
        self.keyIndex = keyIndex
    }

    /// Reads the descriptor and leaves the reader at the VP8 payload.
    public init(parsing reader: inout ByteReader) throws(RTPError) {
        do throws(ByteReaderError) {
            let first = try reader.readUInt8()
            self.init(
                isNonReference: first & 0x20 != 0, startsPartition: first & 0x10 != 0, partition: first & 0x07)
            guard first & 0x80 != 0 else { return }
            let extensions = try reader.readUInt8()
            if extensions & 0x80 != 0 {
                let byte = try reader.readUInt8()
                pictureID =
                    byte & 0x80 == 0 ? UInt16(byte) : UInt16(byte & 0x7F) << 8 | UInt16(try reader.readUInt8())
            }
            if extensions & 0x40 != 0 { temporalBaseIndex = try reader.readUInt8() }
            if extensions & 0x30 != 0 {
                let byte = try reader.readUInt8()
                if extensions & 0x20 != 0 {
                    temporalLayer = TemporalLayer(index: byte >> 6, isSynchronizationPoint: byte & 0x20 != 0)
                }
                if extensions & 0x10 != 0 { keyIndex = byte & 0x1F }
            }
        } catch { throw .truncated }
    }

    private var hasExtension: Bool {
        pictureID != nil || temporalBaseIndex != nil || temporalLayer != nil || keyIndex != nil
    }

    /// Bytes this descriptor takes.
    public var size: Int {
        guard hasExtension else { return 1 }
        return 2 + (pictureID == nil ? 0 : 2) + (temporalBaseIndex == nil ? 0 : 1)
            + (temporalLayer == nil && keyIndex == nil ? 0 : 1)
    }

    /// Appends `size` bytes.
    public func write(into writer: inout ByteWriter) {
        writer.write(
            (hasExtension ? 0x80 : 0) | (isNonReference ? 0x20 : 0) | (startsPartition ? 0x10 : 0) | partition & 0x07)
        guard hasExtension else { return }
        writer.write(
            (pictureID == nil ? 0 : 0x80) as UInt8 | (temporalBaseIndex == nil ? 0 : 0x40)
                | (temporalLayer == nil ? 0 : 0x20) | (keyIndex == nil ? 0 : 0x10))
        if let pictureID { writer.write(0x8000 | pictureID & 0x7FFF) }
        if let temporalBaseIndex { writer.write(temporalBaseIndex) }
        if temporalLayer != nil || keyIndex != nil {
            let layer = temporalLayer.map { $0.index << 6 | ($0.isSynchronizationPoint ? 0x20 : 0) } ?? 0
            writer.write(layer | (keyIndex ?? 0) & 0x1F)
        }
    }
}
