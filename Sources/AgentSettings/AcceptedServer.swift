import Reactor

/// Which server this kiosk used before, as its state directory tells.
///
/// Releases without `allowInsecure` took any `http://` server. A kiosk that worked so goes on after an upgrade, with a warning
/// and a finding of doctor; another server without TLS has to be allowed by its configuration.
public struct AcceptedServer {
    private let file: String
    private let directory: String

    /// - Parameter stateDirectory: The agent's state directory, whose file `server` holds the address; it need not exist.
    public init(in stateDirectory: String) {
        directory = stateDirectory
        file = "\(stateDirectory)/server"
    }

    func includes(_ server: ServerAddress) -> Bool {
        if let known = SystemFile.text(file) {
            return known.split(separator: "\n").first == Substring(server.description)
        }
        // A user without access to the directory cannot tell; the agent itself can.
        if FileSystem.refusal(of: .listing, to: directory)?.isDenied == true { return true }
        // Only an agent makes an outbox, and one that knows this file writes it.
        return FileSystem.allows(.existence, to: "\(directory)/outbox.db")
    }

    /// Remembers what the agent started with.
    public func record(_ server: ServerAddress) {
        guard SystemFile.text(file) != "\(server)\n" else { return }
        _ = OwnFile.write(Array("\(server)\n".utf8), to: file)
    }
}
