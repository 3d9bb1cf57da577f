internal import HTTPTransport
internal import Primitives
internal import Signaling
internal import SocketIO

extension Server {
    // MARK: The HTTP API

    func handleAPI(_ request: HTTPRequest, now: Moment) {
        do throws(SignalingError) {
            try route(request, now: now)
        } catch {
            fail(request.id, error)
        }
    }

    private func route(_ request: HTTPRequest, now: Moment) throws(SignalingError) {
        let path = request.path.split(separator: "/", omittingEmptySubsequences: false).dropFirst(2).map(String.init)
        switch (request.method, path.first ?? "", path.count) {
        case (.post, "auth", 2) where path[1] == "login": try logIn(request, now: now)
        case (.post, "auth", 2) where path[1] == "refresh": try refresh(request, now: now)
        case (.post, "auth", 2) where path[1] == "logout": try logOut(request, now: now)
        default: fail(request.id, 404, SignalingError(.notFound, "no such resource"))
        }
    }
}
