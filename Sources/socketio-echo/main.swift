import Glibc
import HTTP
import HTTPTransport
import JSON
import Primitives
import SocketIO

func clockNow() -> Instant {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Instant(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
}

// The figures that the conformance suites expect of the server under test.
var configuration = SocketIOServerConfiguration()
configuration.pingInterval = .milliseconds(300)
configuration.pingTimeout = .milliseconds(200)
configuration.maximumPayload = 1_000_000
configuration.connectTimeout = .milliseconds(1000)
configuration.namespaces = ["/", "/custom"]

var port: UInt16 = 3000
var arguments = CommandLine.arguments.dropFirst()
while let argument = arguments.popFirst() {
    switch (argument, arguments.popFirst()) {
    case ("--port", let value?): port = UInt16(value) ?? 3000
    // Load programs hold connections for longer than the suites' figures allow.
    case ("--ping-interval", let value?): configuration.pingInterval = .milliseconds(Int(value) ?? 300)
    case ("--ping-timeout", let value?): configuration.pingTimeout = .milliseconds(Int(value) ?? 200)
    default:
        print("usage: socketio-echo [--port 3000] [--ping-interval ms] [--ping-timeout ms]")
        exit(2)
    }
}

do {
    let echo = try Echo(port: port, configuration: configuration)
    print("listening on \(echo.address)")
    fflush(nil)
    echo.run()
} catch {
    print("socketio-echo: \(error)")
    exit(1)
}
