import Peer
import Primitives
import TestSupport
import Testing

/// What a session says of itself under the W3C's names, after five seconds of media over a path of 40 ms there and back.
@Suite struct StatsReportTests {
    private static func value(_ entry: StatsReport.Entry?, _ name: String) -> Double? {
        switch entry?[name] {
        case .count(let count): Double(count)
        case .number(let number): number
        case .text, .flag, nil: nil
        }
    }

    @Test func countsWhatWasSent() throws {
        let pair = try Pair()
        _ = try #require(try pair.connect())
        pair.startMedia()
        try pair.simulation.run(for: .seconds(5))
        let report = pair.kiosk.session.statsReport

        let video = try #require(report.entry(.outboundRTP, of: .video))
        #expect(video["mid"] != nil)
        #expect(try #require(Self.value(video, "framesSent")) >= 145)
        #expect(Self.value(video, "keyFramesSent") ?? 0 >= 1)
        #expect(try #require(Self.value(video, "packetsSent")) >= 145)
        #expect(try #require(Self.value(video, "headerBytesSent")) > 0)
        let audio = try #require(report.entry(.outboundRTP, of: .audio))
        #expect(try #require(Self.value(audio, "packetsSent")) >= 240)
        #expect(audio["framesSent"] == nil)
        #expect(report.entry(.codec)?["mimeType"] == .text("audio/opus"))

        let remote = try #require(report.entry(.remoteInboundRTP, of: .video))
        let roundTrip = try #require(Self.value(remote, "roundTripTime"))
        #expect(0.035...0.08 ~= roundTrip)
        #expect(Self.value(remote, "packetsLost") == 0)

        let transport = try #require(report.entry(.transport))
        #expect(transport["dtlsState"] == .text("connected"))
        #expect(transport["iceRole"] == .text("controlled"))
        #expect(transport["selectedCandidatePairId"] == .text("pair"))
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

    @Test func knowsNothingBeforeItBegins() throws {
        let pair = try Pair()
        let report = pair.kiosk.session.statsReport
        #expect(report.entries.map(\.kind) == [.transport])
        #expect(report.entry(.transport)?["dtlsState"] == .text("new"))
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
