"""Browsers and a kiosk behind real NATs and firewalls, with a real coturn between them."""

import contextlib
import functools
import pathlib
import re
import shutil
import tempfile
import time

import pytest

from conftest import peer_missing, populate
from harness import network
from harness.browser import Console, say
from harness.programs import PASSWORD, Agent, Server, running
from harness.turn import Coturn

KIOSK = "KIOSK_01"
DROP_UDP = "meta l4proto udp drop;"
ONLY_443 = "tcp dport 443 accept; tcp sport 443 accept; drop;"


@functools.cache
def accounts() -> bytes:
    """A database with the usual accounts, made once: hashing their passwords takes longer than a picture."""
    with tempfile.TemporaryDirectory() as folder:
        server = Server(pathlib.Path(folder), "127.0.0.1")
        populate(server)
        return server.database.read_bytes()


@contextlib.contextmanager
def situation(driver, folder, room: str = "cone", kiosk: str = "cone", *, turn: bool = True, redirected: bool = False, settings: str = ""):
    """Everything running on a small internet, the page signed in, the kiosk online."""
    if not shutil.which("turnserver"):
        peer_missing("coturn")
    with network.internet(room, kiosk) as net:
        relays = [Coturn(folder, net.servers.prefix, ports=(3500, 8443), relays=(50300, 50500))] if redirected else []
        coturn = Coturn(folder, net.servers.prefix, alternate=relays[0] if relays else None)
        server = Server(folder, network.INTERNET, (coturn.settings() if turn else "") + settings, port=8080, prefix=net.servers.prefix)
        server.database.write_bytes(accounts())
        agent = Agent(folder, server.address, prefix=net.kiosk_side.prefix, settings=f"tls: {{ caFile: {coturn.ca} }}\n")
        with running(*relays, *([coturn] if turn else []), server, agent):
            console = Console(driver, server.address).open()
            console.sign_in("MONITOR_01", PASSWORD)
            console.online(KIOSK, 20)
            yield net, console, server, agent
            driver.get("about:blank")


def watch(console: Console, frames: int = 60, timeout: float = 25) -> tuple[str, str]:
    """Watches until frames flow and go on flowing; gives both candidates' types.

    The state alone proves nothing: behind NATs a nomination moves, and a stack that does not follow stays connected."""
    console.watch(KIOSK)
    took = console.decoded(KIOSK, frames, timeout)
    time.sleep(2)
    growing(console)
    pair = console.pair(KIOSK)
    kinds = pair["local"]["candidateType"], pair["remote"]["candidateType"]
    say(f"{console.driver.name}: {kinds[0]} to {kinds[1]}, {frames} frames in {took:.1f} s, first after {console.first_frame(KIOSK):.0f} ms")
    return kinds


def growing(console: Console, timeout: float = 5) -> None:
    before = console.frames(KIOSK)
    console.wait(lambda: console.frames(KIOSK) > before + 10, timeout, "no more frames")


@pytest.fixture(scope="class")
def small(driver, tmp_path_factory):
    with situation(driver, tmp_path_factory.mktemp("k", numbered=True)) as everything:
        yield everything


class TestNATs:
    """One small internet whose routers change their kind."""

    def path(self, small, room, kiosk) -> tuple[str, str]:
        net, console, _, _ = small
        net.room.become(room)
        net.kiosk.become(kiosk)
        try:
            return watch(console)
        finally:
            console.stop(KIOSK)

    @pytest.mark.parametrize("room,kiosk", [("full", "full"), ("full", "symmetric"), ("cone", "cone"), ("cone", "full")])
    def test_a_direct_path_through_nats(self, small, room, kiosk):
        assert "relay" not in self.path(small, room, kiosk)

    @pytest.mark.parametrize("room,kiosk", [("symmetric", "symmetric"), ("cone", "symmetric"), ("symmetric", "cone")])
    def test_a_relayed_path_where_no_direct_one_exists(self, small, room, kiosk):
        assert "relay" in self.path(small, room, kiosk)


def test_a_monitor_with_a_public_address(driver, folder):
    with situation(driver, folder, "none", "cone") as (_, console, _, _):
        assert "relay" not in watch(console)


def test_the_kiosk_is_behind_a_firewall_without_udp(driver, folder):
    with situation(driver, folder) as (net, console, _, _):
        net.kiosk.firewall(DROP_UDP)
        watch(console)


def test_the_monitor_is_behind_a_firewall_without_udp(driver, folder):
    with situation(driver, folder) as (net, console, _, _):
        net.room.firewall(DROP_UDP)
        watch(console)


def test_the_kiosk_is_behind_a_firewall_that_lets_only_443_out(driver, folder):
    with situation(driver, folder) as (net, console, server, _):
        net.kiosk.firewall(f"tcp dport {server.port} accept; tcp sport {server.port} accept; {ONLY_443}")
        watch(console)


@pytest.mark.parametrize("driver", ["chromium"], indirect=True)
@pytest.mark.parametrize("rules", [
    pytest.param("tcp dport { 443, 3478, 3500, 8443 } drop;", id="udp"),
    pytest.param(DROP_UDP + "tcp dport { 443, 8443 } drop;", id="tcp"),
    pytest.param(DROP_UDP + "tcp dport { 3478, 3500 } drop;", id="tls"),
])
def test_a_turn_server_that_sends_the_kiosk_to_another(driver, folder, rules):
    """300 Try Alternate (RFC 8489 section 10) over each of the transports."""
    with situation(driver, folder, "symmetric", "symmetric", redirected=True) as (net, console, _, _):
        net.kiosk.firewall(rules)
        assert "relay" in watch(console)
        allocated = re.findall(r"user <\d+:(\w+)>: incoming packet ALLOCATE processed, success", (folder / "turnserver-3500.log").read_text())
        assert KIOSK in allocated, allocated


def test_a_turn_server_that_does_not_answer_delays_nothing(driver, folder):
    with situation(driver, folder, "none", "none") as (net, console, _, _):
        net.servers.nft("table inet deaf {\nchain input { type filter hook input priority 0; udp dport 3478 drop; tcp dport { 443, 3478 } drop\n}\n}")
        watch(console)
        assert console.first_frame(KIOSK) < 2_000


def test_ipv6_only(driver, folder):
    with situation(driver, folder, "none", "none", turn=False) as (net, console, _, _):
        for site in (net.room, net.kiosk):
            site.plug(ipv4=False, ipv6=True)
            # IPv4 goes on to the server alone: what signaling rides on is not the matter here.
            site.firewall("meta nfproto ipv4 meta l4proto udp drop;")
        time.sleep(1)
        watch(console)


def test_the_kiosks_address_changes_in_the_middle(driver, folder):
    with situation(driver, folder, "none", "none") as (net, console, _, agent):
        watch(console)
        net.kiosk.unplug()
        time.sleep(0.5)
        began = time.monotonic()
        net.kiosk.plug(last=7)
        before = console.frames(KIOSK)
        console.wait(lambda: console.frames(KIOSK) > before + 5, 40, "the picture did not come back")
        took = time.monotonic() - began
        say(f"{console.driver.name}: picture back {took:.1f} s after the new address")
        assert took < 2
        # Signaling comes back on the new address too, and the restart it carries leaves the picture as it is.
        console.wait(lambda: agent.log.read_text().count("registered with") == 2, 20, "signaling did not come back")
        time.sleep(3)
        growing(console)


def test_the_monitors_address_changes_in_the_middle(driver, folder):
    with situation(driver, folder, "none", "none") as (net, console, _, _):
        watch(console)
        net.room.unplug()
        time.sleep(0.5)
        began = time.monotonic()
        net.room.plug(last=7)
        before = console.frames(KIOSK)
        console.wait(lambda: console.frames(KIOSK) > before + 5, 60, "the picture did not come back")
        say(f"{console.driver.name}: picture back {time.monotonic() - began:.1f} s after the new address")


def test_media_outlives_signaling_for_a_minute(driver, folder):
    # The server sees both sockets lost too: within its grace period both go on where they were.
    with situation(driver, folder, "none", "none", settings="sessions: { gracePeriod: 180s }\n") as (net, console, server, _):
        watch(console)
        net.servers.nft(f"table inet gone {{\nchain input {{ type filter hook input priority 0; tcp dport {server.port} drop\n}}\n"
                        f"chain output {{ type filter hook output priority 0; tcp sport {server.port} drop\n}}\n}}")
        console.wait(lambda: console.find("connection").get_attribute("data-tone") != "good", 75, "loss not shown")
        end = time.monotonic() + 60
        while time.monotonic() < end:
            growing(console)
            time.sleep(2)
        net.servers.nft("delete table inet gone")
        console.connected(40)
        session = console.session(KIOSK)["sessionId"]
        time.sleep(5)
        growing(console)
        assert console.session(KIOSK)["sessionId"] == session

