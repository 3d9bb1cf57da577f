// swift-tools-version: 6.2
import PackageDescription

// What Scripts/tsan builds: see there.
let house: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableExperimentalFeature("Lifetimes"),
]

let package = Package(
    name: "tsan",
    targets: [
        .systemLibrary(name: "CLinux"),
        .target(name: "Primitives", swiftSettings: house),
        .target(name: "Reactor", dependencies: ["Primitives", "CLinux"], swiftSettings: house),
        // What the media threads and the network thread share, without the codecs and devices around it.
        .target(name: "AgentSettings", swiftSettings: house),
        .target(name: "Media", dependencies: ["AgentSettings", "Reactor", "Primitives"], swiftSettings: house),
        .testTarget(
            name: "MediaThreadTests", dependencies: ["Media", "AgentSettings", "Reactor", "Primitives"],
            swiftSettings: house),
        .testTarget(name: "PrimitivesTests", dependencies: ["Primitives"], swiftSettings: house),
        .testTarget(name: "ReactorTests", dependencies: ["Reactor", "Primitives"], swiftSettings: house),
    ],
    swiftLanguageModes: [.v6]
)
