import Crew
import Glibc
import JSON
import Media
import Primitives
import ServerLink
import Signaling
import Testing

@testable import KioskAgent
@testable import Reactor

@Suite struct AgentStatusTests {
    private func status() -> AgentStatus {
        AgentStatus(
            kioskId: "KIOSK_01", server: "https://signaling.example", startedAt: Instant(nanoseconds: 0),
            link: .registered, sessions: [], camera: .init(DeviceMachine(isConfigured: true)),
            microphone: .init(DeviceMachine(isConfigured: true)), video: .init(),
            audio: .init(), packetsInUse: 0, crew: CrewState(), memory: MemoryState(),
            thermal: ThermalState(throttleCount: 0), sessionsServed: 0, clockOffset: nil)
    }

    @Test func aHeartbeatSaysWhatMonitorsNeed() {
        var status = status()
        #expect(
            String(decoding: JSONValue.object(status.heartbeat.fields).jsonText, as: UTF8.self)
                == #"{"camera":"idle","microphone":"idle","network":"ok","outbox":0,"memory":"ample","live":false,"#
                + #""storage":"ok","clock":"ok"}"#)
        status.thermal.celsius = 61.6
        status.crew.storage = .reserve
        status.clockOffset = .seconds(-31)
        #expect(status.heartbeat.fields["temperature"] == 62)
        #expect(status.heartbeat.fields["storage"] == "reserve")
        #expect(status.heartbeat.fields["clock"] == "wrong")
        status.clockOffset = .seconds(29)
        #expect(status.heartbeat.fields["clock"] == "ok")
    }

    /// Nothing that the agent says is lost at the server's door.
    @Test func theServerTakesAllOfIt() throws {
        var status = status()
        status.thermal.celsius = 40
        let event = ClientEvent.heartbeatPing(status.heartbeat)
        #expect(try ClientEvent(name: event.name, arguments: event.arguments) == event)
    }
}

@Suite struct ThermalStateTests {
    @Test func theHottestZoneCounts() throws {
        var template = Array("/tmp/kiosk-agent-thermal.XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        let root = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        let files = [
            "class/thermal/thermal_zone0/temp": "42000\n", "class/thermal/thermal_zone1/temp": "61500\n",
            "class/thermal/cooling_device0/temp": "99000\n",
            "devices/system/cpu/cpu0/thermal_throttle/core_throttle_count": "3\n",
            "devices/system/cpu/cpu1/thermal_throttle/core_throttle_count": "4\n",
        ]
        var made: [String] = [root]
        for (path, text) in files {
            var folder = root
            for part in path.split(separator: "/").dropLast() {
                folder += "/\(part)"
                if mkdir(folder, 0o700) == 0 { made.append(folder) }
            }
            #expect(OwnFile.write(Array(text.utf8), to: "\(root)/\(path)"))
            made.append("\(root)/\(path)")
        }
        defer { for path in made.sorted(by: >) { remove(path) } }
        #expect(ThermalState.read(root) == ThermalState(celsius: 61.5, throttleCount: 7))
        #expect(ThermalState.read("/nowhere") == ThermalState(celsius: nil, throttleCount: 0))
    }

    @Test func smallStepsAreNoNews() {
        let told = ThermalState(celsius: 50, throttleCount: 0)
        #expect(!ThermalState(celsius: 52.9, throttleCount: 0).differs(from: told))
        #expect(ThermalState(celsius: 53, throttleCount: 0).differs(from: told))
        #expect(ThermalState(celsius: 50, throttleCount: 1).differs(from: told))
        #expect(ThermalState(celsius: nil, throttleCount: 0).differs(from: told))
    }
}
