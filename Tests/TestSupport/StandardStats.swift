/// The member names of the W3C's "Identifiers for WebRTC's Statistics API" by the type of entry, those that a dictionary
/// inherits included.
///
/// Source: the IDL of https://w3c.github.io/webrtc-stats/ as web-platform-tests has it in `interfaces/webrtc-stats.idl`
/// (commit 72048bce931b8c75165ab661b0f16ef7c7b7460e), for the types that a sender of media has.
public enum StandardStats {
    private static let rtp = ["ssrc", "kind", "transportId", "codecId"]
    private static let candidate = [
        "transportId", "address", "port", "protocol", "candidateType", "priority", "url", "relayProtocol", "foundation",
        "relatedAddress", "relatedPort", "usernameFragment", "tcpType",
    ]

    /// Besides `id`, `type` and `timestamp`, which each has.
    public static let members: [String: Set<String>] = [
        "codec": ["payloadType", "transportId", "mimeType", "clockRate", "channels", "sdpFmtpLine"],
        "outbound-rtp": Set(
            rtp + [
                "packetsSent", "bytesSent", "mid", "mediaSourceId", "remoteId", "rid", "encodingIndex",
                "headerBytesSent",
                "retransmittedPacketsSent", "retransmittedBytesSent", "rtxSsrc", "targetBitrate", "frameWidth",
                "frameHeight", "framesPerSecond", "framesSent", "hugeFramesSent", "framesEncoded", "keyFramesEncoded",
                "qpSum", "psnrSum", "psnrMeasurements", "totalEncodeTime", "totalPacketSendDelay",
                "qualityLimitationReason", "qualityLimitationDurations", "qualityLimitationResolutionChanges",
                "nackCount", "firCount", "pliCount", "encoderImplementation", "powerEfficientEncoder", "active",
                "scalabilityMode", "packetsSentWithEct1",
            ]),
        "remote-inbound-rtp": Set(
            rtp + [
                "packetsReceived", "packetsReceivedWithEct1", "packetsReceivedWithCe", "packetsReportedAsLost",
                "packetsReportedAsLostButRecovered", "packetsLost", "jitter", "localId", "roundTripTime",
                "totalRoundTripTime", "fractionLost", "roundTripTimeMeasurements", "packetsWithBleachedEct1Marking",
            ]),
        "media-source": [
            "trackIdentifier", "kind", "audioLevel", "totalAudioEnergy", "totalSamplesDuration", "echoReturnLoss",
            "echoReturnLossEnhancement", "width", "height", "frames", "framesPerSecond",
        ],
        "transport": [
            "packetsSent", "packetsReceived", "bytesSent", "bytesReceived", "iceRole", "iceLocalUsernameFragment",
            "dtlsState", "iceState", "selectedCandidatePairId", "localCertificateId", "remoteCertificateId",
            "tlsVersion", "dtlsCipher", "dtlsRole", "srtpCipher", "selectedCandidatePairChanges", "ccfbMessagesSent",
            "ccfbMessagesReceived",
        ],
        "candidate-pair": [
            "transportId", "localCandidateId", "remoteCandidateId", "state", "nominated", "packetsSent",
            "packetsReceived", "bytesSent", "bytesReceived", "lastPacketSentTimestamp", "lastPacketReceivedTimestamp",
            "totalRoundTripTime", "currentRoundTripTime", "availableOutgoingBitrate", "availableIncomingBitrate",
            "requestsReceived", "requestsSent", "responsesReceived", "responsesSent", "consentRequestsSent",
            "packetsDiscardedOnSend", "bytesDiscardedOnSend",
        ],
        "local-candidate": Set(candidate),
        "remote-candidate": Set(candidate),
    ]
}
