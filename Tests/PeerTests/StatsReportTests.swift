import ICE
import Primitives
import TestSupport
import Testing

@testable import Peer

/// What a session says of itself under the W3C's names, after five seconds of media over a path of 40 ms there and back.
@Suite struct StatsReportTests {
    private static func value(_ entry: StatsReport.Entry?, _ name: String) -> Double? {
        switch entry?[name] {
        case .count(let count): Double(count)
        case .number(let number): number
        case .text, .flag, .record, nil: nil
        }
    }

    @Test func countsWhatWasSent() throws {
        let pair = try Pair()
        let began = pair.simulation.now
        _ = try #require(try pair.connect())
        pair.startMedia()
        try pair.simulation.run(for: .seconds(5))
        let report = pair.kiosk.session.statsReport

        let video = try #require(report.entry(.outboundRTP, of: .video))
        #expect(video["mid"] != nil)
        #expect(try #require(Self.value(video, "framesSent")) >= 145)
        #expect(try #require(Self.value(video, "packetsSent")) >= 145)
        #expect(try #require(Self.value(video, "headerBytesSent")) > 0)
        let audio = try #require(report.entry(.outboundRTP, of: .audio))
        #expect(try #require(Self.value(audio, "packetsSent")) >= 240)
        #expect(audio["framesSent"] == nil)
        #expect(report.entry(.codec)?["mimeType"] == .text("audio/opus"))
        #expect(report.entry(.codec)?["sdpFmtpLine"] == .text("minptime=10;useinbandfec=1;sprop-stereo=0"))

        let remote = try #require(report.entry(.remoteInboundRTP, of: .video))
        let roundTrip = try #require(Self.value(remote, "roundTripTime"))
        #expect(0.035...0.08 ~= roundTrip)
        #expect(Self.value(remote, "packetsLost") == 0)
        let measured = try #require(Self.value(remote, "roundTripTimeMeasurements"))
        let total = try #require(Self.value(remote, "totalRoundTripTime"))
        #expect(measured >= 2)
        #expect(0.035...0.08 ~= total / measured)

        let transport = try #require(report.entry(.transport))
        #expect(transport["dtlsState"] == .text("connected"))
        #expect(transport["iceRole"] == .text("controlled"))
        #expect(transport["dtlsRole"] == .text("client"))
        #expect(try #require(Self.value(transport, "selectedCandidatePairChanges")) >= 1)
        let pairEntry = try #require(report.entry(.candidatePair))
        #expect(transport["selectedCandidatePairId"] == .text(pairEntry.id))
        // One path has carried all: media, handshake and reports.
        for name in ["packetsSent", "packetsReceived", "bytesSent", "bytesReceived"] {
            #expect(transport[name] == pairEntry[name] && transport[name] != nil)
        }
        let media = [video, audio].compactMap { Self.value($0, "packetsSent") }.reduce(0, +)
        #expect(try #require(Self.value(transport, "packetsSent")) > media)
        var bytes = 0.0
        for entry in [video, audio] {
            bytes += Self.value(entry, "bytesSent") ?? 0
            bytes += Self.value(entry, "headerBytesSent") ?? 0
        }
        #expect(try #require(Self.value(transport, "bytesSent")) > bytes)
        let sentAt = try #require(Self.value(pairEntry, "lastPacketSentTimestamp"))
        #expect(abs(sentAt - 1_790_000_000_000 - (pair.simulation.now - began).milliseconds) < 100)
        #expect(report.entry(.candidatePair)?["nominated"] == .flag(true))
        #expect(report.entry(.localCandidate)?["candidateType"] == .text("host"))
        #expect(Self.value(report.entry(.candidatePair), "availableOutgoingBitrate") ?? 0 > 0)
    }

    @Test func entriesReferToOneAnother() throws {
        let pair = try Pair()
        _ = try #require(try pair.connect())
        pair.startMedia()
        try pair.simulation.run(for: .seconds(5))
        let report = pair.kiosk.session.statsReport
        let ids = Set(report.entries.map(\.id))
        #expect(ids.count == report.entries.count)
        for entry in report.entries {
            // The source is the capturing side's to describe.
            for (name, value) in entry.members where name.hasSuffix("Id") && name != "mediaSourceId" {
                guard case .text(let id) = value else { continue }
                #expect(ids.contains(id), "\(entry.id).\(name) refers to \(id)")
            }
        }
    }

    /// Another pair is another entry: nothing that is counted falls.
    @Test func countsNeverFallWithinAnEntry() throws {
        let pair = try Pair(kioskAddresses: ["10.1.0.2", "10.1.0.3"])
        _ = try #require(try pair.connect())
        pair.startMedia()
        try pair.simulation.run(for: .seconds(3))
        let before = pair.kiosk.session.statsReport
        let base = try #require(pair.kiosk.session.selectedPath?.base)
        pair.kiosk.session.removeLocalAddress(base, now: pair.simulation.now)
        try pair.simulation.run(for: .seconds(1))
        let after = pair.kiosk.session.statsReport
        #expect(before.entry(.candidatePair)?.id != after.entry(.candidatePair)?.id)
        let changes = "selectedCandidatePairChanges"
        #expect(
            try #require(Self.value(after.entry(.transport), changes))
                > (try #require(Self.value(before.entry(.transport), changes))))
        for entry in before.entries {
            guard let later = after.entries.first(where: { $0.id == entry.id }) else { continue }
            for (name, value) in entry.members {
                guard case .count(let count) = value, case .count(let next) = later[name] else { continue }
                #expect(next >= count, "\(entry.id).\(name)")
            }
        }
    }

    @Test func whatThePeerSeesIsTheAddress() throws {
        let pair = try Pair(kioskNAT: .portRestricted)
        _ = try #require(try pair.connect())
        let local = try #require(pair.kiosk.session.statsReport.entry(.localCandidate))
        #expect(local["candidateType"] == .text("prflx"))
        let seen = try #require(pair.monitor.session.selectedPath?.remote)
        #expect(local["address"] == .text("\(seen.address)") && local["port"] == .count(UInt64(seen.port)))
        #expect(local["relatedAddress"] == .text("10.1.0.2") && local["relatedPort"] == .count(40_000))
        #expect(local["priority"] != nil && local["relayProtocol"] == nil && local["url"] == nil)
    }

    @Test(arguments: [
        (TransportProtocol?.some(.udp), "turn:192.0.2.9:3478?transport=udp"),
        (.some(.tcp), "turn:192.0.2.9:3478?transport=tcp"), (.some(.tls), "turns:192.0.2.9:3478?transport=tcp"),
        (nil, "stun:192.0.2.9:3478"),
    ])
    func theServerIsNamed(transport: TransportProtocol?, url: String) {
        let end = SelectedPair.End(
            address: SocketAddress("192.0.2.9:50000")!, type: transport == nil ? .serverReflexive : .relayed,
            priority: 5,
            relatedAddress: SocketAddress("203.0.113.1:1000")!, server: SocketAddress("192.0.2.9:3478")!,
            relayProtocol: transport)
        let entry = StatsReport.Entry.candidate("local-1", .localCandidate, end)
        #expect(entry["address"] == .text("192.0.2.9") && entry["port"] == .count(50_000))
        #expect(entry["relayProtocol"] == transport.map { .text($0.rawValue) } && entry["url"] == .text(url))
        #expect(entry["relatedAddress"] == .text("203.0.113.1") && entry["priority"] == .count(5))
        let known = StandardStats.members["local-candidate"]!
        #expect(entry.members.allSatisfy { known.contains($0.name) })
        let logged = StatsReport(entries: [entry]).loggable.description
        #expect(!logged.contains("192.0.2") && !logged.contains("203.0.113") && logged.contains("candidateType"))
    }

    /// The report can be had once more when the session is over, and then says why.
    @Test func aFailedHandshakeIsToldFromAnEnd() throws {
        let closed = try Pair()
        _ = try #require(try closed.connect())
        closed.kiosk.session.close(now: closed.simulation.now)
        #expect(closed.kiosk.session.statsReport.entry(.transport)?["dtlsState"] == .text("closed"))
        let failed = try Pair()
        _ = try #require(try failed.connect())
        failed.kiosk.session.end(.fingerprintMismatch, now: failed.simulation.now)
        #expect(failed.kiosk.session.statsReport.entry(.transport)?["dtlsState"] == .text("failed"))
    }

    @Test func knowsNothingBeforeItBegins() throws {
        let pair = try Pair()
        let report = pair.kiosk.session.statsReport
        #expect(report.entries.map(\.kind) == [.transport])
        #expect(report.entry(.transport)?["dtlsState"] == .text("new"))
        #expect(report.entry(.transport)?["dtlsRole"] == .text("unknown"))
        #expect(pair.kiosk.session.timeline.breakdown.total == nil)
    }

    @Test func breaksTheTimeToTheFirstPictureDown() throws {
        let pair = try Pair()
        _ = try #require(try pair.connect())
        pair.startMedia()
        try pair.simulation.run(for: .seconds(1))
        let breakdown = pair.kiosk.session.timeline.breakdown
        let ice = try #require(breakdown.ice)
        let dtls = try #require(breakdown.dtls)
        let firstFrame = try #require(breakdown.firstFrame)
        #expect(breakdown.total == ice + dtls + firstFrame)
        #expect(ice > .zero)
        #expect(dtls > .zero)
    }
}
