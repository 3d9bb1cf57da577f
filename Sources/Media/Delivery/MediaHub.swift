public import Primitives
public import Reactor
import Synchronization

// The media hub: who has camera and microphone open, who gets their frames, and what the encoders are asked for.
//
//   supervisor thread   hold, release, permit, forbid ─┐
//                                                      ├─▶ LeaseBook ─▶ gates (devices) and subscribers (frames)
//   network thread      take (which kinds)            ─┘
//   network thread      wish (rates, sizes, loss)    ────▶ merged ─▶ EncoderControl ─▶ media threads
//
//   camera ─▶ VideoPipeline ─▶ FrameHub ─┬─▶ MediaSubscriber of a session ─▶ PeerSession
//                                        └─▶ MediaSubscriber of a recording
//
// State: the book of leases, and the subscribers with their wishes. Each change is made under one lock and carried out
// before the lock is let go: gates and subscribers are what `Lease.rights` says at every moment that somebody else can
// see. Nothing is asked of the hub for a frame: a subscriber reads its own queue.

/// Who has the devices open and who gets what they give.
public final class MediaHub: Sendable {
    /// What the encoders are asked for.
    public let control: EncoderControl
    /// The picture's frames.
    public let video: FrameHub
    /// The sound's frames.
    public let audio: FrameHub
    /// Whether the camera is open.
    public let videoGate: MediaGate
    /// Whether the microphone is open.
    public let audioGate: MediaGate
    private let state: Mutex<State>

    private struct Taker {
        let subscriber: MediaSubscriber
        var video: VideoWish?
        var audio: AudioWish?
    }

    private struct State {
        var book: LeaseBook
        var takers: [Taker]
    }

    /// Without leases and subscribers.
    ///
    /// - Throws: When no event file descriptor can be made.
    public init(control: EncoderControl) throws(SystemError) {
        self.control = control
        videoGate = try MediaGate()
        audioGate = try MediaGate()
        video = FrameHub(kind: .video, frameCapacity: 64 * 1024, opened: videoGate.wake)
        audio = FrameHub(kind: .audio, frameCapacity: 1500, opened: audioGate.wake)
        state = Mutex(State(book: LeaseBook(), takers: []))
    }

    // MARK: the supervisor

    /// The devices of these kinds are to be open for the lease, beside those that are.
    public func hold(_ lease: Lease, _ kinds: Set<MediaKind>) { change { $0.hold(lease, kinds) } }

    /// The lease needs the devices of these kinds no longer. Nothing of theirs reaches its subscriber from now on.
    public func release(_ lease: Lease, _ kinds: Set<MediaKind> = Set(MediaKind.allCases)) {
        change { $0.release(lease, kinds) }
    }

    /// Media may leave for the lease: the indicator is lit, or nobody asked for one.
    public func permit(_ lease: Lease) { change { $0.permit(lease, true) } }

    /// Media may not leave for the lease any more, from this moment on; frames that wait are dropped.
    public func forbid(_ lease: Lease) { change { $0.permit(lease, false) } }

    // MARK: subscribers

    /// A place for the one who gets the lease's media, at first nothing of it. One that the lease had ends.
    ///
    /// - Parameter readable: signaled when a frame has come.
    /// - Returns: nil when there is no place left.
    public func subscribe(_ lease: Lease, readable: WakeFD? = nil) -> MediaSubscriber? {
        let before = state.withLock { $0.takers.first { $0.subscriber.lease == lease }?.subscriber }
        before?.end()
        guard let video = video.subscribe(readable: readable), let audio = audio.subscribe(readable: readable) else {
            return nil
        }
        let subscriber = MediaSubscriber(lease, hub: self, video: video, audio: audio)
        state.withLock { $0.takers.append(Taker(subscriber: subscriber)) }
        return subscriber
    }

    fileprivate func take(_ kinds: Set<MediaKind>, by subscriber: MediaSubscriber) {
        state.withLock { state in
            guard state.takers.contains(where: { $0.subscriber === subscriber }) else { return }
            state.book.take(subscriber.lease, kinds)
            apply(state)
        }
    }

    fileprivate func wish(_ subscriber: MediaSubscriber, video: VideoWish? = nil, audio: AudioWish? = nil) {
        state.withLock { state in
            guard let index = state.takers.firstIndex(where: { $0.subscriber === subscriber }) else { return }
            if let video { state.takers[index].video = video }
            if let audio { state.takers[index].audio = audio }
            merge(state)
        }
    }

    fileprivate func end(_ subscriber: MediaSubscriber) {
        state.withLock { state in
            guard let index = state.takers.firstIndex(where: { $0.subscriber === subscriber }) else { return }
            state.takers.remove(at: index)
            state.book.take(subscriber.lease, [])
            apply(state)
        }
    }

    // MARK: what follows

    private func change(_ body: (inout LeaseBook) -> Void) {
        state.withLock { state in
            body(&state.book)
            apply(state)
        }
    }

    /// Frames first: nothing leaves of a device that is about to close.
    private func apply(_ state: State) {
        for kind in MediaKind.allCases {
            for taker in state.takers {
                let frames = taker.subscriber.frames(kind)
                let rights = state.book.rights(of: taker.subscriber.lease, kind)
                let isWanted = rights.isEncoded && rights.mayLeave
                if frames.isOpen, !isWanted { frames.close() }
                if !frames.isOpen, isWanted { frames.open() }
            }
            let (gate, isWanted) = (gate(kind), state.book.isDeviceOpen(kind))
            if gate.isOpen != isWanted {
                if isWanted { gate.open() } else { gate.close() }
            }
        }
        merge(state)
    }

    /// An encoder makes what all can take who get its frames now; before anybody does, what all can take who will.
    private func merge(_ state: State) {
        let live = state.takers.contains { $0.subscriber.frames(.video).isOpen }
        var video: VideoWish?
        for taker in state.takers where !live || taker.subscriber.frames(.video).isOpen {
            guard let wish = taker.video else { continue }
            video = video?.merged(with: wish) ?? wish
        }
        if let video { control.apply(video) }
        let isHeard = state.takers.contains { $0.subscriber.frames(.audio).isOpen }
        var audio: AudioWish?
        for taker in state.takers where !isHeard || taker.subscriber.frames(.audio).isOpen {
            guard let wish = taker.audio else { continue }
            audio = audio?.merged(with: wish) ?? wish
        }
        if let audio { control.apply(audio) }
    }

    /// The gate of the device of this kind.
    public func gate(_ kind: MediaKind) -> MediaGate { kind == .video ? videoGate : audioGate }

    /// Whether the lease's media of this kind reaches its subscriber now.
    func rights(of lease: Lease, _ kind: MediaKind) -> Lease.Rights {
        state.withLock { $0.book.rights(of: lease, kind) }
    }
}

/// The one who gets a lease's media: the slot of a peer, or a recorder. Its owner's thread calls it.
public final class MediaSubscriber: Sendable {
    /// What it gets media for.
    public let lease: Lease
    private let hub: MediaHub
    private let video: FrameSubscriber
    private let audio: FrameSubscriber

    fileprivate init(_ lease: Lease, hub: MediaHub, video: FrameSubscriber, audio: FrameSubscriber) {
        self.lease = lease
        self.hub = hub
        self.video = video
        self.audio = audio
    }

    fileprivate func frames(_ kind: MediaKind) -> FrameSubscriber { kind == .video ? video : audio }

    /// Which kinds it takes from now on; none at first. They come as soon as the lease has them and permits it.
    public func take(_ kinds: Set<MediaKind>) { hub.take(kinds, by: self) }

    /// The oldest frame that waits; nil when there is none. Let it go before the next is taken.
    public func pop(_ kind: MediaKind) -> SharedFrame? { frames(kind).pop() }

    /// What it wants of the picture.
    public func wish(_ wish: VideoWish) { hub.wish(self, video: wish) }

    /// What it wants of the sound.
    public func wish(_ wish: AudioWish) { hub.wish(self, audio: wish) }

    /// Asks the video encoder for a keyframe.
    public func requestKeyframe() { video.requestKeyframe() }

    /// Frames of this kind that it did not get, by reason.
    public func drops(_ kind: MediaKind) -> Counter<FrameHub.DropReason> { frames(kind).drops }

    /// Gives its place back: it gets nothing any more.
    public func end() {
        video.end()
        audio.end()
        hub.end(self)
    }
}
