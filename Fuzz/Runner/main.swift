import FuzzBodies
import Glibc

// libFuzzer as a library: which body runs is the first argument, the rest is libFuzzer's own.

@_silgen_name("LLVMFuzzerRunDriver")
func runDriver(
    _ argumentCount: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
    _ body: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

nonisolated(unsafe) private var chosen = FuzzBody.sdp

// libFuzzer's own `main`, which the linker also takes in, wants this name.
@_cdecl("LLVMFuzzerTestOneInput")
func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    chosen.run(Array(UnsafeBufferPointer(start: start, count: count)))
    return 0
}

guard CommandLine.arguments.count > 1, let body = FuzzBody(rawValue: CommandLine.arguments[1]) else {
    print("usage: fuzz BODY [libFuzzer's arguments]; BODY is one of:")
    for body in FuzzBody.allCases { print("  \(body.rawValue)") }
    exit(2)
}
chosen = body
var count = CommandLine.argc - 1
var arguments = CommandLine.unsafeArgv + 1
exit(runDriver(&count, &arguments, testOneInput))
