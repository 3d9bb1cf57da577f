"""Unmodified Socket.IO clients against the real server: socket.io-client 4.8 in both browsers, python-socketio synchronous and asynchronous."""

import importlib.util
import pathlib

import pytest
import socketio

from harness.monitor import Client, asynchronous
from harness.programs import PASSWORD, eventually

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
