#!/usr/bin/env python3
"""A monitor in small: watches one kiosk and says what it sees and hears.

    pip install "python-socketio[asyncio_client]" aiohttp aiortc
    MONITOR_PASSWORD=… docs/examples/monitor.py https://signaling.example MONITOR_01 KIOSK_01 --seconds 30

python-socketio carries the signaling (docs/signaling.md), aiortc the media. It comes back after a lost connection as the
section "Coming back" there says: one log-in, refreshes, the sessions that it carries, waits with a random part.
"""

import argparse
import asyncio
import os
import random
import sys

import aiohttp
import socketio
from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from aiortc.sdp import candidate_from_sdp


class Refused(Exception):
    """The server says no; `code` is one of the table in docs/signaling.md."""

    def __init__(self, code: str, message: str, retry_after: float = 0) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.retry_after = retry_after


class Login:
    """Access and refresh token of one account."""

    def __init__(self, http: aiohttp.ClientSession, server: str, name: str, password: str) -> None:
        self.http = http
        self.server = server
        self.name = name
        self.password = password
        self.access: str | None = None
        self.refresh: str | None = None

    async def token(self) -> str:
        """The token that is there, or a new one. Only the server judges how old it is."""
        if self.access is None and self.refresh is not None:
            try:
                # Without an answer the same refresh token is sent again, by the next attempt.
                self._keep(await self._post("/api/auth/refresh", {"refreshToken": self.refresh}))
            except Refused as refusal:
                if refusal.code not in ("token-invalid", "token-expired"):
                    raise
                self.refresh = None
        if self.access is None:
            self._keep(await self._post("/api/auth/login", {"username": self.name, "password": self.password}))
        return self.access

    def refused(self, code: str) -> None:
        """The socket's CONNECT was refused: the same token is of no more use."""
        self.access = None
        if code != "token-expired":
            self.refresh = None

    def _keep(self, answer: dict) -> None:
        self.access, self.refresh = answer["token"], answer["refreshToken"]

    async def _post(self, path: str, body: dict) -> dict:
        async with self.http.post(self.server + path, json=body, timeout=aiohttp.ClientTimeout(total=10)) as response:
            answer = await response.json()
            if response.status == 200:
                return answer
            error = answer["error"]
            raise Refused(error["code"], error["message"], float(response.headers.get("Retry-After", 0)))


class Monitor:
    """One kiosk's picture and sound, for as long as somebody wants them."""

    def __init__(self, server: str, login: Login, kiosk: str) -> None:
        self.server = server
        self.login = login
        self.kiosk = kiosk
        self.session: str | None = None
        self.peer: RTCPeerConnection | None = None
        self.frames = {"video": 0, "audio": 0}
        self.size = (0, 0)
        self.over = asyncio.Event()
        self.wanted = True
        self._lost = asyncio.Event()
        self._refusal: dict | None = None
        self.socket = socketio.AsyncClient(reconnection=False)
        for name, handler in {
            "connect_error": self._connect_error, "disconnect": self._disconnected, "kiosk-list": self._list,
            "kiosk-online": self._entry, "kiosk-status": self._entry, "monitoring-started": self._started, "answer": self._answer,
            "ice-candidate": self._candidate, "restart-request": self._restart, "session-error": self._trouble,
            "monitoring-stopped": self._stopped,
        }.items():
            self.socket.on(name, handler)

    async def run(self) -> None:
        """Connects, and comes back after every loss until `stop`."""
        attempts = 0
        while self.wanted:
            try:
                self._lost.clear()
                self._refusal = None
                await self.socket.connect(self.server, auth={"token": await self.login.token()}, transports=["websocket"])
                attempts = 0
                # The server ends what is not named here, and says how what is named has ended.
                await self._call("register-monitor", {"sessions": [self.session] if self.session else []})
                await self._lost.wait()
                wait = 0.0
            except (socketio.exceptions.ConnectionError, aiohttp.ClientError, TimeoutError) as error:
                code = ((self._refusal or {}).get("data") or {}).get("code")
                if code:
                    self.login.refused(code)
                print(f"no connection: {code or error}", file=sys.stderr)
                wait = 0.0
            except Refused as refusal:
                if refusal.code in ("invalid-credentials", "account-disabled", "forbidden"):
                    raise
                print(f"refused: {refusal}", file=sys.stderr)
                wait = refusal.retry_after
            if self.wanted:
                # A thousand clients lose a server at the same moment: each comes back at another one.
                await asyncio.sleep(max(wait, min(30, 2**attempts) * random.uniform(0.5, 1)))
                attempts += 1

    async def stop(self) -> None:
        self.wanted = False
        if self.session and self.socket.connected:
            await self._call("stop-monitoring", {"kioskId": self.kiosk})
        await self._close()
        await self.socket.disconnect()
        self._lost.set()

    async def _call(self, event: str, payload: dict) -> dict:
        answer = await self.socket.call(event, payload, timeout=10)
        if not answer["ok"]:
            raise Refused(answer["error"]["code"], answer["error"]["message"])
        return answer

    # ---- what the server says

    async def _connect_error(self, refusal) -> None:
        self._refusal = refusal if isinstance(refusal, dict) else None

    async def _disconnected(self, *_) -> None:
        self._lost.set()

    async def _list(self, payload: dict) -> None:
        for entry in payload["kiosks"]:
            await self._entry(entry)

    async def _entry(self, entry: dict) -> None:
        """Our kiosk is there, and free or ours: watch it."""
        if entry["kioskId"] != self.kiosk or not entry["online"] or entry["monitoredBy"] or self.session:
            return
        try:
            await self._call("start-monitoring", {"kioskId": self.kiosk})
        except Refused as refusal:
            # kiosk-busy and kiosk-offline end with another kiosk-status or kiosk-online.
            print(refusal, file=sys.stderr)

    async def _started(self, payload: dict) -> None:
        if payload["kioskId"] != self.kiosk or payload["sessionId"] == self.session:
            return
        await self._close()
        self.session = payload["sessionId"]
        servers = [RTCIceServer(one["urls"], one.get("username"), one.get("credential")) for one in payload["iceServers"]]
        self.peer = RTCPeerConnection(RTCConfiguration(servers))
        self.peer.addTransceiver("video", direction="recvonly")
        self.peer.addTransceiver("audio", direction="recvonly")
        self.peer.on("track", lambda track: asyncio.ensure_future(self._receive(track)))
        await self._offer()

    async def _offer(self) -> None:
        # aiortc gathers all candidates before it offers: none is sent one by one.
        await self.peer.setLocalDescription(await self.peer.createOffer())
        offer = {"type": self.peer.localDescription.type, "sdp": self.peer.localDescription.sdp}
        await self._call("offer", {"targetId": self.kiosk, "sessionId": self.session, "offer": offer})

    async def _answer(self, payload: dict) -> None:
        if payload["sessionId"] == self.session:
            await self.peer.setRemoteDescription(RTCSessionDescription(**payload["answer"]))

    async def _candidate(self, payload: dict) -> None:
        candidate = payload["candidate"]
        if payload["sessionId"] != self.session or not candidate or not candidate["candidate"]:
            return
        parsed = candidate_from_sdp(candidate["candidate"].removeprefix("candidate:"))
        parsed.sdpMid, parsed.sdpMLineIndex = candidate.get("sdpMid"), candidate.get("sdpMLineIndex")
        await self.peer.addIceCandidate(parsed)

    async def _restart(self, payload: dict) -> None:
        """The kiosk lost its path. aiortc knows no ICE restart: the session begins anew."""
        if payload["sessionId"] == self.session:
            await self._call("stop-monitoring", {"kioskId": self.kiosk})

    async def _trouble(self, payload: dict) -> None:
        print(f"the kiosk says: {payload['error']['code']}: {payload['error']['message']}", file=sys.stderr)

    async def _stopped(self, payload: dict) -> None:
        """Whatever the reason is, also one that this program does not know: the session is over."""
        if payload["sessionId"] != self.session:
            return
        print(f"stopped: {payload['reason']}")
        self.session = None
        await self._close()
        self.over.set()

    # ---- media

    async def _receive(self, track) -> None:
        try:
            while True:
                frame = await track.recv()
                self.frames[track.kind] += 1
                if track.kind == "video":
                    self.size = (frame.width, frame.height)
        except MediaStreamError:
            pass

    async def _close(self) -> None:
        peer, self.peer = self.peer, None
        if peer:
            await peer.close()


async def main() -> None:
    parser = argparse.ArgumentParser(description="Watches one kiosk; the password is in MONITOR_PASSWORD.")
    parser.add_argument("server")
    parser.add_argument("name")
    parser.add_argument("kiosk")
    parser.add_argument("--seconds", type=float, default=30)
    options = parser.parse_args()
    async with aiohttp.ClientSession() as http:
        login = Login(http, options.server, options.name, os.environ["MONITOR_PASSWORD"])
        monitor = Monitor(options.server, login, options.kiosk)
        running = asyncio.create_task(monitor.run())
        await asyncio.wait({running}, timeout=options.seconds)
        if running.done():
            return running.result()
        await monitor.stop()
        await running
        print(f"{monitor.frames['video']} pictures of {monitor.size[0]}x{monitor.size[1]}, {monitor.frames['audio']} pieces of sound")


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except Refused as refusal:
        sys.exit(str(refusal))
