// swift-tools-version: 6.2
import PackageDescription

// What Scripts/asan builds: see there.
let house: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableExperimentalFeature("Lifetimes"),
]

func library(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: house)
}

let package = Package(
    name: "asan",
    targets: [
        .systemLibrary(name: "CLinux"),
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl"),
        library("Primitives", []),
        library("Reactor", ["Primitives", "CLinux"]),
        library("Crypto", ["Primitives", "COpenSSL"]),
        library("HTTP", ["Primitives"]),
        library("HTTPTransport", ["HTTP", "Reactor", "Crypto", "Primitives"]),
        library("JSON", []),
        library("SocketIO", ["JSON", "Primitives"]),
        .executableTarget(
            name: "socketio-echo", dependencies: ["SocketIO", "JSON", "HTTPTransport", "HTTP", "Primitives"],
            swiftSettings: house),
        .testTarget(
            name: "HTTPTransportTests", dependencies: ["HTTPTransport", "HTTP", "Crypto", "Primitives"],
            swiftSettings: house),
    ],
    swiftLanguageModes: [.v6]
)
