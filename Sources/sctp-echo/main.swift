import Glibc
import Primitives

var port: UInt16 = 0
var peer: UInt16 = 0
var role = DTLSRole.client
var packetSize = 1188
var starts = true
var arguments = CommandLine.arguments.dropFirst()
while let argument = arguments.popFirst() {
    switch (argument, arguments.popFirst()) {
    case ("--port", let value?): port = UInt16(value) ?? 0
    case ("--peer", let value?): peer = UInt16(value) ?? 0
    case ("--role", let value?): role = DTLSRole(rawValue: value) ?? .client
    case ("--packet", let value?): packetSize = Int(value) ?? 1188
    case ("--start", let value?): starts = value == "yes"
    default:
        print("usage: sctp-echo --port PORT --peer PORT [--role client|server] [--start yes|no] [--packet 1188]")
        exit(2)
    }
}

guard let echo = Echo(port: port, peer: peer, role: role, packetSize: packetSize) else {
    print("sctp-echo: port \(port) is not free; choose another one")
    exit(1)
}
print("listening")
fflush(nil)
echo.run(starts: starts)
