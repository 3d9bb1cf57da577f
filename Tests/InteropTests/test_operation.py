"""What an operator does to the server and what happens to it: kills, restarts, new certificates and keys, backups, sockets of a service manager,
clients that do nothing, and the small soak."""

import asyncio
import base64
import concurrent.futures
import contextlib
import datetime
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import ssl
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from conftest import peer_missing, populate
from harness import network
from harness.monitor import Client, asynchronous
from harness.programs import BIN, PASSWORD, Agent, Server, eventually, free_port, running
from test_http import frame

ROOT = pathlib.Path(__file__).resolve().parents[2]


def get(server: Server, path: str, token: str | None = None) -> str:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with urllib.request.urlopen(urllib.request.Request(server.address + path, headers=headers), timeout=10) as answer:
        return answer.read().decode()


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def command(server: Server, *arguments: str) -> str:
    done = subprocess.run([str(BIN / "kiosk-signaling"), *arguments, "--database", str(server.database)], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout


def metric(server: Server, name: str) -> float:
    # Only the machine itself may ask; here that is the server's own address.
    page = get(server, "/metrics")
    return sum(float(line.rsplit(" ", 1)[1]) for line in page.splitlines() if re.match(rf"{name}[ {{]", line))


@pytest.fixture
def watched(wire, folder):
    """A server whose metrics the tests may read, with JSON lines for a log."""
    one = Server(folder, network.MONITOR, f"metrics: {{ allow: [{network.MONITOR}] }}\nlog: {{ format: json, level: debug }}\n")
    populate(one)
    with running(one):
        yield one
        assert one.alive(), one.tail()
        assert one.stop() == 0, one.tail()


@asynchronous
async def test_a_killed_server_has_what_it_acknowledged(server):
    """Kiosks sign crew on while the server is killed again and again; they send until they are acknowledged."""
    acknowledged: dict[str, list[str]] = {"KIOSK_01": [], "KIOSK_02": []}
    tokens = {name: server.login(name)["token"] for name in acknowledged}
    is_over = False

    async def kiosk(name: str) -> None:
        number, client = 0, None
        while not is_over or client is None:
            try:
                if client is None:
                    client = Client(server, name)
                    await client.connect(token=tokens[name])
                    assert (await client.call("register-kiosk", {}))["ok"]
                event = {"eventId": f"{name}-{number}", "crewId": "4711", "occurredAt": "2026-01-01T00:00:00Z"}
                if (await asyncio.wait_for(client.call("crew-sign-on", event), 5))["ok"]:
                    acknowledged[name].append(event["eventId"])
                    number += 1
            except Exception:
                with contextlib.suppress(Exception):
                    await client.close()
                client = None
                await asyncio.sleep(0.05)
        await client.close()

    kiosks = [asyncio.create_task(kiosk(name)) for name in acknowledged]
    for _ in range(5):
        await asyncio.sleep(0.7)
        server.kill()
        await asyncio.to_thread(server.start)
    await asyncio.sleep(0.7)
    is_over = True
    await asyncio.gather(*kiosks)
    with contextlib.closing(sqlite3.connect(server.database)) as records:
        for name, events in acknowledged.items():
            stored = [row[0] for row in records.execute("SELECT event_id FROM crew_event WHERE kiosk = ? ORDER BY sequence", (name,))]
            assert stored == events, f"{name}: {len(events)} acknowledged, {len(stored)} stored"
            assert len(events) > 20, "hardly anything happened"
    assert "whole" in command(server, "audit", "verify")


def ended(server: Server, session: str) -> bool:
    with contextlib.closing(sqlite3.connect(server.database)) as records:
        return records.execute("SELECT ended_at FROM session WHERE id = ?", [session]).fetchone()[0] is not None


@asynchronous
async def test_a_session_goes_on_after_a_kill(server):
    async with Client(server, "KIOSK_01") as kiosk, Client(server, "MONITOR_01") as monitor:
        assert (await kiosk.call("register-kiosk", {}))["ok"]
        await monitor.register_monitor()
        assert (await monitor.call("start-monitoring", {"kioskId": "KIOSK_01"}))["ok"]
        session = (await monitor.expect("monitoring-started"))["sessionId"]
        tokens = {one.name: one.server.login(one.name)["token"] for one in (kiosk, monitor)}
    # Closing politely is what the clients did; the server was killed before its grace was over.
    server.kill()
    await asyncio.to_thread(server.start)
    back, eye = Client(server, "KIOSK_01"), Client(server, "MONITOR_01")
    await back.connect(token=tokens["KIOSK_01"])
    await eye.connect(token=tokens["MONITOR_01"])
    assert (await back.call("register-kiosk", {"sessions": [session]}))["ok"]
    assert (await eye.call("register-monitor", {"sessions": [session]}))["ok"]
    assert (await eye.call("offer", {"targetId": "KIOSK_01", "sessionId": session, "offer": {"type": "offer", "sdp": "v=0\r\n"}}))["ok"]
    assert (await back.expect("offer"))["sessionId"] == session
    assert (await eye.call("stop-monitoring", {"kioskId": "KIOSK_01"}))["ok"]
    await back.expect("monitoring-stopped", sessionId=session)
    await back.close()
    await eye.close()
    # Whoever still names it hears that it is over, also from a server that was started since. (An end is told before it is recorded; killed in
    # between, the server gives the session its grace, in which nobody names it.)
    await asyncio.to_thread(eventually, lambda: ended(server, session), 10, "the end is not recorded")
    server.kill()
    await asyncio.to_thread(server.start)
    for name, register in (("KIOSK_01", "register-kiosk"), ("MONITOR_01", "register-monitor")):
        async with Client(server, name) as late:
            assert (await late.call(register, {"sessions": [session]}))["ok"]
            assert (await late.expect("monitoring-stopped", sessionId=session))["reason"] == "stopped-by-monitor"


@asynchronous
async def test_what_was_missed_is_recovered_with_a_good_token(wire, folder):
    """Connection state recovery by hand, because the Python client has none."""
    import aiohttp

    server = Server(folder, network.MONITOR, "engine: { recoveryWindow: 30s }\n")
    populate(server)
    with running(server):
        token = server.login("MONITOR_01")["token"]
        address = server.address.replace("http", "ws") + "/socket.io/?EIO=4&transport=websocket"
        async with aiohttp.ClientSession() as session:

            async def connect(auth: dict):
                line = await session.ws_connect(address)
                assert (await line.receive_str())[0] == "0"
                await line.send_str("40" + json.dumps(auth))
                return line, await asyncio.wait_for(line.receive_str(), 10)

            line, opened = await connect({"token": token})
            pid = json.loads(opened[2:])["pid"]
            await line.send_str('420["register-monitor"]')
            offset = None
            while offset is None:
                packet = await asyncio.wait_for(line.receive_str(), 10)
                if packet.startswith("42"):
                    assert json.loads(packet[2:])[0] == "kiosk-list"
                    offset = json.loads(packet[2:])[-1]
            line._response.connection.transport.abort()
            async with Client(server, "KIOSK_01") as kiosk:
                assert (await kiosk.call("register-kiosk", {}))["ok"]
                assert (await kiosk.call("crew-sign-on", {"eventId": "e1", "crewId": "c", "occurredAt": "2026-01-01T00:00:00Z"}))["ok"]
                refused, answer = await connect({"token": token[:-6] + "AAAAAA", "pid": pid, "offset": offset})
                assert answer.startswith("44") and json.loads(answer[2:])["data"]["code"] == "token-invalid"
                await refused.close()
                other, answer = await connect({"token": server.login("MONITOR_02")["token"], "pid": pid, "offset": offset})
                assert answer.startswith("40")
                await other.send_str('421["start-monitoring",{"kioskId":"KIOSK_01"}]')
                while not (packet := await asyncio.wait_for(other.receive_str(), 10)).startswith("431"):
                    assert "crew-sign-on" not in packet, "another account's packets"
                assert "not-registered" in packet
                await other.close()
                back, answer = await connect({"token": token, "pid": pid, "offset": offset})
                if json.loads(answer[2:])["pid"] == pid:
                    names = []
                    while "crew-sign-on" not in names:
                        names.append(json.loads((await asyncio.wait_for(back.receive_str(), 10))[2:])[0])
                    assert "kiosk-online" in names and "kiosk-list" not in names
                    await back.send_str('421["start-monitoring",{"kioskId":"KIOSK_01"}]')
                    while not (packet := await asyncio.wait_for(back.receive_str(), 10)).startswith("431"):
                        pass
                    assert '"ok":true' in packet, "registered without registering"
                else:
                    pytest.fail("nothing was recovered")
                await back.close()
        assert server.stop() == 0


@asynchronous
async def test_the_log_is_json_and_tells_no_secret(watched):
    token = watched.login("MONITOR_01")["token"]
    sdp = "v=0\r\na=fingerprint:sha-256 SECRETSDP\r\n"
    async with Client(watched, "KIOSK_01") as kiosk, Client(watched, "MONITOR_01") as monitor:
        assert (await kiosk.call("register-kiosk", {}))["ok"]
        await monitor.register_monitor()
        assert (await monitor.call("start-monitoring", {"kioskId": "KIOSK_01"}))["ok"]
        await monitor.call("offer", {"targetId": "KIOSK_01", "offer": {"type": "offer", "sdp": sdp}})
        await monitor.call("offer", {"targetId": "KIOSK_01", "offer": {"type": "offer", "sdp": 7}})
    with contextlib.suppress(Exception):
        get(watched, f"/socket.io/?EIO=4&transport=polling&token={token}")
    watched.post("/api/auth/login", {"username": "MONITOR_01", "password": "WRONGPASSWORD"})
    lines = [json.loads(line) for line in watched.log.read_text().splitlines() if line.startswith("{")]
    assert lines and {"time", "level", "component", "message"} <= set(lines[0])
    assert any("log-in refused" in line["message"] for line in lines)
    text = watched.log.read_text()
    assert not re.search(r"eyJ[A-Za-z0-9_-]{8,}", text), "a token is in the log"
    for secret in ("SECRETSDP", PASSWORD, "WRONGPASSWORD", token):
        assert secret not in text, f"{secret} is in the log"


@asynchronous
async def test_the_log_tells_who_comes_and_goes(watched):
    """What an administrator looks for: which version listens where, which kiosks and sessions come and go, and who could not log in."""

    def messages() -> list[str]:
        return [json.loads(line)["message"] for line in watched.log.read_text().splitlines() if line.startswith("{")]

    version = subprocess.run([str(BIN / "kiosk-signaling"), "version"], capture_output=True, text=True, check=True).stdout.split()[1]
    assert messages()[0] == f"kiosk-signaling {version} listening on {watched.address}", messages()
    async with Client(watched, "KIOSK_01") as kiosk, Client(watched, "MONITOR_01") as monitor:
        assert (await kiosk.call("register-kiosk", {"version": "7.8.9"}))["ok"]
        await monitor.register_monitor()
        assert (await monitor.call("start-monitoring", {"kioskId": "KIOSK_01"}))["ok"]
        session = (await monitor.expect("monitoring-started"))["sessionId"]
        assert (await monitor.call("stop-monitoring", {"kioskId": "KIOSK_01"}))["ok"]
    for message in (
        "kiosk KIOSK_01 is online, version 7.8.9", f"session {session} begins: MONITOR_01 watches KIOSK_01",
        f"session {session} has ended: stopped-by-monitor", "kiosk KIOSK_01 is offline",
    ):
        await asyncio.to_thread(eventually, lambda: message in messages(), 20, f"not in the log: {message}\n{watched.tail()}")


@pytest.mark.parametrize("identities", [True, False], ids=["with-names", "without-names"])
def test_the_log_names_a_refused_log_in_where_it_may(wire, folder, identities):
    server = Server(folder, network.MONITOR, f"log: {{ format: json, identities: {str(identities).lower()} }}\n")
    populate(server)
    with running(server):
        for name, code in (("MONITOR_01", 401), ("NOBODY_AT_ALL", 401)):
            assert server.post("/api/auth/login", {"username": name, "password": "WRONGPASSWORD"})[0] == code
        lines = [json.loads(line) for line in server.log.read_text().splitlines() if "log-in refused" in line]
        told = [line["message"] for line in lines]
        if identities:
            assert told == [f"log-in refused: {name} from {network.MONITOR} (invalid-credentials)" for name in ("MONITOR_01", "NOBODY_AT_ALL")]
            assert all({network.MONITOR, name} <= set(line.values()) for line, name in zip(lines, ("MONITOR_01", "NOBODY_AT_ALL"))), lines
        else:
            assert told == ["log-in refused (invalid-credentials)"] * 2
            text = server.log.read_text().replace(server.address, "")
            assert "MONITOR_01" not in text and "NOBODY_AT_ALL" not in text and network.MONITOR not in text
        assert server.stop() == 0


@asynchronous
async def test_the_metrics_count(watched):
    async with Client(watched, "KIOSK_01") as kiosk, Client(watched, "MONITOR_01") as monitor:
        assert (await kiosk.call("register-kiosk", {}))["ok"]
        await monitor.register_monitor()
        assert (await monitor.call("start-monitoring", {"kioskId": "KIOSK_01"}))["ok"]
        assert not (await monitor.call("start-monitoring", {"kioskId": "KIOSK_02"}))["ok"]
        watched.post("/api/auth/login", {"username": "MONITOR_01", "password": "wrong password"})
        page = get(watched, "/metrics")
        for line in (
            'kiosk_signaling_sockets{role="kiosk"} 1', 'kiosk_signaling_sockets{role="monitor"} 1', "kiosk_signaling_monitoring_sessions 1",
            'kiosk_signaling_events_total{event="start-monitoring"} 2', 'kiosk_signaling_refusals_total{code="kiosk-offline"} 1',
            'kiosk_signaling_logins_total{result="failed"} 1',
        ):
            assert line in page.splitlines(), f"{line}\n{page}"
        assert metric(watched, "kiosk_signaling_store_seconds_count") > 0
        assert metric(watched, "kiosk_signaling_loop_seconds_count") > 0
        assert get(watched, "/readyz") == "ready\n" and get(watched, "/healthz") == "ok\n"


def test_the_credentials_of_turn_servers_are_renewed_while_a_kiosk_is_registered(wire, folder):
    settings = f"metrics: {{ allow: [{network.MONITOR}] }}\nice: {{ turn: ['turn:{network.MONITOR}:9'], sharedSecret: shared-secret, credentialLifetime: 60s }}\n"
    server = Server(folder, network.MONITOR, settings)
    populate(server)
    kiosk = Agent(folder, server.address, prefix=wire.prefix)
    registrations = 'kiosk_signaling_events_total{event="register-kiosk"}'
    with running(server, kiosk):
        eventually(lambda: f"{registrations} 1" in get(server, "/metrics"), 15, "not registered")
        began = time.monotonic()
        eventually(lambda: f"{registrations} 2" in get(server, "/metrics"), 45, "not registered again")
        assert 25 < time.monotonic() - began < 40
        # On the same socket, and nothing else has happened.
        assert 'kiosk_signaling_sockets{role="kiosk"} 1' in get(server, "/metrics")
        assert kiosk.log.read_text().count("registered with") == 1
        assert kiosk.status()["state"] == "idle"


def test_only_who_may_reads_the_metrics(server):
    # By default the machine itself, and here we ask from an address of its network.
    with pytest.raises(urllib.error.HTTPError, match="404"):
        get(server, "/metrics")


@asynchronous
async def test_keys_and_accounts_change_while_it_runs(server):
    old = server.login("MONITOR_01")["token"]
    command(server, "keys", "rotate")
    await asyncio.sleep(1.2)
    new = server.login("MONITOR_01")["token"]
    header = [json.loads(decoded(token.split(".")[0])) for token in (old, new)]
    assert header[0]["kid"] != header[1]["kid"]
    for token in (old, new):
        client = Client(server, "MONITOR_01")
        await client.connect(token=token)
        await client.close()
    async with Client(server, "KIOSK_01") as kiosk, Client(server, "MONITOR_01") as monitor:
        assert (await kiosk.call("register-kiosk", {}))["ok"]
        await monitor.register_monitor()
        assert (await monitor.call("start-monitoring", {"kioskId": "KIOSK_01"}))["ok"]
        began = time.monotonic()
        await asyncio.to_thread(command, server, "account", "disable", "KIOSK_01")
        stopped = await monitor.expect("monitoring-stopped")
        await monitor.expect("kiosk-offline", kioskId="KIOSK_01")
        while kiosk.socket.connected:
            await asyncio.sleep(0.02)
        assert time.monotonic() - began < 1.5, "a second, and the command's own time"
        assert stopped["reason"] == "ended-by-admin"


@asynchronous
async def test_a_backup_of_a_running_server_is_whole(server, folder):
    async with Client(server, "KIOSK_01") as kiosk:
        assert (await kiosk.call("register-kiosk", {}))["ok"]
        for number in range(20):
            assert (await kiosk.call("crew-sign-on", {"eventId": f"e{number}", "crewId": "c", "occurredAt": "2026-01-01T00:00:00Z"}))["ok"]
        copy = folder / "copy.db"
        await asyncio.to_thread(command, server, "database", "backup", str(copy))
        assert (await kiosk.call("crew-sign-on", {"eventId": "later", "crewId": "c", "occurredAt": "2026-01-01T00:00:00Z"}))["ok"]
    with contextlib.closing(sqlite3.connect(copy)) as records:
        assert records.execute("SELECT count(*) FROM crew_event").fetchone()[0] == 20
    assert "whole" in subprocess.run([str(BIN / "kiosk-signaling"), "audit", "verify", "--database", str(copy)], capture_output=True, text=True).stdout


def test_a_changed_audit_is_found(server):
    server.login("MONITOR_01")
    server.login("MONITOR_02")
    assert server.stop() == 0
    with contextlib.closing(sqlite3.connect(server.database)) as records, records:
        records.execute("UPDATE audit SET actor = 'MONITOR_02' WHERE sequence = (SELECT max(sequence) - 1 FROM audit)")
    done = subprocess.run([str(BIN / "kiosk-signaling"), "audit", "verify", "--database", str(server.database)], capture_output=True, text=True)
    assert done.returncode == 1 and "broken" in done.stderr
    server.start()


def certificate(folder: pathlib.Path, name: str, key=None) -> None:
    """A self-signed one with that common name, in the files the server reads; of an elliptic curve unless `key` is given."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1)).sign(key, hashes.SHA256())
    )
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    (folder / "key.pem").chmod(0o600)
    (folder / "chain.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))


def common_name(host: str, port: int) -> str:
    der = ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate((host, port), timeout=10))
    return x509.load_der_x509_certificate(der).subject.rfc4514_string()


def over_tls(host: str, port: int, path: str) -> str:
    context = ssl._create_unverified_context()
    return urllib.request.urlopen(f"https://{host}:{port}{path}", timeout=10, context=context).read().decode()


class SecureServer(Server):
    def answers(self) -> bool:
        with contextlib.suppress(OSError):
            return over_tls(self.host, self.port, "/healthz") == "ok\n"
        return False


def test_certificates_are_read_again(wire, folder):
    certificate(folder, "first")
    server = SecureServer(folder, network.MONITOR, f"tls: {{ certificateFile: {folder}/chain.pem, privateKeyFile: {folder}/key.pem }}\n")
    with running(server):
        assert common_name(server.host, server.port) == "CN=first"
        old = http.client.HTTPSConnection(server.host, server.port, timeout=10, context=ssl._create_unverified_context())
        old.connect()
        live = ssl._create_unverified_context().wrap_socket(socket.create_connection((server.host, server.port), 10))
        live.sendall(
            b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
        assert live.recv(65536).startswith(b"HTTP/1.1 101 ")
        certificate(folder, "second")
        os.kill(server.pid, signal.SIGHUP)
        eventually(lambda: common_name(server.host, server.port) == "CN=second", 5)
        # Connections from before go on.
        for _ in range(3):
            old.request("GET", "/healthz")
            assert old.getresponse().read() == b"ok\n"
        assert b"first" in old.sock.getpeercert(binary_form=True)
        live.sendall(frame(1, b'40{"token":"none"}'))
        heard = b""
        while b"token-invalid" not in heard:
            more = live.recv(65536)
            assert more, heard
            heard += more
        # A key that does not fit changes nothing.
        (folder / "key.pem").write_text("nonsense")
        os.kill(server.pid, signal.SIGHUP)
        eventually(lambda: "the old ones stay" in server.log.read_text(), 5)
        assert common_name(server.host, server.port) == "CN=second"
        assert server.stop() == 0


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_a_service_managers_socket(wire, folder, secure):
    """The server serves a socket that was there before it, and a client that comes while it is away waits."""
    tls = ""
    if secure:
        certificate(folder, "socket")
        tls = f"tls: {{ certificateFile: {folder}/chain.pem, privateKeyFile: {folder}/key.pem }}\n"
    config = folder / "signaling.yaml"
    # What `listen` says does not count then.
    config.write_text(f"listen: 192.0.2.1:1\ndatabase: {folder}/signaling.db\n{tls}")
    listener = socket.create_server((network.MONITOR, 0))
    port = listener.getsockname()[1]
    log = open(folder / "socket.log", "ab")

    def start() -> subprocess.Popen:
        # As systemd does: descriptor 3, and who it is for.
        script = 'import os, sys; os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid())); os.dup2(int(sys.argv[1]), 3); os.execv(sys.argv[2], sys.argv[2:])'
        return subprocess.Popen(
            [sys.executable, "-c", script, str(listener.fileno()), str(BIN / "kiosk-signaling"), "serve", "--config", str(config)],
            pass_fds=(listener.fileno(),), stdout=log, stderr=log,
        )

    def ask() -> str:
        if secure:
            return over_tls(network.MONITOR, port, "/healthz")
        return urllib.request.urlopen(f"http://{network.MONITOR}:{port}/healthz", timeout=10).read().decode()

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        early = pool.submit(ask)
        process = start()
        try:
            assert early.result(15) == "ok\n", (folder / "socket.log").read_text()
            for _ in range(20):
                assert ask() == "ok\n"
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
            waiting = pool.submit(ask)
            time.sleep(0.3)
            assert not waiting.done()
            process = start()
            assert waiting.result(15) == "ok\n"
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
        finally:
            process.kill()
            listener.close()


def test_systemd_socket_activate(wire, folder):
    program = "/usr/bin/systemd-socket-activate"
    if not os.access(program, os.X_OK):
        peer_missing("systemd-socket-activate")
    config = folder / "signaling.yaml"
    config.write_text(f"database: {folder}/signaling.db\n")
    port = free_port(network.MONITOR)
    process = subprocess.Popen([program, "-l", f"{network.MONITOR}:{port}", str(BIN / "kiosk-signaling"), "serve", "--config", str(config)], stderr=subprocess.DEVNULL)
    try:

        def answers() -> bool:
            with contextlib.suppress(OSError):
                return urllib.request.urlopen(f"http://{network.MONITOR}:{port}/healthz", timeout=5).read() == b"ok\n"
            return False

        eventually(answers, 15)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    finally:
        process.kill()


def test_clients_that_never_speak_cost_little_and_nobody_else(watched):
    before = watched.usage().resident
    silent = []
    for _ in range(1000):
        one = socket.create_connection((watched.host, watched.port), 5)
        silent.append(one)
    eventually(lambda: metric(watched, "kiosk_signaling_connections") >= 1000, 10)
    began = time.monotonic()
    assert get(watched, "/healthz") == "ok\n"
    assert time.monotonic() - began < 1
    assert watched.usage().resident - before < 20_000_000
    # They are closed when they have said nothing for 20 s.
    eventually(lambda: metric(watched, "kiosk_signaling_connections") < 10, 45)
    for one in silent:
        one.settimeout(1)
        assert one.recv(1) == b""
        one.close()


def test_accepting_pauses_while_descriptors_are_used_up(watched):
    """What has no descriptor waits outside, costs nothing meanwhile, and is served when others have gone."""
    # Its log is written now; what is opened later (the records' own files) keeps its room.
    limit = watched.usage().descriptors + 40
    subprocess.run(["prlimit", f"--pid={watched.pid}", f"--nofile={limit}:{limit}"], check=True)
    lines = []
    try:
        for _ in range(limit + 20):
            lines.append(socket.create_connection((watched.host, watched.port), 5))
        eventually(lambda: watched.usage().descriptors >= limit, 10)
        before, began = watched.usage().cpu, time.monotonic()
        time.sleep(3)
        used = (watched.usage().cpu - before) / (time.monotonic() - began)
        assert used < 0.2, f"{used:.0%} of a processor while nothing can be accepted"
        late = lines.pop()
        late.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    finally:
        for one in lines:
            one.close()
    late.settimeout(5)
    answer = b""
    while more := late.recv(4096):
        answer += more
    assert answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(b"ok\n"), answer
    assert get(watched, "/healthz") == "ok\n"


def test_descriptors_are_raised_to_what_the_system_allows(wire, folder):
    server = Server(folder, network.MONITOR, prefix=["prlimit", "--nofile=64:3000"])
    agent = Agent(folder, server.address, prefix=["prlimit", "--nofile=64:3000", *wire.prefix])
    populate(server)
    with running(server, agent):
        for one in (server, agent):
            limit = lambda: re.search(r"Max open files +(\d+)", pathlib.Path(f"/proc/{one.pid}/limits").read_text())[1]  # noqa: E731
            eventually(lambda: limit() == "3000", 10, f"{one.name} has {limit()}")
        # More clients than the limit it was started with has room for.
        lines = [socket.create_connection((server.host, server.port), 5) for _ in range(120)]
        assert get(server, "/healthz") == "ok\n"
        for line in lines:
            line.close()


@asynchronous
async def test_a_client_that_never_reads_is_closed(wire, folder):
    """A monitor registers and reads no more, while a kiosk's status changes and changes."""
    server = Server(folder, network.MONITOR, f"limits: {{ pendingBytes: 100000 }}\nmetrics: {{ allow: [{network.MONITOR}] }}\n")
    populate(server)
    with running(server):
        token = server.login("MONITOR_01")["token"]
        deaf = socket.socket()
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect((server.host, server.port))
        deaf.sendall(
            f"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {server.host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        assert b"101" in deaf.recv(4096)

        def frame(text: str) -> bytes:
            data = text.encode()
            return bytes([0x81, 0xFE]) + len(data).to_bytes(2) + bytes(4) + data if len(data) > 125 else bytes([0x81, 0x80 | len(data)]) + bytes(4) + data

        deaf.sendall(frame("40" + json.dumps({"token": token})) + frame('42["register-monitor"]'))
        await asyncio.sleep(0.5)
        async with Client(server, "KIOSK_01") as kiosk, Client(server, "MONITOR_02") as healthy:
            assert (await kiosk.call("register-kiosk", {}))["ok"]
            await healthy.register_monitor()
            slowest = 0.0
            for number in range(4000):
                began = time.monotonic()
                await kiosk.call("heartbeat-ping", {"status": {"network": f"{number:04}" + "x" * 190, "memory": number}})
                slowest = max(slowest, time.monotonic() - began)
                if number % 50 == 0 and metric(server, "kiosk_signaling_slow_clients_total"):
                    break
                await asyncio.sleep(0.02)
            assert metric(server, "kiosk_signaling_slow_clients_total") == 1
            assert metric(server, 'kiosk_signaling_sockets') == 2
            assert slowest < 1
        deaf.close()
        assert server.stop() == 0


def test_forwarded_addresses_count_only_from_a_trusted_proxy(wire, folder):
    """The throttle of log-ins is per address: behind a trusted proxy that is the client's."""

    def attempts(server: Server, forwarded: str, count: int) -> list[int]:
        return [
            server.post("/api/auth/login", {"username": f"NOBODY_{forwarded}_{number}", "password": PASSWORD}, {"X-Forwarded-For": forwarded})[0]
            for number in range(count)
        ]

    def readers(server: Server, *forwarded: str | None) -> list[int]:
        answers = []
        for address in forwarded:
            request = urllib.request.Request(f"http://{server.host}:{server.port}/metrics", headers={"X-Forwarded-For": address} if address else {})
            try:
                with urllib.request.urlopen(request, timeout=10) as answer:
                    answers.append(answer.status)
            except urllib.error.HTTPError as refused:
                answers.append(refused.code)
        return answers

    for trusted in (True, False):
        place = folder / str(trusted)
        place.mkdir()
        metrics = f"metrics: {{ allow: [{network.MONITOR}, 198.51.100.7] }}\n"
        server = Server(place, network.MONITOR, (f"proxy: {{ trusted: [{network.MONITOR}] }}\n" if trusted else "") + metrics)
        with running(server):
            # The metrics are for whom the proxy names, and the proxy's machine passes for nobody. What somebody else forwards is
            # nobody's request.
            assert readers(server, None, "198.51.100.8", "198.51.100.7") == ([404, 404, 200] if trusted else [200, 404, 404])
            assert server.tail(1000).count("that proxy.trusted does not name") == (0 if trusted else 1)
            first = attempts(server, "198.51.100.1", 40)
            assert 429 in first, first
            other = attempts(server, "198.51.100.2", 1)
            assert other == ([401] if trusted else [429]), (trusted, other)
            assert server.stop() == 0


#: How proxies write whom they forward for; each with another number is another client.
FORMS = {
    "plain": "203.0.113.{}", "address-and-port": "203.0.113.{}:5123", "v6-and-port": "[2001:db8:{}::1]:5123", "mapped": "::ffff:203.0.113.{}",
    "mapped-and-port": "[::ffff:203.0.113.{}]:5123",
}


@pytest.mark.parametrize("form", FORMS)
def test_limits_are_each_clients_behind_a_proxy(wire, folder, form):
    """Connections and log-ins are counted by the client that the proxy names, in whatever form; a port makes no other client."""
    server = Server(folder, network.MONITOR, f"proxy: {{ trusted: ['::ffff:{network.MONITOR}'] }}\nlimits: {{ connectionsPerAddress: 3 }}\n")
    populate(server)
    write = FORMS[form].format

    def connected(forwarded: str) -> socket.socket | None:
        line = socket.create_connection((server.host, server.port), 5)
        line.sendall(
            "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nX-Forwarded-For: {forwarded}\r\n\r\n".encode()
        )
        line.settimeout(5)
        heard = b""
        # Engine.IO's first packet, or the close frame of a connection too many.
        while not (frame := heard.partition(b"\r\n\r\n")[2]):
            more = line.recv(4096)
            assert more, heard
            heard += more
        if frame[0] == 0x81:
            return line
        assert frame[0] == 0x88, heard
        line.close()
        return None

    def attempt(forwarded: str, name: str, password: str) -> int:
        return server.post("/api/auth/login", {"username": name, "password": password}, {"X-Forwarded-For": forwarded})[0]

    with running(server):
        clients = [connected(write(number)) for number in range(1, 6)]
        assert all(clients), f"five clients are one: {clients}"
        # Two more of the first, and the fourth is too many, from whatever port.
        more = [connected(write(1).replace("5123", f"60{number}")) for number in range(3)]
        assert [one is not None for one in more] == [True, True, False]
        guesses = [attempt(write(7).replace("5123", f"50{number}"), f"NOBODY_{number}", "wrong") for number in range(40)]
        assert 429 in guesses, guesses
        assert attempt(write(8), "MONITOR_01", PASSWORD) == 200, "another client pays for it"
        for line in [*clients, *more]:
            if line:
                line.close()
        assert server.stop() == 0


def test_metrics_are_for_an_address_in_whatever_form_it_is_written(wire, folder):
    server = Server(folder, network.MONITOR, f"metrics: {{ allow: ['::ffff:{network.MONITOR}'] }}\n")
    with running(server):
        assert "kiosk_signaling_" in get(server, "/metrics")
        assert server.stop() == 0


def test_the_small_soak(wire):
    """Scripts/soak for a minute: cut connections, restarts, kills; then nothing is stuck, lost or doubled."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "Scripts/soak"), "--minutes", "1", "--kiosks", "40", "--monitors", "10"], capture_output=True, text=True, timeout=400
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
