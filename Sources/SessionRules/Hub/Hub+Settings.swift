extension Hub {
    /// What the hub is configured with.
    public struct Settings: Sendable {
        /// For sessions.
        public var rules: MonitoringSessions.Rules
        /// What one socket may send, on average.
        public var messagesPerSecond: Int
        /// How long the TURN credentials are good that clients are given.
        public var iceCredentialLifetime: Duration
        /// How long a lost socket's client may come back as what it was; nil where it begins anew.
        public var recoveryWindow: Duration?

        /// The defaults are the server's own.
        public init(
            rules: MonitoringSessions.Rules = .init(), messagesPerSecond: Int = 50,
            iceCredentialLifetime: Duration = .seconds(3600), recoveryWindow: Duration? = nil
        ) {
            self.recoveryWindow = recoveryWindow
            self.rules = rules
            self.messagesPerSecond = messagesPerSecond
            self.iceCredentialLifetime = iceCredentialLifetime
        }
    }
}
