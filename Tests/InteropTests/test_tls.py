"""How TLS connections end: what the server says before it closes, and what is lost of a client that says nothing."""

import contextlib
import json
import os
import re
import signal
import socket
import ssl
import struct
import threading
import time

import pytest

from conftest import populate
from cryptography.hazmat.primitives.asymmetric import rsa
from harness import attacks, network
from harness.clinic import Authority
from harness.programs import PASSWORD, Agent, eventually, running
from test_http import frame
from test_operation import SecureServer, certificate, common_name

UPGRADE = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
PATH = "/socket.io/?EIO=4&transport="


@pytest.fixture
def secure(wire, folder):
    certificate(folder, "tls")
    server = SecureServer(folder, network.MONITOR, f"tls: {{ certificateFile: {folder}/chain.pem, privateKeyFile: {folder}/key.pem }}\n")
    populate(server)
    with running(server):
        yield server
        assert server.process is None or server.stop() == 0, server.tail()


class Line:
    """One TLS connection, by hand: an end without close_notify is an error, and it can be cut without one."""

    def __init__(self, server: SecureServer) -> None:
        context = ssl._create_unverified_context()
        # Python's own default forgives.
        context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
        self.tls = context.wrap_socket(socket.create_connection((server.host, server.port), 10), suppress_ragged_eofs=False)
        self.heard = b""

    def say(self, data: bytes) -> "Line":
        self.tls.sendall(data)
        return self

    def take(self, count: int) -> bytes:
        while len(self.heard) < count:
            more = self.tls.recv(65_536)
            assert more, f"ended after {self.heard}"
            self.heard += more
        taken, self.heard = self.heard[:count], self.heard[count:]
        return taken

    def rest(self) -> bytes:
        """What comes until close_notify."""
        with contextlib.suppress(ssl.SSLZeroReturnError):
            while more := self.tls.recv(65_536):
                self.heard += more
        return self.heard

    def finish(self) -> None:
        """The end of TCP without that of TLS. The other direction stays."""
        socket.socket.shutdown(self.tls, socket.SHUT_WR)

    def goodbye(self) -> "Line":
        """close_notify, and nothing of TCP. The other direction stays."""
        self.tls.setblocking(False)
        # It would wait for the other side's.
        with contextlib.suppress(ssl.SSLWantReadError):
            self.tls._sslobj.shutdown()
        self.tls.settimeout(10)
        return self

    def reset(self) -> None:
        self.tls.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.tls.close()

    # HTTP

    def request(self, method: str, target: str, body: str = "", headers: str = "") -> "Line":
        return self.say(f"{method} {target} HTTP/1.1\r\nHost: server\r\nContent-Length: {len(body)}\r\n{headers}\r\n{body}".encode())

    def head(self) -> str:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self.take(1)
        return head.decode()

    def answer(self) -> str:
        head = self.head()
        assert head.startswith("HTTP/1.1 200 "), head
        return self.take(int(re.search(r"(?i)content-length: (\d+)", head)[1])).decode()

    # WebSocket

    def upgrade(self, query: str = "") -> "Line":
        self.say(f"GET {PATH}websocket{query} HTTP/1.1\r\nHost: server\r\n{UPGRADE}\r\n".encode())
        assert self.head().startswith("HTTP/1.1 101 ")
        return self

    def emit(self, text: str) -> "Line":
        return self.say(attacks.frame(text.encode()))

    def message(self) -> tuple[int, bytes]:
        opcode, length = self.take(2)
        if length >= 126:
            length = int.from_bytes(self.take(2 if length == 126 else 8))
        return opcode & 15, self.take(length)

    def until(self, prefix: str) -> str:
        while True:
            opcode, data = self.message()
            assert opcode == 1, (opcode, data)
            if data.decode().startswith(prefix):
                return data.decode()


def token(server: SecureServer, name: str) -> str:
    body = json.dumps({"username": name, "password": PASSWORD})
    line = Line(server).request("POST", "/api/auth/login", body, "Content-Type: application/json\r\n")
    return "40" + json.dumps({"token": json.loads(line.answer())["token"]})


def joined(server: SecureServer, name: str) -> Line:
    """A WebSocket of that account."""
    line = Line(server).upgrade().emit(token(server, name))
    line.until("40")
    return line


@pytest.mark.parametrize("how", ["finish", "reset"])
def test_an_upgrade_loses_nothing_when_the_connections_of_before_are_cut(secure, how):
    """A browser drops the connections of its polls as it likes, with and without a word."""
    kiosk = joined(secure, "KIOSK_01").emit('42["register-kiosk",{}]')
    count = 60

    def signs_on() -> None:
        for number in range(count):
            event = {"eventId": f"event-{number}", "crewId": "4711", "occurredAt": "2026-01-01T00:00:00Z"}
            kiosk.emit("42" + json.dumps(["crew-sign-on", event]))
            time.sleep(0.025)

    polls, posts = Line(secure), Line(secure)
    sid = json.loads(polls.request("GET", PATH + "polling").answer()[1:])["sid"]
    here = f"{PATH}polling&sid={sid}"

    def post(text: str) -> None:
        assert posts.request("POST", here, text, "Content-Type: text/plain\r\n").answer() == "ok"

    packets: list[str] = []

    def poll() -> None:
        packets.extend(polls.request("GET", here).answer().split("\x1e"))

    post(token(secure, "MONITOR_01"))
    poll()
    post('420["register-monitor"]')
    while not any(one.startswith("430") for one in packets):
        poll()
    feed = threading.Thread(target=signs_on)
    feed.start()
    try:
        while not any("event-3" in one for one in packets):
            poll()
        polls.request("GET", here)
        line = Line(secure).upgrade(f"&sid={sid}").emit("2probe")
        assert line.message() == (1, b"3probe")
        packets.extend(polls.answer().split("\x1e"))
        post('421["register-monitor"]')
        getattr(polls, how)()
        getattr(posts, how)()
        # Meanwhile there is no way to the client.
        time.sleep(0.3)
        line.emit("5")
        end = time.monotonic() + 10
        while not any(f"event-{count - 1}" in one for one in packets):
            assert time.monotonic() < end, packets
            opcode, data = line.message()
            assert opcode == 1, (opcode, data)
            packets.append(data.decode())
    finally:
        feed.join()
    heard = [match[1] for one in packets if (match := re.match(r'42\["crew-sign-on".*"eventId":"event-(\d+)"', one))]
    assert heard == [str(number) for number in range(count)]
    assert any(one.startswith("431[") and '"ok":true' in one for one in packets), packets


def test_a_request_that_is_cut_off_is_none(secure):
    """Half a POST and the end of TCP: nothing of it counts, and the session is over."""
    line = Line(secure)
    sid = json.loads(line.request("GET", PATH + "polling").answer()[1:])["sid"]
    here = f"{PATH}polling&sid={sid}"
    line.request("GET", here)
    Line(secure).say(f"POST {here} HTTP/1.1\r\nHost: server\r\nContent-Length: 100\r\n\r\n40{{}}".encode()).finish()
    # Engine.IO's close packet, and no answer to a CONNECT.
    assert line.answer() == "1"


def test_a_request_that_came_with_the_end_is_answered(secure):
    """RFC 8446 section 6.1: close_notify ends one direction only."""
    body = json.dumps({"username": "MONITOR_01", "password": PASSWORD})
    line = Line(secure).request("POST", "/api/auth/login", body, "Content-Type: application/json\r\n").goodbye()
    assert json.loads(line.answer())["token"]
    line.rest()


# What the server says. Each gets a server and gives the line whose end is looked at.


def asked_to_close(server) -> Line:
    line = Line(server).request("GET", "/healthz", headers="Connection: close\r\n")
    assert line.answer() == "ok\n"
    return line


def refused(server) -> Line:
    return Line(server).say(b"GET / HTTP/1.1\r\nHost : server\r\n\r\n")


def said_goodbye(server) -> Line:
    line = Line(server).request("GET", "/healthz")
    assert line.answer() == "ok\n"
    return line.goodbye()


def closed_its_web_socket(server) -> Line:
    return Line(server).upgrade().say(frame(8, b"\x03\xe8"))


def closed_its_session(server) -> Line:
    return joined(server, "MONITOR_01").emit("1")


def broke_the_protocol(server) -> Line:
    return Line(server).upgrade().emit("nonsense")


def stopped(server, line: Line) -> Line:
    os.kill(server.pid, signal.SIGTERM)
    eventually(lambda: server.process.poll() is not None, 10)
    assert server.stop() == 0
    return line


def idle_at_the_end(server) -> Line:
    line = Line(server).request("GET", "/healthz")
    assert line.answer() == "ok\n"
    return stopped(server, line)


def web_socket_at_the_end(server) -> Line:
    return stopped(server, joined(server, "MONITOR_01"))


@pytest.mark.parametrize("closing", [
    asked_to_close, refused, said_goodbye, closed_its_web_socket, closed_its_session, broke_the_protocol, idle_at_the_end, web_socket_at_the_end,
], ids=lambda one: one.__name__)
def test_close_notify_comes_before_the_end(secure, closing):
    """RFC 8446 section 6.1: each side must send close_notify before it closes its side; without it the end could be an attacker's."""
    closing(secure).rest()


def test_the_kiosks_close_notify_comes_before_the_end(wire, folder):
    authority = Authority(folder)
    authority.issue(address=network.MONITOR)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
    context.load_cert_chain(folder / "server-1.90.pem", folder / "server-1.90.key")
    with socket.create_server((network.MONITOR, 0)) as listener:
        listener.settimeout(15)
        address = f"https://{network.MONITOR}:{listener.getsockname()[1]}"
        with running(Agent(folder, address, prefix=wire.prefix, settings=f"tls: {{ caFile: {authority.file} }}\n")):
            line, _ = listener.accept()
            with context.wrap_socket(line, server_side=True, suppress_ragged_eofs=False) as line:
                line.settimeout(10)
                while not line.recv(65_536).endswith(b"}"):
                    pass
                line.sendall(b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
                assert line.recv(1) == b""


# What is spoken: versions, ciphers, protocols, sessions.


def client(version: ssl.TLSVersion, ciphers: str = "ALL") -> ssl.SSLContext:
    """Speaks that version alone, with whatever is left of security."""
    context = ssl._create_unverified_context()
    context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    return context


def opened(server: SecureServer, context: ssl.SSLContext, session: ssl.SSLSession | None = None) -> ssl.SSLSocket:
    """A connection that has had an answer: with it came the tickets of TLS 1.3."""
    line = context.wrap_socket(socket.create_connection((server.host, server.port), 10), session=session)
    line.sendall(b"GET /healthz HTTP/1.1\r\nHost: server\r\n\r\n")
    heard = b""
    while not heard.endswith(b"ok\n"):
        more = line.recv(65_536)
        assert more, heard
        heard += more
    return line


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_old_versions_are_refused(secure):
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        with opened(secure, client(version)) as line:
            assert line.version() == version.name.replace("_", ".")
    for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        with pytest.raises(ssl.SSLError, match="TLSV1_ALERT_PROTOCOL_VERSION"):
            opened(secure, client(version))


@pytest.mark.parametrize("kind", ["ECDSA", "RSA"])
def test_ciphers_without_authentication_or_forward_secrecy_are_refused(wire, folder, kind):
    """RFC 9325 section 4.2: what is left of TLS 1.2 are ciphers that authenticate what they encrypt, with keys that no later theft gives away."""
    certificate(folder, "tls", rsa.generate_private_key(65537, 2048) if kind == "RSA" else None)
    server = SecureServer(folder, network.MONITOR, f"tls: {{ certificateFile: {folder}/chain.pem, privateKeyFile: {folder}/key.pem }}\n")
    with running(server):
        for good in (f"ECDHE-{kind}-AES128-GCM-SHA256", f"ECDHE-{kind}-AES256-GCM-SHA384", f"ECDHE-{kind}-CHACHA20-POLY1305"):
            with opened(server, client(ssl.TLSVersion.TLSv1_2, good)) as line:
                assert line.cipher()[0] == good
        bad = [f"ECDHE-{kind}-AES128-SHA256", f"ECDHE-{kind}-AES128-SHA", f"ECDHE-{kind}-NULL-SHA"]
        # Without forward secrecy: the key is encrypted with the certificate's, or nobody shows a certificate.
        bad += ["AES128-GCM-SHA256", "AES256-GCM-SHA384", "AES128-SHA"] if kind == "RSA" else ["AECDH-AES128-SHA"]
        for cipher in bad:
            with pytest.raises(ssl.SSLError, match="HANDSHAKE_FAILURE"):
                opened(server, client(ssl.TLSVersion.TLSv1_2, cipher))
        assert server.stop() == 0


def test_the_protocol_is_http_1(secure):
    """ALPN (RFC 7301): of what a client offers only http/1.1 is taken; one that can do others only is told at once."""
    for offered, chosen in ((["h2", "http/1.1"], "http/1.1"), (["http/1.1"], "http/1.1"), ([], None)):
        context = client(ssl.TLSVersion.TLSv1_3)
        if offered:
            context.set_alpn_protocols(offered)
        with opened(secure, context) as line:
            assert line.selected_alpn_protocol() == chosen
    for offered in (["h2"], ["http/1.0", "spdy/3"]):
        context = client(ssl.TLSVersion.TLSv1_3)
        context.set_alpn_protocols(offered)
        with pytest.raises(ssl.SSLError, match="no application protocol"):
            opened(secure, context)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def test_a_session_goes_on_in_another_connection(secure, version):
    """A console that comes back saves the certificate and its signature. After new certificates nothing of before is taken."""
    context = client(version)
    with opened(secure, context) as line:
        assert not line.session_reused
        session = line.session
    assert session.has_ticket
    with opened(secure, context, session) as line:
        assert line.session_reused
    certificate(secure.folder, "renewed")
    os.kill(secure.pid, signal.SIGHUP)
    eventually(lambda: common_name(secure.host, secure.port) == "CN=renewed", 5)
    with opened(secure, context, session) as line:
        assert not line.session_reused


def test_an_upgrade_to_something_else_is_an_ordinary_request(secure):
    """However much text is in it, on a connection that is kept."""
    line = Line(secure)
    for size in (3, 500, 600, 4000):
        for connection in ("", "Connection: Upgrade\r\n"):
            assert line.request("GET", "/healthz", headers=f"{connection}Upgrade: {'x' * size}\r\n").answer() == "ok\n"
    assert secure.alive()


def test_an_answer_arrives_although_more_was_coming(secure):
    """A connection that is closed with input unread is reset, and the client may never see what was said before."""
    line = Line(secure).request("POST", "/api/auth/login", "x" * 400_000, "Content-Type: application/json\r\n")
    assert line.rest().startswith(b"HTTP/1.1 413 ")


def test_a_web_sockets_close_code_arrives_although_more_was_coming(secure):
    line = Line(secure).upgrade()
    line.until("0")
    line.emit("4" + "x" * 400_000)
    assert line.message() == (8, (1009).to_bytes(2)), "the reason was lost"
    line.rest()


def test_a_refusal_arrives_although_more_was_coming(secure):
    line = Line(secure).upgrade()
    line.until("0")
    for _ in range(20):
        line.emit('40{"token":"nobody\'s"}')
    # It is refused, and the connection closed, while the client goes on. (The server swallows that for a second.)
    end = time.monotonic() + 0.5
    while time.monotonic() < end:
        line.emit("42" + json.dumps(["x" * 1000]))
        time.sleep(0.005)
    assert b"token-invalid" in line.rest()
