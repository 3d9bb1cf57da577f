import Crypto
import ICE
public import Primitives

/// Whose certificates are believed when a TURN server is reached over TLS.
public struct RelayTrust: Sendable {
    let context: TLSClientContext

    /// - Parameter authorities: a PEM file; nil takes the system's.
    public init(authorities: String?) throws(PeerError) {
        do throws(CryptoError) {
            context = try TLSClientContext(authorities: authorities)
        } catch {
            throw .cryptography("\(error)")
        }
    }
}

/// What lies between a TCP connection to a TURN server and the frames that a session exchanges with it: TLS, if it is
/// asked for, and the cutting of the stream.
///
///     opening ──the TLS handshake, or nothing──▶ open ──▶ over
///
/// The owner has the socket. Once it is connected: `receive` takes what it read, `nextFrame` gives the frames in it, which
/// go to `PeerSession.handle`; `send` takes a frame, and `outgoing` is what the socket is to write.
public struct RelayStream: ~Copyable, Sendable {
    /// The stream's life; each case says where it may go next.
    public enum Phase: Equatable, Sendable {
        /// → open, over
        case opening
        /// → over
        case open
        /// Ended or failed; the text is for the log. Final.
        case over(String)
    }

    /// What may wait to be written before frames are dropped: more would only be late (a second at 1 Mbit/s).
    public static let maximumBacklog = 128 * 1024

    /// Where the stream is now.
    public private(set) var phase: Phase
    private let isEncrypted: Bool
    private var tls: TLSConnection?
    private var reader: TURNStreamReader
    private var plain: [UInt8]
    private var waiting: [UInt8]
    private var written: Int

    /// A stream over TLS when `trust` is given, else over plain TCP.
    ///
    /// - Parameter serverName: what the server's certificate must be made for.
    public init(serverName: String, trust: RelayTrust?) throws(PeerError) {
        do throws(CryptoError) {
            if let trust { tls = try TLSConnection(context: trust.context, serverName: serverName) } else { tls = nil }
        } catch {
            throw .cryptography("\(error)")
        }
        isEncrypted = trust != nil
        phase = trust == nil ? .open : .opening
        reader = TURNStreamReader()
        plain = []
        waiting = []
        written = 0
        settle()
    }

    /// What the socket has read.
    public mutating func receive(_ bytes: Span<UInt8>) {
        if case .over = phase { return }
        if isEncrypted {
            tls?.receive(bytes)
            settle()
        } else {
            reader.append(bytes)
        }
        noteBreak()
    }

    /// The next whole frame in place of what is in `packet`; false when there is none yet.
    public mutating func nextFrame(into packet: inout PacketBuffer) -> Bool {
        let isFrame = reader.next(into: &packet)
        noteBreak()
        return isFrame
    }

    /// Takes a frame to be sent. False when too much waits already, or when the stream is not open.
    public mutating func send(_ frame: Span<UInt8>) -> Bool {
        guard phase == .open, waiting.count - written + frame.count <= RelayStream.maximumBacklog else { return false }
        if isEncrypted {
            tls?.write(frame)
            settle()
        } else {
            for index in 0..<frame.count { waiting.append(frame[index]) }
        }
        return true
    }

    /// Sends close_notify, over TLS.
    public mutating func close() {
        tls?.close()
        settle()
        if case .over = phase { return }
        phase = .over("closed here")
    }

    /// Whether there are bytes that the socket is to write.
    public var hasOutgoing: Bool { written < waiting.count }

    /// Bytes that the socket is to write.
    public var outgoing: Span<UInt8> {
        @_lifetime(borrow self)
        get { waiting.span.extracting(droppingFirst: written) }
    }

    /// The socket has written so many of them.
    public mutating func sent(_ count: Int) {
        precondition(count <= waiting.count - written, "relay stream: more was written than was waiting")
        written += count
        if written == waiting.count {
            waiting.removeAll(keepingCapacity: true)
            written = 0
        } else if written > RelayStream.maximumBacklog {
            waiting.removeFirst(written)
            written = 0
        }
    }

    private mutating func settle() {
        tls?.read(into: &plain)
        tls?.takeOutgoing(into: &waiting)
        if !plain.isEmpty {
            // Out of its place for the while, so that nothing is copied.
            var taken: [UInt8] = []
            swap(&taken, &plain)
            reader.append(taken.span)
            taken.removeAll(keepingCapacity: true)
            plain = taken
        }
        let progress: TLSConnection.Phase? =
            switch tls {
            case .some(let tls): tls.phase
            case .none: nil
            }
        switch (progress, phase) {
        case (_, .over), (nil, _), (.handshaking, _): break
        case (.open, _): phase = .open
        case (.ended, _): phase = .over("ended by the server")
        case (.failed(let error), _): phase = .over("\(error)")
        }
    }

    private mutating func noteBreak() {
        if reader.isBroken, phase == .open { phase = .over("not a turn server's stream") }
    }
}
