/// The doctor's checks in their order. The names are stable: machines and instructions refer to them.
public enum CheckID: String, CaseIterable, Sendable {
    case configuration
    case stateDirectory = "state-directory"
    case service
    case outbox
    case disk
    case memory
    case temperature
    case networkInterfaces = "network-interfaces"
    case nameResolution = "name-resolution"
    case server
    case certificate
    case login
    case socketIO = "socket-io"
    case clock
    case stun
    case nat
    case turnUDP = "turn-udp"
    case turnTCP = "turn-tcp"
    case turnTLS = "turn-tls"
    case udp
    case cameraDevices = "camera-devices"
    case cameraUsers = "camera-users"
    case cameraPicture = "camera-picture"
    case microphone
    case encoder
    case selfCall = "self-call"

    /// Checks of one lane run one after the other, lanes beside each other. Checks that need the camera or the whole
    /// processor share a lane, so that none disturbs what another one measures. The encoder comes before the camera: a
    /// driver that hangs keeps only the checks that need a camera from their answer.
    static let lanes: [[CheckID]] = [
        [.configuration, .stateDirectory, .service, .outbox, .disk, .memory, .temperature],
        [.networkInterfaces], [.nameResolution], [.server, .certificate, .login], [.socketIO], [.clock],
        [.stun, .nat], [.turnUDP], [.turnTCP], [.turnTLS], [.udp],
        [.encoder, .cameraDevices, .cameraUsers, .cameraPicture, .selfCall], [.microphone],
    ]
}
