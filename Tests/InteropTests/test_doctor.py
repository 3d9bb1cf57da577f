"""`kiosk-agent doctor` against a real server and a real coturn, on a good day and with one fault at a time."""

import contextlib
import http.server
import json
import os
import pathlib
import pty
import shutil
import subprocess
import tarfile
import tempfile
import threading

import pytest

from harness import network
from harness.clinic import Authority, examine, place, registered
from harness.programs import BIN, PASSWORD, Agent, eventually, running

KIOSK = "KIOSK_01"


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """Server and coturn for all tests that change nothing there."""
    with place(tmp_path_factory.mktemp("d")) as one:
        server = one.server()
        with running(one.coturn, server):
            one.address = server.address
            yield one


def test_a_good_day(shared):
    agent = shared.agent(shared.address)
    with running(agent):
        registered(agent)
        report = examine(agent)
    assert report.failed() == set(), report.show()
    for name in ("configuration", "state-directory", "service", "outbox", "server", "certificate", "login", "socket-io", "clock",
                 "stun", "nat", "turn-udp", "turn-tcp", "turn-tls", "udp", "camera-picture", "microphone", "self-call"):
        assert report[name]["status"] == "ok", report.show()
    assert report["certificate"]["facts"]["daysLeft"] == 90
    assert [one["subject"] for one in report["certificate"]["facts"]["chain"]] == ["signaling", "Railway CA"]
    assert abs(report["clock"]["facts"]["offsetSeconds"]) < 2
    outside = shared.net.kiosk.outside_address
    assert report["stun"]["facts"]["servers"][0]["mapped"].startswith(f"{outside}:")
    assert report["nat"]["facts"] == report["nat"]["facts"] | {
        "translated": True, "mapping": "endpoint-independent", "filtering": "address-and-port-dependent"}
    for name in ("turn-udp", "turn-tcp", "turn-tls"):
        relay = report[name]["facts"]["relays"][0]
        assert relay["relayed"].startswith(f"{network.INTERNET}:") and relay["echoMilliseconds"] < 500, relay
    call = report["self-call"]["facts"]
    assert call["size"] == "640x480" and call["framesPerSecond"] > 20 and call["damaged"] == 0, call
    assert call["firstFrameMilliseconds"] < 2000
    # Nothing was taken from the running agent, and the relays were given back.
    assert agent.process is None
    assert report.seconds < 20


def test_a_user_who_may_not_read_the_password(shared):
    """A healthy kiosk is not broken for him, and what he could not check is not called good."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        trust = folder / "trust.pem"
        trust.write_bytes(shared.trust.read_bytes())
        agent = Agent(folder, shared.address, prefix=shared.net.kiosk_side.prefix, settings=f"tls: {{ caFile: {trust} }}\n")
        agent.state.chmod(0o700)
        with running(agent):
            registered(agent)
            report = examine(agent, prefix=["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"])
    assert report.failed() == set(), report.show()
    for check in ("outbox", "socket-io", "stun", "nat", "turn-udp"):
        assert report[check]["seen"].startswith("not checked: "), report.show()
    assert "run as root" in report["outbox"]["seen"]
    assert report["server"]["status"] == "ok" and report["certificate"]["status"] == "ok"
    assert report.status == 3


def test_nobody_is_registered_twice(shared):
    """Examining a kiosk does not take its running agent's place."""
    agent = shared.agent(shared.address)
    with running(agent):
        registered(agent)
        before = agent.log.read_text()
        examine(agent, "--only", "login,socket-io")
        assert agent.status()["state"] == "idle"
        since = agent.log.read_text().removeprefix(before)
        assert "replaced" not in since and "connection-lost" not in since


def test_a_camera_that_is_a_program_is_no_device_that_is_missing(shared):
    report = examine(shared.agent(shared.address, camera="test:black"), "--only", "camera-devices,camera-picture")
    assert report["camera-devices"]["status"] == "skipped", report.show()
    assert report["camera-picture"]["status"] == "warning" and "black" in report["camera-picture"]["seen"], report.show()


def test_udp_blocked(shared):
    shared.net.kiosk.firewall("meta l4proto udp drop;")
    try:
        report = examine(shared.agent(shared.address), "--only", "stun,nat,turn-udp,turn-tcp,turn-tls,udp,login")
    finally:
        shared.net.kiosk.firewall("")
    assert report.failed() == {"stun", "turn-udp", "udp"}, report.show()
    assert report["turn-tcp"]["status"] == report["turn-tls"]["status"] == "ok"
    assert report["nat"]["status"] == "skipped"


def test_only_443_is_let_out(shared):
    shared.net.kiosk.firewall("tcp dport { 443, 8443 } accept; tcp sport { 443, 8443 } accept; drop;")
    try:
        report = examine(shared.agent(shared.address), "--only", "turn-udp,turn-tcp,turn-tls")
    finally:
        shared.net.kiosk.firewall("")
    assert report.failed() == {"turn-udp", "turn-tcp"}, report.show()
    assert report["turn-tls"]["status"] == "ok"


def test_everything_is_dropped(shared):
    """The worst: nobody answers, nobody refuses."""
    shared.net.kiosk.firewall("drop;")
    try:
        report = examine(shared.agent(shared.address))
    finally:
        shared.net.kiosk.firewall("")
    assert report["server"]["status"] == "failed" and report["server"]["facts"]["trouble"] == "server-away", report.show()
    assert report["login"]["status"] == "skipped"
    assert report["self-call"]["status"] == "ok", "works offline"


def test_a_wrong_password(shared):
    report = examine(shared.agent(shared.address, password="not the password"), "--only", "server,login,turn-udp")
    assert report.failed() == {"login"} and report["login"]["facts"]["trouble"] == "wrong-password", report.show()
    assert report["turn-udp"]["status"] == "skipped"
    assert report.status == 1


@contextlib.contextmanager
def another_server(shared, folder, certificate: str):
    """A second one, on a port of its own, for a kiosk that has to judge its certificate."""
    server = shared.server(certificate, folder=folder, port=8444)
    with running(server):
        yield server.address


@pytest.mark.parametrize("start,end,status,words", [(-100, -3, "failed", "expired"), (-80, 5, "warning", "5 days left"), (2, 90, "failed", "valid from")])
def test_certificates_that_end(shared, folder, start, end, status, words):
    with another_server(shared, folder, shared.authority.issue(start, end)) as address:
        report = examine(shared.agent(address), "--only", "server,certificate,clock,login")
    assert report["certificate"]["status"] == status and words in report["certificate"]["seen"], report.show()
    if status == "failed":
        assert report["server"]["facts"]["trouble"] == "clock-wrong" and report["login"]["status"] == "skipped"


def test_an_authority_nobody_trusts(shared, folder):
    with another_server(shared, folder, Authority(folder, "Somebody").issue()) as address:
        report = examine(shared.agent(address), "--only", "server,certificate")
    assert report["certificate"]["status"] == "failed" and "signed by nobody trusted here" in report["certificate"]["seen"], report.show()
    assert "tls.caFile" in report["certificate"]["remedy"]


def test_a_certificate_that_changes(shared, folder):
    """Another key of the same authority: the agent comes back by itself. Another authority: it says so, and comes back when it is trusted."""
    first = shared.server(shared.authority.issue(), folder=folder, port=8445)
    agent = shared.agent(first.address)
    with running(agent):
        with running(first):
            registered(agent)
        with running(shared.server(shared.authority.issue(-2, 60), folder=folder, port=8445)):
            registered(agent, 40)
        with running(shared.server(Authority(folder, "Somebody").issue(), folder=folder, port=8445)):
            eventually(lambda: agent.status()["link"].get("trouble") == "tls-refused", 60)
            assert "tls.caFile" in agent.status()["link"]["remedy"] and "tls.caFile" in agent.tail(200)
        with running(shared.server(shared.authority.issue(-3, 70), folder=folder, port=8445)):
            registered(agent, 60)


def test_a_dead_name_server(shared, tmp_path):
    """Doctor and the running agent name it, and the agent comes back when names are found again."""
    resolver, hosts = tmp_path / "resolv.conf", tmp_path / "hosts"
    resolver.write_text("nameserver 198.51.100.77\noptions timeout:1 attempts:1\n")
    hosts.write_text("127.0.0.1 localhost\n")
    isolated = ["unshare", "--mount", "bash", "-c", f'mount --bind {resolver} /etc/resolv.conf && mount --bind {hosts} /etc/hosts && exec "$@"', "doctor"]
    agent = shared.agent("http://signaling.example:8081")
    report = examine(agent, "--only", "name-resolution,server", prefix=isolated)
    assert report.failed() == {"name-resolution", "server"}, report.show()
    # A program that is on this machine.
    expected = "resolvectl status" if shutil.which("resolvectl") else "cat /etc/resolv.conf"
    assert expected in report["name-resolution"]["remedy"]
    agent.prefix = [*agent.prefix, *isolated]
    with running(agent):
        eventually(agent.socket.exists, 10)
        link = eventually(lambda: agent.status()["link"] if agent.status()["link"].get("trouble") else None, 30)
        assert link["trouble"] == "name-not-found" and "name server" in link["remedy"], link
        hosts.write_text(f"127.0.0.1 localhost\n{shared.net.room.address} signaling.example\n")
        # Somebody answers there: not the server, but a name was found.
        eventually(lambda: agent.status()["link"].get("trouble") == "server-away", 60)


class Portal(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(302)
        self.send_header("Location", "http://login.hotel.example/")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_POST = do_GET

    def log_message(self, *_):
        pass


def test_a_network_that_wants_a_sign_in(shared):
    """Its page comes in place of ours: doctor and the running agent both say so."""
    with http.server.ThreadingHTTPServer((shared.net.room.address, 8081), Portal) as portal:
        threading.Thread(target=portal.serve_forever, daemon=True).start()
        agent = shared.agent(f"http://{shared.net.room.address}:8081")
        report = examine(agent, "--only", "server,login")
        with running(agent):
            eventually(agent.socket.exists, 10)
            link = eventually(lambda: agent.status()["link"] if agent.status()["link"].get("trouble") else None, 10)
        portal.shutdown()
    assert report.failed() == {"server"} and report["server"]["facts"]["trouble"] == "captive-portal", report.show()
    assert link["trouble"] == "captive-portal" and "sign-in" in link["remedy"], link


def test_nobody_listens(shared):
    report = examine(shared.agent(f"https://{network.INTERNET}:9"), "--only", "server,login,clock")
    assert report.failed() == {"server"} and report["server"]["facts"]["trouble"] == "server-away", report.show()


def test_no_camera_and_no_microphone(shared):
    report = examine(shared.agent(shared.address, camera="/dev/video97", microphone="hw:97"), "--only", "camera-devices,camera-picture,self-call,microphone")
    assert report.failed() == {"camera-devices", "camera-picture", "self-call", "microphone"}, report.show()
    assert report["camera-picture"]["facts"]["reason"] == "missing"


def test_a_full_disk(shared, tmp_path):
    agent = shared.agent(shared.address)
    small = ["unshare", "--mount", "bash", "-c", f'mount -t tmpfs -o size=1m none {agent.state} && chmod 700 {agent.state} && exec "$@"', "doctor"]
    report = examine(agent, "--only", "disk,state-directory", prefix=small)
    assert report.failed() == {"disk"}, report.show()


def test_an_outbox_that_cannot_be_read(shared):
    agent = shared.agent(shared.address)
    for old in agent.state.glob("outbox*"):
        old.unlink()
    (agent.state / "outbox.db").write_bytes(b"this is no database, " * 100)
    report = examine(agent, "--only", "outbox")
    assert report["outbox"]["status"] == "failed" and "not a database" in report["outbox"]["seen"], report.show()
    # What the remedy says is what happens.
    with running(agent):
        registered(agent)
        assert ".damaged-" in agent.status()["outbox"]["damaged"]
        report = examine(agent, "--only", "outbox")
        assert report["outbox"]["status"] == "warning" and "put aside" in report["outbox"]["seen"], report.show()
    assert len(list(agent.state.glob("outbox.db.damaged-*"))) == 1


def test_a_support_archive_has_no_secret(shared, tmp_path):
    agent = shared.agent(shared.address)
    with running(agent):
        registered(agent)
        archive = tmp_path / "support.tar"
        examine(agent, "--only", "configuration,service,login,turn-udp", "--bundle", str(archive))
    assert archive.stat().st_mode & 0o777 == 0o600
    with tarfile.open(archive) as tar:
        contents = {member.name.split("/")[-1]: tar.extractfile(member).read() for member in tar.getmembers()}
    assert {"doctor.json", "doctor.txt", "status.json", "configuration.yaml", "versions.txt", "devices.txt", "network.txt", "libraries.txt", "journal.txt"} == set(contents)
    assert json.loads(contents["doctor.json"])["kioskId"] == KIOSK and json.loads(contents["status.json"])["state"] == "idle"
    assert b"KIOSK_01" in contents["configuration.yaml"]
    whole = archive.read_bytes()
    assert PASSWORD.encode() not in whole and b"eyJ" not in whole


def test_colours_and_progress_only_on_a_terminal(shared):
    agent = shared.agent(shared.address)
    command = [*agent.prefix, str(BIN / "kiosk-agent"), "doctor", "--only", "login,microphone", "--config", str(agent.config)]
    plain = subprocess.run(command, capture_output=True, text=True, timeout=40)
    assert plain.returncode == 0 and "\x1b" not in plain.stdout and "\r" not in plain.stdout, plain
    main, side = pty.openpty()
    process = subprocess.Popen(command, stdout=side, stdin=side, stderr=side, env={**os.environ, "TERM": "xterm"})
    os.close(side)
    shown = b""
    with contextlib.suppress(OSError):
        while part := os.read(main, 4096):
            shown += part
    os.close(main)
    assert process.wait(10) == 0
    assert b"\x1b[32m" in shown and b"of 2," in shown and b"login" in shown, shown


def test_usage(shared):
    agent = shared.agent(shared.address)
    for arguments in (["--only", "nonsense"], ["--nonsense"], ["--format", "xml"]):
        done = subprocess.run([str(BIN / "kiosk-agent"), "doctor", "--config", str(agent.config), *arguments], capture_output=True, timeout=30)
        assert done.returncode == 2 and done.stderr, done
