import Glibc
import Reactor
import Testing

@Suite struct SystemErrorTests {
    @Test func itSaysWhatWasDoneAndWhy() {
        #expect(
            "\(SystemError("bind 192.0.2.1:0", EADDRNOTAVAIL))" == "bind 192.0.2.1:0: cannot assign requested address")
    }
}
