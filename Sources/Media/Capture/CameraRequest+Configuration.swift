public import AgentSettings
public import Capture

extension AgentConfiguration.Camera {
    /// What the camera is asked for.
    public func request(_ source: CameraSource) -> CameraRequest {
        CameraRequest(
            source: source, width: width, height: height, frameRate: FrameRate(frames: Int32(frameRate)))
    }
}
