public import AgentSettings
public import Capture
public import Media
internal import Primitives
public import Reactor

/// All that brings a kiosk's media to its receivers, put together in one place: for the agent, and for doctor's call to
/// this machine itself.
///
/// ```
///  VideoPipeline ─┐                ┌─▶ session ─▶ NetworkThread
///                 ├─▶ MediaHub ────┤
///  AudioPipeline ─┘                └─▶ …
/// ```
public final class Sender: Sendable {
    /// Who has the devices open and who gets what they give.
    public let hub: MediaHub
    /// The peers.
    public let network: NetworkThread
    /// Camera and video encoder.
    public let video: VideoPipeline
    /// Microphone and audio encoder; nil where no sound is wanted.
    public let audio: AudioPipeline?

    /// Starts nothing and opens no device.
    ///
    /// - Parameters:
    ///   - microphone: nil: no sound is wanted at all, and no thread made for it.
    ///   - lease: whose media the sessions carry; nil: each its own.
    ///   - media: where devices and encoders are reported.
    ///   - peers: where sessions are reported.
    public init(
        _ configuration: AgentConfiguration, camera: CameraSource, microphone: MicrophoneSource?, lease: Lease? = nil,
        media: Mailbox<MediaEvent>, peers: Mailbox<PeerEvent>
    ) throws(SystemError) {
        let section = configuration.camera
        let control = EncoderControl(
            videoBitrate: configuration.video.maxBitrate, frameRate: section.frameRate, width: section.width,
            height: section.height, audioBitrate: .kilobits(32))
        hub = try MediaHub(control: control)
        let tally = MediaTally()
        network = try NetworkThread(configuration, hub: hub, lease: lease, tally: tally, events: peers)
        video = VideoPipeline(
            section.request(camera), frames: hub.video, control: control, tally: tally, gate: hub.videoGate,
            events: media)
        audio = microphone.map { [hub] in
            AudioPipeline(
                $0, frames: hub.audio, control: control, tally: tally, gate: hub.audioGate, events: media)
        }
        adopt(configuration)
    }

    /// Takes over what a changed configuration says of the encoders: at once, and of bitrates from the next session on.
    public func adopt(_ configuration: AgentConfiguration) {
        hub.control.videoBitrateLimit = configuration.video.maxBitrate
        hub.control.preference = configuration.video.preference
        hub.control.allowDiscontinuousTransmission(configuration.audio.dtx)
    }

    /// Takes over the size and rate that the configuration allows, which a picture keeps while its camera is open.
    public func setPicture(_ section: AgentConfiguration.Camera) {
        hub.control.setMaximumSize(width: section.width, height: section.height)
        hub.control.frameRate = section.frameRate
    }

    /// Starts the threads. After a failure `stop` ends those that run.
    public func start() throws(SystemError) {
        try network.start()
        try video.start()
        try audio?.start()
    }

    /// The devices first: whatever else takes its time, nobody is seen any more.
    public func stop() {
        video.stop()
        audio?.stop()
        network.stop()
    }
}
