// swift-tools-version: 6.2
import PackageDescription

// One place for the rules every target obeys: the Swift 6 language mode, no implicit existentials,
// imports that do not leak, and no warning left standing.
let house: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableExperimentalFeature("Lifetimes"),
    .treatAllWarnings(as: .error),
]

// Targets that tests run for hours of simulated time: optimized in debug builds too, or the tests take five times as long.
let simulated: [SwiftSetting] = house + [.unsafeFlags(["-O"], .when(configuration: .debug))]

// Protocol targets: no C, no clock, no socket, no `unsafe`.
let pure: [SwiftSetting] = simulated + [.strictMemorySafety()]

func library(
    _ name: String, _ dependencies: [Target.Dependency], settings: [SwiftSetting] = house, resources: [Resource] = [],
    exclude: [String] = []
) -> Target {
    .target(name: name, dependencies: dependencies, exclude: exclude, resources: resources, swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency], resources: [Resource] = [], exclude: [String] = [])
    -> Target
{
    .testTarget(
        name: name, dependencies: dependencies + ["Primitives"], exclude: exclude, resources: resources,
        swiftSettings: house)
}

func system(_ name: String, pkgConfig: String? = nil, apt: String) -> Target {
    .systemLibrary(name: name, pkgConfig: pkgConfig, providers: [.apt([apt])])
}

let package = Package(
    name: "kiosk-agent",
    products: [
        .executable(name: "kiosk-agent", targets: ["kiosk-agent"]),
        .executable(name: "kiosk-signaling", targets: ["kiosk-signaling"]),
    ],
    targets: [
        // System libraries, each visible in one target only.
        system("CV4L2", pkgConfig: "libv4l2", apt: "libv4l-dev"),
        system("CTurboJPEG", pkgConfig: "libturbojpeg", apt: "libturbojpeg0-dev"),
        system("CYUV", apt: "libyuv-dev"),
        system("CALSA", pkgConfig: "alsa", apt: "libasound2-dev"),
        system("CUdev", pkgConfig: "libudev", apt: "libudev-dev"),
        system("CVPX", pkgConfig: "vpx", apt: "libvpx-dev"),
        system("COpus", pkgConfig: "opus", apt: "libopus-dev"),
        system("COpenSSL", pkgConfig: "openssl", apt: "libssl-dev"),
        system("CSRTP", pkgConfig: "libsrtp2", apt: "libsrtp2-dev"),
        system("CSQLite", pkgConfig: "sqlite3", apt: "libsqlite3-dev"),
        system("CZlib", pkgConfig: "zlib", apt: "zlib1g-dev"),
        system("CYAML", pkgConfig: "yaml-0.1", apt: "libyaml-dev"),
        system("CArgon2", pkgConfig: "libargon2", apt: "libargon2-dev"),
        system("CJOSE", pkgConfig: "cjose", apt: "libcjose-dev"),
        system("CSystemd", pkgConfig: "libsystemd", apt: "libsystemd-dev"),
        .systemLibrary(name: "CLinux"),
        .systemLibrary(name: "CInput"),

        // Values and bytes.
        library("Primitives", [], settings: simulated),

        // Protocols: pure machines that are told the time and the bytes.
        library("STUN", ["Primitives"], settings: pure),
        library("ICE", ["STUN", "Primitives"], settings: pure),
        library("SDP", ["Primitives"], settings: pure),
        library("RTP", ["Primitives"], settings: pure),
        library("Congestion", ["Primitives"], settings: pure),
        library("SCTP", ["Primitives"], settings: pure),
        library("JSON", [], settings: pure),
        library("SocketIO", ["JSON", "Primitives"], settings: pure),
        library("HTTP", ["Primitives"], settings: pure),

        // Over C libraries.
        library("Crypto", ["Primitives", "COpenSSL"], settings: simulated),
        library("SRTP", ["Primitives", "CSRTP"], settings: simulated),
        library("Codecs", ["Primitives", "CVPX", "COpus"], settings: simulated),
        library("Reactor", ["Primitives", "CLinux"]),
        library(
            "Capture", ["Reactor", "Primitives", "CV4L2", "CYUV", "CALSA", "CTurboJPEG", "CUdev"], settings: simulated),
        library("HTTPTransport", ["HTTP", "Reactor", "Crypto", "Primitives"]),
        library("Configuration", ["CYAML", "Primitives"]),
        library("Database", ["CSQLite"]),
        library("Compression", ["CZlib"], settings: simulated),
        library("Service", ["CSystemd"]),

        // Sessions and the signaling contract.
        library(
            "Peer", ["ICE", "STUN", "SDP", "RTP", "SCTP", "Congestion", "Crypto", "SRTP", "Primitives"],
            settings: simulated),
        library("Signaling", ["JSON", "Primitives"]),
        // The agent.
        library("AgentSettings", ["Configuration", "Capture", "Reactor", "Service", "JSON", "Primitives"]),
        library(
            "Media",
            [
                "AgentSettings", "Capture", "Codecs", "Compression", "Peer", "Reactor", "Service", "Signaling",
                "Primitives",
            ],
            settings: simulated),
        library(
            "PeerIO", ["Media", "AgentSettings", "Capture", "Peer", "Reactor", "Service", "Signaling", "Primitives"]),
        library(
            "ServerLink",
            [
                "AgentSettings", "SocketIO", "JSON", "HTTPTransport", "HTTP", "Reactor", "Service", "Signaling",
                "Primitives",
            ]),
        library(
            "Crew",
            ["Media", "AgentSettings", "Database", "JSON", "Reactor", "Service", "Signaling", "Primitives", "CInput"]),
        library(
            "Doctor",
            [
                "Crew", "ServerLink", "PeerIO", "Media", "AgentSettings", "Capture", "Codecs", "Peer", "HTTPTransport",
                "HTTP", "SocketIO", "JSON", "Configuration", "Database", "Reactor", "Service", "Signaling",
                "Primitives",
            ]),
        library(
            "KioskAgent",
            [
                "Doctor", "Crew", "ServerLink", "PeerIO", "Media", "AgentSettings", "Capture", "Peer", "JSON",
                "Configuration", "Reactor", "Service", "Signaling", "Primitives",
            ]),

        // The server.
        // Who may watch what, sessions, presence, throttles: told the time, given randomness, answering in values.
        library("SessionRules", ["Signaling", "SocketIO", "JSON", "Primitives"], settings: pure),
        library(
            "Identity", ["SessionRules", "Signaling", "JSON", "Crypto", "Primitives", "CArgon2", "CJOSE"]),
        // Records as values, and what keeps them.
        library("Records", ["Identity", "SessionRules", "Signaling", "JSON", "Crypto", "Reactor", "Primitives"]),
        library(
            "RecordsSQLite",
            [
                "Records", "Identity", "SessionRules", "Signaling", "Database", "Reactor", "Service", "Primitives",
            ]),
        // The monitor console: files and nothing else, so that a change of them compiles no other Swift.
        library(
            "ConsolePage", [], settings: pure, resources: [.embedInCode("Page")],
            exclude: ["package.json", "jsconfig.json"]),
        library(
            "SignalingServer",
            [
                "Signaling", "SocketIO", "JSON", "HTTPTransport", "HTTP", "Configuration", "Compression", "Service",
                "Primitives", "SessionRules", "Identity", "Records", "RecordsSQLite", "Crypto", "Reactor",
                "ConsolePage",
            ],
            resources: [.embedInCode("API/openapi.json")]),
        .executableTarget(name: "kiosk-agent", dependencies: ["KioskAgent", "Configuration"], swiftSettings: house),
        .executableTarget(name: "kiosk-signaling", dependencies: ["SignalingServer"], swiftSettings: house),
        // The application that the Engine.IO and Socket.IO conformance suites expect; not shipped.
        .executableTarget(
            name: "socketio-echo", dependencies: ["SocketIO", "JSON", "HTTPTransport", "HTTP", "Primitives"],
            swiftSettings: house),
        // The peer that the tests' aiortc speaks SCTP to; not shipped.
        .executableTarget(name: "sctp-echo", dependencies: ["SCTP", "Crypto", "Primitives"], swiftSettings: house),

        // Figures: swift run -c release Benchmarks
        .executableTarget(
            name: "Benchmarks", dependencies: ["Codecs", "Crypto", "SRTP", "SDP", "Primitives"], path: "Benchmarks",
            swiftSettings: house),

        // Fuzzing: bodies that tests run over corpora, and libFuzzer's entry point (`make fuzz` builds it with a sanitizer).
        .target(
            name: "FuzzBodies",
            dependencies: [
                "STUN", "ICE", "Peer", "SDP", "RTP", "SCTP", "Congestion", "Crypto", "SRTP", "Codecs", "Signaling",
                "SocketIO", "JSON", "HTTP",
                "Primitives", "TestSupport",
            ],
            path: "Fuzz/Bodies", swiftSettings: simulated),

        // Looks at devices in the virtual machine of the tests.
        .executableTarget(
            name: "capture-probe", dependencies: ["Capture", "Reactor", "Primitives"], path: "Scripts/machine/probe",
            swiftSettings: house),

        // Tests.
        .target(
            name: "TestSupport",
            dependencies: ["Crypto", "Peer", "ICE", "SDP", "RTP", "SCTP", "STUN", "Primitives", "CZlib"],
            path: "Tests/TestSupport", swiftSettings: simulated),
        // Counts what asks for memory; linked into the test program alone, since sanitizers bring allocators of their own.
        .target(name: "CAllocations", path: "Tests/CAllocations"),
        tests("PrimitivesTests", []),
        tests("STUNTests", ["STUN", "Crypto", "FuzzBodies", "TestSupport"]),
        tests("ICETests", ["ICE", "STUN", "Crypto", "FuzzBodies", "TestSupport"]),
        tests("SDPTests", ["SDP", "FuzzBodies", "TestSupport"], exclude: ["Fixtures"]),
        tests("RTPTests", ["RTP", "FuzzBodies", "TestSupport"]),
        tests("SCTPTests", ["SCTP", "Crypto", "FuzzBodies", "TestSupport", "CAllocations"]),
        tests("CongestionTests", ["Congestion", "FuzzBodies", "TestSupport"]),
        tests("CryptoTests", ["Crypto", "COpenSSL", "FuzzBodies", "TestSupport"]),
        tests("SRTPTests", ["SRTP", "FuzzBodies", "TestSupport"]),
        tests("CodecsTests", ["Codecs", "FuzzBodies", "TestSupport"]),
        tests("CaptureTests", ["Capture", "Reactor", "TestSupport"]),
        tests("ReactorTests", ["Reactor", "TestSupport"]),
        tests(
            "PeerTests",
            [
                "Peer", "FuzzBodies", "TestSupport", "ICE", "SDP", "RTP", "SCTP", "STUN", "SRTP", "Congestion",
                "Crypto",
                "CAllocations", "COpenSSL",
            ]),
        tests("JSONTests", ["JSON"]),
        tests("SocketIOTests", ["SocketIO", "JSON", "TestSupport"]),
        tests("SignalingTests", ["Signaling", "JSON"]),
        tests("HTTPTests", ["HTTP", "FuzzBodies"]),
        tests("HTTPTransportTests", ["HTTPTransport", "HTTP", "Crypto", "Reactor"]),
        tests("ConfigurationTests", ["Configuration"]),
        tests("DatabaseTests", ["Database"]),
        tests("CompressionTests", ["Compression", "TestSupport"]),
        tests("AgentSettingsTests", ["AgentSettings", "Configuration"]),
        tests(
            "MediaTests",
            [
                "Media", "AgentSettings", "Capture", "Codecs", "Peer", "Reactor", "Signaling", "TestSupport",
                "CAllocations",
            ]),
        tests("PeerIOTests", ["PeerIO", "Media", "AgentSettings", "Peer", "Reactor", "Signaling", "TestSupport"]),
        tests("ServerLinkTests", ["ServerLink", "AgentSettings", "HTTPTransport", "HTTP", "Reactor", "Signaling"]),
        tests("CrewTests", ["Crew", "Media", "AgentSettings", "Database", "JSON", "Reactor", "Signaling"]),
        tests(
            "DoctorTests",
            [
                "Doctor", "AgentSettings", "Capture", "Configuration", "HTTPTransport", "HTTP", "JSON", "Peer",
                "Reactor", "STUN", "ServerLink", "Service", "Signaling",
            ]),
        tests(
            "KioskAgentTests",
            [
                "KioskAgent", "Doctor", "Crew", "ServerLink", "PeerIO", "Media", "AgentSettings", "Peer", "Capture",
                "JSON",
                "Configuration", "Database", "Reactor", "Signaling", "TestSupport",
            ]),
        tests("SessionRulesTests", ["SessionRules", "Signaling", "SocketIO", "JSON"]),
        tests("IdentityTests", ["Identity", "SessionRules", "Signaling", "JSON"]),
        tests("RecordsTests", ["Records", "Identity", "SessionRules", "Signaling", "SocketIO"]),
        tests(
            "RecordsSQLiteTests",
            [
                "RecordsSQLite", "Records", "Identity", "SessionRules", "Signaling", "SocketIO", "JSON", "Database",
                "Reactor", "Service",
            ]),
        tests(
            "SignalingServerTests",
            [
                "SignalingServer", "RecordsSQLite", "Records", "Identity", "SessionRules", "Signaling", "SocketIO",
                "JSON", "Database", "HTTPTransport", "HTTP", "Reactor", "Configuration", "TestSupport",
            ]),
        tests("ArchitectureTests", []),
    ],
    swiftLanguageModes: [.v6]
)

// libFuzzer brings its own `main` and wants everything instrumented, so the runner exists only when it is asked for.
if Context.environment["KIOSK_FUZZ"] != nil {
    package.products.append(.executable(name: "fuzz", targets: ["fuzz"]))
    package.targets.append(
        .executableTarget(
            name: "fuzz", dependencies: ["FuzzBodies"], path: "Fuzz/Runner",
            swiftSettings: house,
            linkerSettings: [.unsafeFlags(["-sanitize=fuzzer,address"])]))
}
