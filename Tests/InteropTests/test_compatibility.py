"""The release before this one, as it was recorded: its kiosk against this server, and its server against this kiosk.

compatibility/transcript.json is one conversation of kiosk-agent and kiosk-signaling of release 0.1.0 (commit 66339b7): log-in,
registration, heartbeats, a crew member who comes and goes, and a session with media. compatibility/release_before.py recorded it,
and runs the real programs of that release against this one's (`make test-compatibility`)."""

import asyncio
import json
import pathlib
import threading

import socketio
from aiohttp import web

from harness import network
from harness.monitor import Client, Watch, asynchronous
from harness.programs import PASSWORD, Agent, eventually, free_port, running

TRANSCRIPT = json.loads((pathlib.Path(__file__).parent / "compatibility" / "transcript.json").read_text())


def recorded(who: str, event: str) -> dict:
    """The first such event."""
    return next(one for one in TRANSCRIPT if one["from"] == who and one.get("event") == event)["payload"]


def has_members_of(older, newer, place: str = "") -> None:
    """Whatever the older one has the newer one has too, as the same kind of value; it may have more."""
    if isinstance(older, dict):
        assert isinstance(newer, dict), place
        for name, value in older.items():
            assert name in newer, f"{place}.{name} is missing in {newer}"
            has_members_of(value, newer[name], f"{place}.{name}")
    elif isinstance(older, list):
        assert isinstance(newer, list), place
    elif older is not None and newer is not None:
        numbers = (int, float)
        assert type(older) is type(newer) or (isinstance(older, numbers) and isinstance(newer, numbers)), f"{place}: {older!r}, now {newer!r}"


@asynchronous
async def test_the_older_kiosk_says_what_it_said(server):
    """Every event of the older kiosk is taken, and every event it got then has the members it reads."""
    login = next(one for one in TRANSCRIPT if one.get("http") == "POST /api/auth/login")
    status, answer = server.post("/api/auth/login", {**login["body"], "password": PASSWORD})
    assert status == 200
    has_members_of(next(one for one in TRANSCRIPT if one.get("status") == 200)["body"], answer, "login")

    async with Client(server, "MONITOR_01") as monitor:
        kiosk = Client(server, "KIOSK_01")
        await kiosk.connect(token=answer["token"])
        then = {"session": recorded("server", "monitoring-started")["sessionId"]}
        now: dict[str, str] = {}

        def translated(payload):
            return json.loads(json.dumps(payload).replace(then["session"], now.get("session", "none")))

        async def happen(event: str) -> None:
            """What made the server say this then."""
            match event:
                case "monitoring-started":
                    await monitor.register_monitor()
                    assert (await monitor.call("start-monitoring", {"kioskId": "KIOSK_01"}))["ok"]
                    now["session"] = (await monitor.expect("monitoring-started"))["sessionId"]
                case "offer":
                    assert (await monitor.call("offer", {"targetId": "KIOSK_01", "offer": recorded("server", "offer")["offer"]}))["ok"]
                case "ice-candidate":
                    assert (await monitor.call("ice-candidate", {"targetId": "KIOSK_01", "candidate": None}))["ok"]
                case "monitoring-stopped":
                    assert (await monitor.call("stop-monitoring", {"kioskId": "KIOSK_01"}))["ok"]

        said = 0
        for one in TRANSCRIPT:
            if one.get("event") is None:
                continue
            if one["from"] == "client":
                reply = await kiosk.call(one["event"], translated(one["payload"]))
                assert reply["ok"], (one["event"], reply)
                said += 1
            else:
                await happen(one["event"])
                has_members_of(one["payload"], await kiosk.expect(one["event"], 5), one["event"])
        assert said >= 8
        # What it told the monitor arrived.
        assert (await monitor.expect("answer"))["answer"]["type"] == "answer"
        await kiosk.close()


class OlderServer:
    """The recorded server: it answers with what it answered then, refuses what it did not know, and forwards to one monitor."""

    known = {"register-kiosk", "heartbeat-ping", "crew-sign-on", "crew-sign-off", "answer", "ice-candidate", "restart-request", "session-error", "session-report"}

    def __init__(self, port: int) -> None:
        self.port = port
        self.heard: list[tuple[str, dict]] = []
        self.problems: list[str] = []
        self.loop = asyncio.new_event_loop()
        self.sio = socketio.AsyncServer(async_mode="aiohttp")
        self.sio.on("connect", lambda sid, environ, auth: None)
        self.sio.on("*", self._event)
        self.kiosk: str | None = None
        app = web.Application()
        app.router.add_post("/api/auth/login", self._login)
        self.sio.attach(app)
        self.runner = web.AppRunner(app)
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        self.loop.run_until_complete(self.runner.setup())
        self.loop.run_until_complete(web.TCPSite(self.runner, network.MONITOR, self.port).start())
        self.loop.run_forever()

    async def _login(self, request: web.Request) -> web.Response:
        return web.json_response(next(one for one in TRANSCRIPT if one.get("status") == 200)["body"])

    async def _event(self, name: str, sid: str, payload: dict | None = None) -> dict:
        self.heard.append((name, payload))
        if name not in self.known:
            return {"ok": False, "error": {"code": "unknown-event", "message": f"no such event: {name}"}}
        match name:
            case "register-kiosk":
                self.kiosk = sid
                await self.sio.emit("kiosk-registered", recorded("server", "kiosk-registered"), to=sid)
            case "heartbeat-ping":
                await self.sio.emit("heartbeat-pong", recorded("server", "heartbeat-pong"), to=sid)
        return {"ok": True}

    def do(self, work):
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(10)

    def say(self, name: str, payload: dict) -> None:
        self.do(self.sio.emit(name, payload, to=self.kiosk))

    def first(self, name: str) -> dict | None:
        return next((payload for event, payload in self.heard if event == name), None)

    def stop(self) -> None:
        self.do(self.sio.shutdown())
        self.do(self.runner.cleanup())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)


class Relay:
    """The monitor's side of the recorded server, as `Watch` uses a client."""

    def __init__(self, server: OlderServer) -> None:
        self.server = server
        self.session = recorded("server", "monitoring-started")

    async def call(self, name: str, payload: dict) -> dict:
        about = {"fromId": self.session["monitorId"], "sessionId": self.session["sessionId"]}
        match name:
            case "start-monitoring":
                await asyncio.to_thread(self.server.say, "monitoring-started", self.session)
            case "offer":
                await asyncio.to_thread(self.server.say, "offer", {**about, "offer": payload["offer"]})
            case "ice-candidate":
                await asyncio.to_thread(self.server.say, "ice-candidate", {**about, "candidate": payload["candidate"]})
            case "stop-monitoring":
                stopped = {**recorded("server", "monitoring-stopped"), "sessionId": about["sessionId"]}
                await asyncio.to_thread(self.server.say, "monitoring-stopped", stopped)
        return {"ok": True}

    async def emit(self, name: str, payload: dict) -> None:
        await self.call(name, payload)

    async def expect(self, name: str, timeout: float = 10, **_) -> dict:
        if name == "monitoring-started":
            return {"kioskId": "KIOSK_01", "sessionId": self.session["sessionId"], "iceServers": []}
        if name == "monitoring-stopped":
            return recorded("server", "monitoring-stopped")
        end = asyncio.get_running_loop().time() + timeout
        while True:
            for index, (event, payload) in enumerate(self.server.heard):
                if event == name and "taken" not in payload:
                    self.server.heard[index] = (event, {**payload, "taken": True})
                    return {"fromId": "KIOSK_01", **payload}
            assert asyncio.get_running_loop().time() < end, f"no {name}"
            await asyncio.sleep(0.02)


@asynchronous
async def test_this_kiosk_serves_at_the_older_server(wire, folder):
    """Registration, crew events and a session with media; all that the older server checked is there."""
    server = OlderServer(free_port(network.MONITOR))
    server.thread.start()
    agent = Agent(folder, f"http://{network.MONITOR}:{server.port}", prefix=wire.prefix)
    try:
        with running(agent):
            await asyncio.to_thread(eventually, lambda: server.first("heartbeat-ping"), 20, "not registered")
            await asyncio.to_thread(agent.crew, "sign-on", "4711", name="Asha Rao", role="driver", train="IC 204")
            await asyncio.to_thread(eventually, lambda: server.first("crew-sign-on"), 20, "no crew event")
            watch = await Watch(Relay(server)).start()
            await watch.frames(video=60, audio=100)
            await asyncio.to_thread(eventually, lambda: server.first("session-report"), 10, "no report")
            await watch.stop()
            await asyncio.to_thread(eventually, lambda: agent.status()["session"] is None, 10, "the session goes on")
            assert agent.stop() == 0
        for name in ("register-kiosk", "heartbeat-ping", "crew-sign-on", "answer", "session-report"):
            has_members_of(recorded("client", name), server.first(name), name)
        # It asked for nothing that the older server does not know.
        assert {event for event, _ in server.heard} <= server.known
    finally:
        server.stop()


@asynchronous
async def test_an_older_console_keeps_its_contract(server):
    """A client that says neither who it is among its account's nor what it can: grace, `sessions` and taking back work for all of the account's."""
    async with Client(server, "KIOSK_01") as kiosk:
        assert (await kiosk.call("register-kiosk", {"version": "0.1.0"}))["ok"]
        console = await Client(server, "MONITOR_01").connect()
        await console.register_monitor()
        assert (await console.call("start-monitoring", {"kioskId": "KIOSK_01"}))["ok"]
        session = (await console.expect("monitoring-started"))["sessionId"]
        # Its connection is lost; within the grace period it goes on, without naming anything.
        await console.close()
        console = await Client(server, "MONITOR_01").connect()
        await console.register_monitor()
        assert (await console.call("offer", {"targetId": "KIOSK_01", "offer": {"type": "offer", "sdp": "v=0\r\n"}}))["ok"]
        assert (await kiosk.expect("offer"))["sessionId"] == session
        # It comes back and carries nothing any more.
        await console.close()
        console = await Client(server, "MONITOR_01").connect()
        await console.register_monitor(sessions=[])
        stopped = await kiosk.expect("monitoring-stopped", 5, sessionId=session)
        assert stopped["reason"] == "monitor-disconnected"
        await console.close()
