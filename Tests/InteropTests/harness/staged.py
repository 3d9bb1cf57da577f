"""A server that plays what a test asks for: the console's counterpart for what the real server does only once in a while.

It serves the console's own files from the source tree with a content security policy as strict as the real one's, speaks the signaling contract through
python-socketio, and answers offers with aiortc (a moving picture and a tone)."""

import asyncio
import datetime
import fractions
import pathlib
import re
import threading
import time

import numpy
import socketio
from aiohttp import web
from aiortc import AudioStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription, VideoStreamTrack
from aiortc.sdp import candidate_from_sdp
from av import AudioFrame, VideoFrame

FILES = pathlib.Path(__file__).resolve().parents[3] / "Sources" / "ConsolePage" / "Page"
POLICY = (
    "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "frame-ancestors 'none'; form-action 'self'"
)


def ufrag(sdp: str) -> str:
    return re.search(r"a=ice-ufrag:(\S+)", sdp)[1]


def iso(moment: float | None = None) -> str:
    at = datetime.datetime.fromtimestamp(moment if moment is not None else time.time(), datetime.UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Picture(VideoStreamTrack):
    """A bar that wanders over a field, unless it is told to stand still: then no picture comes."""

    def __init__(self, stands_still, ground) -> None:
        super().__init__()
        self.ground = ground
        self.count = 0
        self.stands_still = stands_still

    async def recv(self) -> VideoFrame:
        while self.stands_still():
            await asyncio.sleep(0.01)
        pts, time_base = await self.next_timestamp()
        field = numpy.zeros((360, 640, 3), numpy.uint8)
        field[:, :] = self.ground
        left = (self.count * 8) % 600
        field[100:200, left : left + 40] = (255, self.ground[1], self.ground[2])
        self.count += 1
        frame = VideoFrame.from_ndarray(field, format="rgb24")
        frame.pts, frame.time_base = pts, time_base
        return frame


class Tone(AudioStreamTrack):
    """440 Hz."""

    def __init__(self) -> None:
        super().__init__()
        self.samples, self.began = 0, None

    async def recv(self) -> AudioFrame:
        self.began = self.began or time.time()
        await asyncio.sleep(max(0, self.began + self.samples / 48_000 - time.time()))
        wave = numpy.sin(2 * numpy.pi * 440 * (numpy.arange(960) + self.samples) / 48_000) * 12_000
        frame = AudioFrame.from_ndarray(wave.astype(numpy.int16).reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, self.samples, fractions.Fraction(1, 48_000)
        self.samples += 960
        return frame


class StagedServer:
    """Runs on a thread of its own. Everything a test may set is a plain attribute; what came is in `heard`."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.kiosks = [
            {"kioskId": "KIOSK_01", "displayName": "Crew lobby, Central", "online": True, "lastSeen": iso(), "monitoredBy": None, "status": {"camera": "ok"}},
            {"kioskId": "KIOSK_02", "displayName": "Platform 4, Central", "online": True, "lastSeen": iso(), "monitoredBy": None, "status": {"camera": "missing", "outbox": 3}},
            {"kioskId": "KIOSK_03", "displayName": "Depot North", "online": False, "lastSeen": iso(time.time() - 4000), "monitoredBy": None, "status": None},
            {"kioskId": "KIOSK_04", "displayName": "Depot South", "online": True, "lastSeen": iso(), "monitoredBy": "MONITOR_07", "status": {}},
        ]
        self.password = "secret"
        self.role = "monitor"
        self.token_count = 0
        self.token_lifetime = 900.0
        self.connect_tokens: list[str] = []
        self.refuse_connect: list[str] = []
        self.refuse_refresh: str | None = None
        #: How many answers to refreshes are lost on their way.
        self.lose_refreshes = 0
        self.refuse_start: dict[str, dict] = {}
        self.refuse_offers = 0
        self.answer_offers = True
        self.candidates_first = False
        self.tracks = ("video", "audio")
        self.picture_stands_still = False
        #: Red, green and blue of the field behind the bar.
        self.picture_ground = (0, 60, 0)
        #: The sessions that the server says it still knows; None for one that does not say.
        self.known_sessions: list[str] | None = None
        #: How many times a file does not come, by its name.
        self.withheld: dict[str, int] = {}
        self.heard: list[tuple[str, object]] = []
        self.peers: dict[str, RTCPeerConnection] = {}
        self.early: dict[str, list] = {}
        self.sid: str | None = None

    # Running

    def __enter__(self) -> "StagedServer":
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.do(self._start())
        return self

    def __exit__(self, *_) -> None:
        self.do(self._stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()

    def do(self, work):
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(20)

    def emit(self, name: str, payload) -> None:
        self.do(self.io.emit(name, payload))

    def drop(self) -> None:
        """Cuts the connection without a word."""
        self.do(self.io.eio.sockets[self.io.manager.eio_sid_from_sid(self.sid, "/")].close(wait=False, abort=True))

    def freeze(self, seconds: float) -> None:
        """The server hangs: sockets stay open, nothing moves."""
        self.loop.call_soon_threadsafe(time.sleep, seconds)

    def names(self) -> list[str]:
        return [name for name, _ in list(self.heard)]

    def last(self, name: str):
        return next(payload for heard, payload in reversed(list(self.heard)) if heard == name)

    async def _start(self) -> None:
        self.io = socketio.AsyncServer(async_mode="aiohttp", ping_interval=1, ping_timeout=1, cors_allowed_origins="*")
        application = web.Application()
        self.io.attach(application)
        for name in ("register-monitor", "start-monitoring", "stop-monitoring", "offer", "ice-candidate"):
            self.io.on(name, self._handler(name))
        self.io.on("connect", self._connect)
        application.router.add_post("/api/auth/login", self._login)
        application.router.add_post("/api/auth/refresh", self._refresh)
        application.router.add_post("/api/auth/logout", self._logout)
        application.router.add_delete("/api/sessions/{session}", self._delete)
        application.router.add_get("/{name:[a-z./]*}", self._file)
        self.runner = web.AppRunner(application)
        await self.runner.setup()
        site = web.TCPSite(self.runner, self.host, 0)
        await site.start()
        self.address = f"http://{self.host}:{site._server.sockets[0].getsockname()[1]}"

    async def _stop(self) -> None:
        for peer in self.peers.values():
            await peer.close()
        await self.runner.cleanup()

    # HTTP

    def _account(self) -> web.Response:
        self.token_count += 1
        user = {"id": "MONITOR_01", "role": self.role, "organization": "Northern Line", "displayName": "Asha Rao"}
        return web.json_response({
            "token": f"token-{self.token_count}", "expiresAt": iso(time.time() + self.token_lifetime), "refreshToken": f"refresh-{self.token_count}", "user": user,
        })

    async def _login(self, request: web.Request) -> web.Response:
        body = await request.json()
        if body["password"] == self.password:
            return self._account()
        return web.json_response({"error": {"code": "invalid-credentials", "message": "no"}}, status=401)

    async def _refresh(self, request: web.Request) -> web.Response:
        self.heard.append(("refresh", await request.json()))
        if self.lose_refreshes > 0:
            self.lose_refreshes -= 1
            # Cut off behind its head: a browser asks again by itself for what nothing came of.
            answer = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": "300"})
            await answer.prepare(request)
            await answer.write(self._account().body[:20])
            request.transport.abort()
            return answer
        if self.refuse_refresh:
            return web.json_response({"error": {"code": self.refuse_refresh, "message": "no"}}, status=401)
        return self._account()

    async def _logout(self, request: web.Request) -> web.Response:
        self.heard.append(("logout", request.headers.get("Authorization")))
        return web.Response(status=204)

    async def _delete(self, request: web.Request) -> web.Response:
        self.heard.append(("delete", (request.match_info["session"], request.headers.get("Authorization"))))
        return web.Response(status=204)

    async def _file(self, request: web.Request) -> web.StreamResponse:
        path = FILES / (request.match_info["name"] or "index.html")
        if self.withheld.get(path.name, 0) > 0:
            self.withheld[path.name] -= 1
            raise web.HTTPBadGateway
        if not path.is_file():
            raise web.HTTPNotFound
        return web.FileResponse(path, headers={"Content-Security-Policy": POLICY, "Cache-Control": "no-store"})

    # Signaling

    async def _connect(self, sid: str, _environment, auth) -> None:
        self.connect_tokens.append((auth or {}).get("token"))
        if self.refuse_connect:
            code = self.refuse_connect.pop(0)
            raise socketio.exceptions.ConnectionRefusedError(code, {"code": code})
        self.sid = sid

    def _handler(self, name: str):
        async def handle(sid: str, payload=None):
            self.heard.append((name, payload))
            return await getattr(self, "_" + name.replace("-", "_"))(sid, payload)

        return handle

    async def _register_monitor(self, sid: str, _payload) -> dict:
        await self.io.emit("kiosk-list", {"kiosks": self.kiosks}, to=sid)
        return {"ok": True} if self.known_sessions is None else {"ok": True, "sessions": self.known_sessions}

    async def _start_monitoring(self, sid: str, payload: dict) -> dict:
        kiosk = payload["kioskId"]
        if kiosk in self.refuse_start:
            return {"ok": False, "error": self.refuse_start[kiosk]}
        await self.io.emit("monitoring-started", {"kioskId": kiosk, "sessionId": f"s-{kiosk}", "iceServers": []}, to=sid)
        return {"ok": True}

    async def _stop_monitoring(self, _sid: str, payload: dict) -> dict:
        peer = self.peers.pop(payload["kioskId"], None)
        if peer:
            await peer.close()
        return {"ok": True}

    async def _offer(self, sid: str, payload: dict) -> dict:
        if self.refuse_offers > 0:
            self.refuse_offers -= 1
            return {"ok": False, "error": {"code": "no-session", "message": "no session with this kiosk"}}
        if self.answer_offers:
            asyncio.ensure_future(self._answer(sid, payload))
        return {"ok": True}

    async def _answer(self, sid: str, payload: dict) -> None:
        kiosk = payload["targetId"]
        old = self.peers.get(kiosk)
        sdp = payload["offer"]["sdp"]
        if old and old.connectionState == "connected" and ufrag(old.remoteDescription.sdp) == ufrag(sdp):
            await old.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
            await old.setLocalDescription(await old.createAnswer())
            answer = {"type": "answer", "sdp": old.localDescription.sdp}
            await self.io.emit("answer", {"fromId": kiosk, "sessionId": f"s-{kiosk}", "answer": answer}, to=sid)
            return
        self.peers.pop(kiosk, None)
        if old:
            await old.close()
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        await peer.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
        for kind, track in (("video", lambda: Picture(lambda: self.picture_stands_still, self.picture_ground)), ("audio", Tone)):
            if kind in self.tracks:
                peer.addTrack(track())
        await peer.setLocalDescription(await peer.createAnswer())
        lines = peer.localDescription.sdp.splitlines()
        common = {"fromId": kiosk, "sessionId": f"s-{kiosk}"}
        if self.candidates_first:
            for line in [one for one in lines if one.startswith("a=candidate:")]:
                await self.io.emit("ice-candidate", {**common, "candidate": {"candidate": line[2:], "sdpMid": "0", "sdpMLineIndex": 0}}, to=sid)
            await self.io.emit("ice-candidate", {**common, "candidate": None}, to=sid)
            lines = [one for one in lines if not one.startswith(("a=candidate:", "a=end-of-candidates"))]
        sdp = "\r\n".join(lines) + "\r\n"
        await self.io.emit("answer", {**common, "answer": {"type": "answer", "sdp": sdp}}, to=sid)
        self.peers[kiosk] = peer
        for candidate in self.early.pop(kiosk, []):
            await self._add(peer, candidate)

    async def _ice_candidate(self, _sid: str, payload: dict) -> dict:
        peer = self.peers.get(payload["targetId"])
        if peer:
            await self._add(peer, payload["candidate"])
        else:
            self.early.setdefault(payload["targetId"], []).append(payload["candidate"])
        return {"ok": True}

    async def _add(self, peer: RTCPeerConnection, candidate: dict | None) -> None:
        if not candidate or not candidate.get("candidate"):
            await peer.addIceCandidate(None)
            return
        parsed = candidate_from_sdp(candidate["candidate"].removeprefix("candidate:"))
        parsed.sdpMid, parsed.sdpMLineIndex = candidate["sdpMid"], candidate["sdpMLineIndex"]
        await peer.addIceCandidate(parsed)


