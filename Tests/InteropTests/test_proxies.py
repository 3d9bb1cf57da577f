"""nginx and HAProxy in front of the server, with the configurations of docs/examples: console, log-in, polling, WebSocket, connections to the server
that are kept, HTTP/2 at the edge, and whose address counts."""

import http.client
import pathlib
import shutil
import socket
import ssl
import subprocess

import aiohttp
import pytest
import socketio

from conftest import peer_missing, populate
from harness import network
from harness.monitor import Client, asynchronous
from harness.programs import Program, Server, eventually, free_port, running
from test_operation import certificate

EXAMPLES = pathlib.Path(__file__).parents[2] / "docs" / "examples"


def replaced(text: str, **pairs: str) -> str:
    for old, new in pairs.values():
        assert old in text, old
        text = text.replace(old, new)
    return text


class Proxy(Program):
    """The proxy with its TLS; `server` is behind it."""

    def __init__(self, name: str, folder: pathlib.Path, server: Server) -> None:
        super().__init__(name, folder)
        self.host, self.port = server.host, free_port(server.host)
        self.address = f"https://{self.host}:{self.port}"
        certificate(folder, self.host)
        (folder / "all.pem").write_bytes((folder / "chain.pem").read_bytes() + (folder / "key.pem").read_bytes())
        backend = server.address.removeprefix("http://")
        self.config = folder / f"{name}.conf"
        if name == "nginx":
            example = replaced(
                (EXAMPLES / "nginx.conf").read_text(), listen=("listen 443 ssl", f"listen {self.host}:{self.port} ssl"),
                backend=("127.0.0.1:8080;", f"{backend};"), files=("/etc/kiosk-signaling", str(folder)))
            paths = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
            self.config.write_text(
                f"daemon off; user root; pid {folder}/nginx.pid; error_log {folder}/error.log; events {{}}\nhttp {{ access_log off; {paths}\n{example}\n}}\n")
        else:
            self.config.write_text(replaced(
                (EXAMPLES / "haproxy.cfg").read_text(), listen=("bind :443", f"bind {self.host}:{self.port}"),
                backend=("127.0.0.1:8080", backend), files=("/etc/kiosk-signaling", str(folder))))

    def command(self) -> list[str]:
        return ["nginx", "-c", str(self.config), "-e", str(self.folder / "error.log")] if self.name == "nginx" else ["haproxy", "-db", "-f", str(self.config)]

    def start(self):
        super().start()
        eventually(lambda: self.alive() and self.listens(), 10, f"{self.name} does not listen:\n{self.tail()}")
        return self

    def listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((self.host, self.port)) == 0

    def connection(self) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(self.host, self.port, timeout=10, context=ssl._create_unverified_context())

    def get(self, path: str) -> tuple[int, bytes]:
        line = self.connection()
        line.request("GET", path)
        answer = line.getresponse()
        return answer.status, answer.read()

    def curl(self, path: str, *options: str, prefix: list[str] = ()) -> str:
        return subprocess.run([*prefix, "curl", "-sSk", *options, self.address + path], capture_output=True, text=True, timeout=30, check=True).stdout


@pytest.fixture(params=["nginx", "haproxy"])
def proxied(wire, folder, request):
    if not shutil.which(request.param):
        peer_missing(request.param)
    server = Server(folder, network.MONITOR, f"proxy: {{ trusted: [{network.MONITOR}] }}\nmetrics: {{ allow: [{network.KIOSK}] }}\n")
    populate(server)
    proxy = Proxy(request.param, folder, server)
    with running(server, proxy):
        yield server, proxy
        assert server.alive() and proxy.alive(), server.tail() + proxy.tail()


class Behind(Client):
    """A client of the server behind a proxy."""

    def __init__(self, server: Server, proxy: Proxy, name: str) -> None:
        super().__init__(server, name)
        self.proxy = proxy
        self.http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=False))
        self.socket = socketio.AsyncClient(reconnection=False, http_session=self.http, ssl_verify=False)
        self.socket.on("*", self._event)

    async def enter(self, transports: list[str]) -> None:
        async with self.http.post(self.proxy.address + "/api/auth/login", json={"username": self.name, "password": self.password}) as answer:
            assert answer.status == 200, await answer.text()
            token = (await answer.json())["token"]
        await self.socket.connect(self.proxy.address, auth={"token": token}, transports=transports, wait_timeout=10)

    async def leave(self) -> None:
        await self.socket.disconnect()
        await self.http.close()


def connections_to(server: Server) -> list[str]:
    """Connections with the server's port, those that ended a while ago included, seen from who opened them."""
    shown = subprocess.run(["ss", "-Htan", f"dport = :{server.port}"], capture_output=True, text=True, check=True).stdout
    return [line.split()[0] for line in shown.splitlines()]


def test_the_console_and_the_answers_of_the_server(proxied, wire):
    server, proxy = proxied
    status, page = proxy.get("/")
    assert status == 200 and b"<html" in page.lower()
    assert proxy.get("/healthz") == (200, b"ok\n")
    status, refusal = proxy.get("/api/me")
    assert status == 401 and b'"token-missing"' in refusal
    # HTTP/2 ends at the proxy.
    assert proxy.curl("/healthz", "--http2", "-w", "%{http_version}") == "ok\n2"
    # The client's address counts, not the proxy's.
    assert "kiosk_signaling_connections" in proxy.curl("/metrics", prefix=wire.prefix)
    assert proxy.get("/metrics")[0] == 404


def test_connections_to_the_server_are_kept(proxied):
    server, proxy = proxied
    line = proxy.connection()
    before = len(connections_to(server))
    for turn in range(60):
        method, path, body = [("GET", "/healthz", None), ("GET", "/nothing", None), ("POST", "/api/auth/login", b"{}")][turn % 3]
        line.request(method, path, body=body, headers={"Content-Type": "application/json"} if body else {})
        answer = line.getresponse()
        assert answer.status == [200, 404, 400][turn % 3], answer.read()
        answer.read()
    # One that was there before may have been closed by the checks at the start.
    assert len(connections_to(server)) - before <= 2, connections_to(server)


@pytest.mark.parametrize("transports", [["polling"], ["websocket"], ["polling", "websocket"]], ids="-".join)
@asynchronous
async def test_a_kiosk_and_a_monitor(proxied, transports):
    server, proxy = proxied
    kiosk, monitor = Behind(server, proxy, "KIOSK_01"), Behind(server, proxy, "MONITOR_01")
    try:
        await kiosk.enter(transports)
        await monitor.enter(transports)
        assert (await kiosk.call("register-kiosk", {}))["ok"]
        await monitor.register_monitor()
        if transports[0] == "polling" and len(transports) > 1:
            assert monitor.socket.transport() == "websocket"
        answer = await monitor.call("start-monitoring", {"kioskId": "KIOSK_01"})
        assert answer["ok"], answer
        sdp = "v=0\r\n" + "a=x:" + "y" * 50_000 + "\r\n"
        await monitor.call("offer", {"targetId": "KIOSK_01", "sessionId": answer["sessionId"], "offer": {"type": "offer", "sdp": sdp}})
        assert (await kiosk.expect("offer"))["offer"]["sdp"] == sdp
    finally:
        await monitor.leave()
        await kiosk.leave()
