"""Unmodified Socket.IO clients against the real server: socket.io-client 4.8 in both browsers and Node, python-socketio synchronous and
asynchronous. And our own client, the kiosk's, against python-socketio's server."""

import asyncio
import importlib.util
import json
import pathlib
import shutil
import subprocess
import threading
import time

import pytest
import socketio
from aiohttp import web

from conftest import peer_missing
from harness import network
from harness.monitor import Client, asynchronous
from harness.programs import PASSWORD, Agent, eventually, free_port, running
from test_protocol import echo  # noqa: F401

TRANSPORTS = {"polling": ["polling"], "websocket": ["websocket"], "upgrade": ["polling", "websocket"]}


def socket_io_client() -> str:
    folder = importlib.util.find_spec("nicegui").submodule_search_locations[0]
    return (pathlib.Path(folder) / "static" / "socket.io.min.js").read_text()


@pytest.mark.parametrize("how", TRANSPORTS)
def test_javascript(wire, driver, server, how):
    """Log in, connect, register, be refused by acknowledgement and by event, get the list; a good deal of data both ways."""
    driver.get(server.address + "/")
    driver.execute_script(f"window.module = undefined;\n{socket_io_client()}\nwindow.io ??= globalThis.io;")
    result = driver.execute_async_script(
        """
        const [name, password, transports, done] = arguments;
        (async () => {
          const login = await (await fetch('/api/auth/login', {method: 'POST', headers: {'Content-Type': 'application/json'},
            body: JSON.stringify({username: name, password})})).json();
          const bad = await new Promise((resolve) => {
            const socket = io(location.origin, {transports, auth: {token: 'nonsense'}, reconnection: false, forceNew: true});
            socket.on('connect_error', (error) => { socket.close(); resolve(error.data?.code ?? error.message); });
          });
          const socket = io(location.origin, {transports, auth: {token: login.token}, reconnection: false, forceNew: true});
          await new Promise((resolve, reject) => { socket.on('connect', resolve); socket.on('connect_error', reject); });
          const upgraded = transports.length < 2 ? socket.io.engine.transport.name : await new Promise((resolve) => {
            if (socket.io.engine.transport.name === 'websocket') resolve('websocket');
            socket.io.engine.on('upgrade', (transport) => resolve(transport.name));
          });
          const early = await socket.emitWithAck('start-monitoring', {kioskId: 'KIOSK_01'});
          const list = new Promise((resolve) => socket.on('kiosk-list', resolve));
          const registered = await socket.emitWithAck('register-monitor');
          const kiosks = (await list).kiosks.map((one) => one.kioskId).sort();
          const error = new Promise((resolve) => socket.on('error', resolve));
          socket.emit('offer', {targetId: 'KIOSK_01'});
          const refused = await error;
          const large = await socket.emitWithAck('offer', {targetId: 'KIOSK_01', offer: {type: 'offer', sdp: 'é'.repeat(20000)}});
          socket.disconnect();
          return {bad, upgraded, early, registered, kiosks, refused, large};
        })().then(done, (error) => done({failure: String(error) + (error.data ? JSON.stringify(error.data) : '')}));
        """,
        "MONITOR_01", PASSWORD, TRANSPORTS[how],
    )
    assert "failure" not in result, result
    assert result["bad"] == "token-invalid"
    assert result["upgraded"] == TRANSPORTS[how][-1]
    assert result["early"]["error"]["code"] == "not-registered"
    assert result["registered"]["ok"] is True
    assert result["kiosks"] == ["KIOSK_01", "KIOSK_02"]
    assert result["refused"]["code"] == "bad-request" and result["refused"]["event"] == "offer"
    assert result["large"]["error"]["code"] == "no-session"


def node(task: str, folder: pathlib.Path, address: str, how: str, *arguments: str) -> dict:
    program = shutil.which("node") or peer_missing("node")
    client = folder / "socket.io.min.js"
    client.write_text(socket_io_client())
    script = pathlib.Path(__file__).parent / "harness" / "node_client.js"
    done = subprocess.run(
        [program, str(script), str(client), task, address, ",".join(TRANSPORTS[how]), *arguments], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("how", TRANSPORTS)
def test_node(server, folder, how):
    result = node("contract", folder, server.address, how, "MONITOR_01", PASSWORD)
    assert result["bad"] == "token-invalid"
    assert result["transport"] == TRANSPORTS[how][-1]
    assert result["early"]["error"]["code"] == "not-registered"
    assert result["registered"]["ok"] is True
    assert result["kiosks"] == ["KIOSK_01", "KIOSK_02"]
    assert result["large"]["error"]["code"] == "no-session"


@pytest.mark.parametrize("how", TRANSPORTS)
def test_node_events_and_binary(echo, folder, how):  # noqa: F811
    result = node("echo", folder, f"http://{network.MONITOR}:{echo.port}", how)
    assert result["auth"] == {"a": 1} and result["custom"] == {"b": 2}
    assert result["transport"] == TRANSPORTS[how][-1]
    assert result["back"] == [1, "ü", {"a": [None]}]
    # Over polling the client's browser build needs a FileReader to send binary, which Node has not.
    assert result.get("binary") == ([1, 2, 3, 255] if how == "websocket" else None)


class PythonServer:
    """As much of the contract as a kiosk needs, on python-socketio: log in, register, heartbeats, crew events."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.heard: list[tuple[str, dict]] = []
        self.tokens: list[str] = []
        self.is_crew_stored = False
        self.loop = asyncio.new_event_loop()
        self.sio = socketio.AsyncServer(async_mode="aiohttp", ping_interval=2, ping_timeout=2)
        self.sio.on("connect", self.connect)
        self.sio.on("*", self.event)
        app = web.Application()
        app.router.add_post("/api/auth/login", self.login)
        app.router.add_post("/api/auth/refresh", self.login)
        self.sio.attach(app)
        self.runner = web.AppRunner(app)
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self) -> None:
        self.loop.run_until_complete(self.runner.setup())
        self.loop.run_until_complete(web.TCPSite(self.runner, network.MONITOR, self.port).start())
        self.loop.run_forever()

    async def login(self, request: web.Request) -> web.Response:
        body = await request.json()
        user = {"id": "KIOSK_01", "role": "kiosk", "organization": "north", "displayName": "K"}
        assert body == {"username": "KIOSK_01", "password": PASSWORD} or "refreshToken" in body
        expires = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(time.time() + 900))
        return web.json_response({"token": f"token {len(self.heard)}", "expiresAt": expires, "refreshToken": "refresh", "user": user})

    async def connect(self, sid, environ, auth) -> None:
        self.tokens.append(auth["token"])
        if len(self.tokens) == 1:
            raise socketio.exceptions.ConnectionRefusedError("expired", {"code": "token-expired"})

    async def event(self, name: str, sid: str, payload: dict | None = None) -> dict:
        self.heard.append((name, payload))
        match name:
            case "register-kiosk":
                await self.sio.emit("kiosk-registered", {"kioskId": "KIOSK_01", "heartbeatInterval": 1000, "iceServers": []}, to=sid)
            case "heartbeat-ping":
                await self.sio.emit("heartbeat-pong", {"serverTime": "2026-01-01T00:00:00.000Z"}, to=sid)
            case "crew-sign-on" if not self.is_crew_stored:
                self.is_crew_stored = True
                return {"ok": False, "error": {"code": "internal-error", "message": "not now"}}
        return {"ok": True}

    def count(self, name: str) -> int:
        return sum(event == name for event, _ in self.heard)

    def do(self, work) -> None:
        asyncio.run_coroutine_threadsafe(work, self.loop).result(10)

    def stop(self) -> None:
        self.do(self.runner.cleanup())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)


def test_our_client_against_python_socketio(wire, folder):
    server = PythonServer(free_port(network.MONITOR))
    server.thread.start()
    agent = Agent(folder, f"http://{network.MONITOR}:{server.port}", prefix=wire.prefix)
    try:
        with running(agent):
            eventually(lambda: server.count("register-kiosk") == 1, 20, "not registered")
            # Refused with token-expired, it fetched another token.
            assert len(server.tokens) >= 2
            eventually(lambda: server.count("heartbeat-ping") >= 2, 10)
            agent.crew("sign-on", "4711", name="Asha Rao")
            # Refused once with internal-error, it sends the same event again.
            eventually(lambda: server.count("crew-sign-on") >= 2, 70)
            events = [payload for name, payload in server.heard if name == "crew-sign-on"]
            assert events[0] == events[1] and events[0]["crewId"] == "4711"
            # The server's pings are answered: the connection outlives several of them.
            time.sleep(5)
            assert server.count("register-kiosk") == 1
            for sid in list(server.sio.manager.rooms["/"][None]):
                server.do(server.sio.disconnect(sid))
            eventually(lambda: server.count("register-kiosk") == 2, 20, "did not come back")
            assert agent.stop() == 0
    finally:
        server.stop()


@pytest.mark.parametrize("how", TRANSPORTS)
def test_python_synchronous(server, how):
    token = server.login("MONITOR_01")["token"]
    client = socketio.Client(reconnection=False)
    lists = []
    client.on("kiosk-list", lists.append)
    client.connect(server.address, auth={"token": token}, transports=TRANSPORTS[how], wait_timeout=10)
    try:
        assert client.call("register-monitor", timeout=10)["ok"]
        eventually(lambda: lists, 5)
        assert {one["kioskId"] for one in lists[0]["kiosks"]} == {"KIOSK_01", "KIOSK_02"}
    finally:
        client.disconnect()


@pytest.mark.parametrize("how", TRANSPORTS)
@asynchronous
async def test_python_asynchronous(server, how):
    client = Client(server, "MONITOR_01")
    await client.connect(transports=TRANSPORTS[how])
    assert {one["kioskId"] for one in await client.register_monitor()} == {"KIOSK_01", "KIOSK_02"}
    await client.close()


@pytest.mark.parametrize("place", ["query", "header"])
@asynchronous
async def test_a_token_in_the_query_or_a_header(server, place):
    token = server.login("MONITOR_01")["token"]
    client = Client(server, "MONITOR_01")
    address = f"{server.address}?token={token}" if place == "query" else server.address
    headers = {"Authorization": f"Bearer {token}"} if place == "header" else {}
    await client.socket.connect(address, headers=headers, transports=["websocket"], wait_timeout=10)
    assert await client.register_monitor()
    await client.close()
    assert token not in server.log.read_text(), "the token is in the log"
