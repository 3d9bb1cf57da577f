import ICE
import Primitives
import Testing

@testable import Peer

/// What the session makes of the path that ICE chooses.
@Suite struct PathWatchTests {
    private func path(_ port: UInt16, nominated: Bool = true) -> SelectedPath {
        SelectedPath(
            base: SocketAddress(address: .v4(0x0A00_0001), port: port),
            remote: SocketAddress(address: .v4(0x0A00_0002), port: 5000), localType: .host, remoteType: .host,
            isNominated: nominated)
    }

    @Test func onlyAnotherPathBeginsThePictureAnew() {
        var watch = PathWatch()
        #expect(watch.selected(path(1, nominated: false)) == PathWatch.Change(isAnother: false, endsLoss: false))
        // The same pair, now decided for.
        #expect(watch.selected(path(1)) == PathWatch.Change(isAnother: false, endsLoss: false))
        #expect(watch.selected(path(2)) == PathWatch.Change(isAnother: true, endsLoss: false))
        #expect(watch.selected(nil) == PathWatch.Change(isAnother: false, endsLoss: false))
        // The same one again, after pictures were dropped.
        #expect(watch.selected(path(2)) == PathWatch.Change(isAnother: true, endsLoss: true))
        #expect(watch.selected(path(2)) == PathWatch.Change(isAnother: false, endsLoss: false))
    }

    @Test func aLossBeforeTheFirstPathIsNone() {
        var watch = PathWatch()
        _ = watch.selected(nil)
        #expect(watch.selected(path(1)) == PathWatch.Change(isAnother: false, endsLoss: true))
    }

    @Test func eachIsToldOnce() {
        var watch = PathWatch()
        func quiet() -> Bool { watch.wentQuiet() }
        func carries() -> Bool { watch.carriesAgain() }
        func release() -> Bool { watch.release() }
        let quietness = [carries(), quiet(), quiet(), carries(), carries(), quiet()]
        #expect(quietness == [false, true, false, true, false, true])
        let released = [release(), release()]
        #expect(released == [true, false])
    }
}
