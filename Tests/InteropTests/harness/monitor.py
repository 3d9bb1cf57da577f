"""A monitor made of other people's parts: python-socketio for signaling, aiortc for media."""

import asyncio
import contextlib
import functools
import re

import numpy
import socketio
from aioice.ice import CandidatePair
from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCSessionDescription
from aiortc.rtp import RtcpSrPacket
from aiortc.sdp import candidate_from_sdp

from .programs import PASSWORD, Server


def asynchronous(test):
    """Runs an async test on an event loop of its own."""

    @functools.wraps(test)
    def wrapper(*arguments, **options):
        asyncio.run(test(*arguments, **options))

    return wrapper


class Client:
    """A Socket.IO client of the server under an account. Remembers every event until somebody takes it."""

    def __init__(self, server: Server, name: str, password: str = PASSWORD) -> None:
        self.server = server
        self.name = name
        self.password = password
        self.socket = socketio.AsyncClient(reconnection=False)
        self.events: list[tuple[str, dict]] = []
        self.arrived = asyncio.Condition()
        self.socket.on("*", self._event)

    async def _event(self, name: str, *arguments) -> None:
        async with self.arrived:
            self.events.append((name, arguments[0] if arguments else {}))
            self.arrived.notify_all()

    async def connect(self, *, token: str | None = None, transports=("websocket",)) -> "Client":
        if token is None:
            token = (await asyncio.to_thread(self.server.login, self.name, self.password))["token"]
        await self.socket.connect(self.server.address, auth={"token": token}, transports=list(transports), wait_timeout=10)
        return self

    async def close(self) -> None:
        await self.socket.disconnect()

    async def __aenter__(self):
        return await self.connect()

    async def __aexit__(self, *_):
        await self.close()

    async def call(self, name: str, *payload) -> dict:
        """Emits with acknowledgement and gives that."""
        return await self.socket.call(name, payload[0] if payload else None, timeout=10)

    async def emit(self, name: str, *payload) -> None:
        await self.socket.emit(name, payload[0] if payload else None)

    async def expect(self, name: str, timeout: float = 10, **fields) -> dict:
        """Waits for an event with these fields and takes it out."""

        def find():
            for index, (event, payload) in enumerate(self.events):
                if event == name and all(payload.get(key) == value for key, value in fields.items()):
                    return index
            return None

        async with self.arrived:
            try:
                await asyncio.wait_for(self.arrived.wait_for(lambda: find() is not None), timeout)
            except TimeoutError:
                raise AssertionError(f"no {name} {fields or ''} in {timeout} s; seen {[event for event, _ in self.events]}") from None
            return self.events.pop(find())[1]

    async def nothing(self, name: str, seconds: float) -> None:
        """Asserts that an event does not come."""
        with contextlib.suppress(AssertionError):
            payload = await self.expect(name, seconds)
            raise LookupError(f"unexpected {name}: {payload}")

    async def register_monitor(self, **payload) -> list[dict]:
        answer = await self.call("register-monitor", payload or None)
        assert answer["ok"], answer
        return (await self.expect("kiosk-list"))["kiosks"]

    async def kiosk_online(self, kiosk: str = "KIOSK_01", timeout: float = 15) -> None:
        kiosks = await self.register_monitor()
        if not any(entry["kioskId"] == kiosk and entry["online"] for entry in kiosks):
            await self.expect("kiosk-online", timeout, kioskId=kiosk)


class Received:
    """What came of one media track, decoded."""

    def __init__(self) -> None:
        self.frames = 0
        self.sizes: set[tuple[int, int]] = set()
        self.peak = 0.0
        self.means: list[float] = []
        self.last: numpy.ndarray | None = None
        self.changed = 0
        self.tone = 0.0

    def video(self, frame) -> None:
        picture = frame.to_ndarray(format="gray")
        if self.last is not None and self.last.shape == picture.shape:
            self.changed += int(numpy.abs(self.last.astype(int) - picture).mean() > 0.1)
        self.last = picture
        self.frames += 1
        self.sizes.add((frame.width, frame.height))
        self.means.append(float(picture.mean()))

    def audio(self, frame) -> None:
        samples = frame.to_ndarray().reshape(-1, len(frame.layout.channels))[:, 0].astype(float)
        self.frames += 1
        self.peak = max(self.peak, float(numpy.abs(samples).max()))
        if len(samples) >= 480:
            spectrum = numpy.abs(numpy.fft.rfft(samples * numpy.hanning(len(samples))))
            self.tone = float(spectrum.argmax() * frame.sample_rate / len(samples))


class MediaClock:
    """What time a stream's RTP timestamps mean, by its sender reports (RFC 3550 section 6.4.1)."""

    def __init__(self, receiver, rate: int) -> None:
        self.receiver = receiver
        self.rate = rate
        self.report: tuple[int, int] | None = None
        handle = receiver._handle_rtcp_packet

        async def listen(packet) -> None:
            if isinstance(packet, RtcpSrPacket):
                self.report = packet.sender_info.ntp_timestamp, packet.sender_info.rtp_timestamp
            await handle(packet)

        receiver._handle_rtcp_packet = listen

    def seconds(self, pts: int) -> float:
        """The sender's time in seconds of a decoded frame, by the newest report."""
        assert self.report, "no sender report yet"
        ntp, timestamp = self.report
        # aiortc counts from the first timestamp it saw.
        origin = self.receiver._RTCRtpReceiver__timestamp_mapper._origin
        since = (origin + pts - timestamp + 2**31) % 2**32 - 2**31
        return (ntp >> 32) + (ntp & 0xFFFFFFFF) / 2**32 + since / self.rate


class Watch:
    """One kiosk watched with aiortc."""

    #: Added to the fmtp of Opus in the offer.
    fmtp = ""

    def __init__(self, client: Client, kiosk: str = "KIOSK_01", *, audio: bool = True, video: bool = True) -> None:
        self.client = client
        self.kiosk = kiosk
        self.want = [kind for kind, wanted in (("video", video), ("audio", audio)) if wanted]
        self.received = {"video": Received(), "audio": Received()}
        self.session: dict = {}
        self.has_all_candidates = False
        self.pc: RTCPeerConnection | None = None
        self.tasks: list[asyncio.Task] = []

    async def start(self, timeout: float = 15) -> "Watch":
        answer = await self.client.call("start-monitoring", {"kioskId": self.kiosk})
        assert answer["ok"], answer
        self.session = await self.client.expect("monitoring-started", kioskId=self.kiosk)
        servers = [RTCIceServer(**server) for server in self.session["iceServers"]]
        self.pc = RTCPeerConnection(RTCConfiguration(iceServers=servers))
        for kind in self.want:
            self.pc.addTransceiver(kind, direction="recvonly")
        self.pc.on("track", lambda track: self.tasks.append(asyncio.ensure_future(self._pump(track))))
        await self.pc.setLocalDescription(await self.pc.createOffer())
        description = {"type": "offer", "sdp": self.offer(self.pc.localDescription.sdp)}
        answer = await self.client.call("offer", {"targetId": self.kiosk, "offer": description})
        assert answer["ok"], answer
        await self.client.emit("ice-candidate", {"targetId": self.kiosk, "candidate": None})
        reply = await self.client.expect("answer", timeout, fromId=self.kiosk)
        # What was complete when the answer was made says so there.
        self.has_all_candidates = "a=end-of-candidates" in reply["answer"]["sdp"]
        await self.pc.setRemoteDescription(RTCSessionDescription(reply["answer"]["sdp"], "answer"))
        self.tasks.append(asyncio.ensure_future(self._candidates()))
        return self

    def offer(self, sdp: str) -> str:
        """What the kiosk gets of aiortc's own offer."""
        if self.fmtp:
            payload = re.search(r"a=rtpmap:(\d+) opus/", sdp).group(1)
            sdp = re.sub(rf"a=fmtp:{payload} .*\r\n", "", sdp)
            sdp = re.sub(rf"(a=rtpmap:{payload} opus/.*\r\n)", rf"\1a=fmtp:{payload} {self.fmtp}\r\n", sdp)
        return sdp

    def clocks(self) -> dict[str, MediaClock]:
        """From now on, the time of each kind's frames."""
        return {one.receiver.track.kind: MediaClock(one.receiver, 90_000 if one.kind == "video" else 48_000) for one in self.pc.getTransceivers()}

    async def _candidates(self) -> None:
        while True:
            event = await self.client.expect("ice-candidate", 3600, fromId=self.kiosk)
            line = (event["candidate"] or {}).get("candidate")
            if not line:
                self.has_all_candidates = True
                await self.pc.addIceCandidate(None)
                continue
            candidate = candidate_from_sdp(line.removeprefix("candidate:"))
            candidate.sdpMid = event["candidate"].get("sdpMid")
            candidate.sdpMLineIndex = event["candidate"].get("sdpMLineIndex")
            await self.pc.addIceCandidate(candidate)

    async def _pump(self, track) -> None:
        received = self.received[track.kind]
        with contextlib.suppress(Exception):
            while True:
                frame = await track.recv()
                (received.video if track.kind == "video" else received.audio)(frame)

    async def until(self, condition, timeout: float = 15, what: str = "") -> None:
        end = asyncio.get_running_loop().time() + timeout
        while not condition():
            seen = {kind: one.frames for kind, one in self.received.items()}
            assert asyncio.get_running_loop().time() < end, f"{what or 'media'}: {seen} after {timeout} s, {self.pc.connectionState}"
            await asyncio.sleep(0.02)

    async def frames(self, video: int = 0, audio: int = 0, timeout: float = 15) -> None:
        await self.until(lambda: self.received["video"].frames >= video and self.received["audio"].frames >= audio, timeout)

    async def close(self) -> None:
        """Closes our end, without a word to the server."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        if self.pc:
            await self.pc.close()

    async def vanish(self) -> None:
        """Our end is gone at once, as that of an application that was killed: nobody says goodbye to the kiosk."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        for transport in {one.receiver.transport for one in self.pc.getTransceivers()}:
            await transport.transport._connection.close()

    async def stop(self) -> dict:
        answer = await self.client.call("stop-monitoring", {"kioskId": self.kiosk})
        assert answer["ok"], answer
        stopped = await self.client.expect("monitoring-stopped", kioskId=self.kiosk)
        await self.close()
        return stopped


class LiteWatch(Watch):
    """An ICE-lite monitor (RFC 8445 section 2.5): it answers checks and sends none; the kiosk has to control and to nominate."""

    def offer(self, sdp: str) -> str:
        self.requests = []
        transports = {one.receiver.transport.transport for one in self.pc.getTransceivers()}
        for connection in (transport._connection for transport in transports):
            self._become_lite(connection)
        head, media = sdp.split("m=", 1)
        return super().offer(f"{head}a=ice-lite\r\nm={media}")

    def _become_lite(self, connection) -> None:
        connection.ice_controlling = False
        connection.switch_role = lambda ice_controlling: self.requests.append("role conflict")
        # Nothing of its own accord; a pair is good once the other side has checked it.
        connection._check_periodic = lambda: not connection._check_list_done

        async def check_start(pair) -> None:
            pair.nominated = pair.remote_nominated
            connection.check_state(pair, CandidatePair.State.SUCCEEDED)
            connection.check_complete(pair)

        async def query_consent() -> None:
            await asyncio.Event().wait()

        connection.check_start = check_start
        connection.query_consent = query_consent
        build = connection.build_request
        connection.build_request = lambda *pair, **how: self.requests.append("check") or build(*pair, **how)
