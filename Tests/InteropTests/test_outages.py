"""Pictures on a console while the server is killed and away for longer than a session's grace period, and longer than a kiosk's longest pause.

Briefly here; `make test-outages` has nine pictures and outages of 12, 30 and 60 seconds."""

import contextlib
import os
import sqlite3
import time

import pytest

from conftest import populate
from harness import network
from harness.browser import Console, say
from harness.programs import PASSWORD, Agent, Server, running

KIOSKS = [f"KIOSK_{number:02}" for number in range(1, 1 + int(os.environ.get("PICTURES", 3)))]
OUTAGES = [float(text) for text in os.environ.get("OUTAGES", "12").split(",")]
#: A restored session's grace period is a minute: by then whatever is to end has ended.
AFTERWARDS = 70


@pytest.fixture
def room(wire, driver, folder):
    """All kiosks, each watched on one page."""
    server = Server(folder, network.MONITOR)
    populate(server)
    for kiosk in KIOSKS[2:]:
        server.add(kiosk, "kiosk")
    agents = [
        Agent(folder, server.address, kiosk=kiosk, prefix=wire.prefix, width=160, height=120, rate=5, max_bitrate=100_000) for kiosk in KIOSKS
    ]
    with running(server, *agents):
        console = Console(driver, server.address).open()
        console.sign_in("MONITOR_01", PASSWORD)
        for kiosk in KIOSKS:
            console.online(kiosk, 30)
            console.watch(kiosk)
        for kiosk in KIOSKS:
            console.decoded(kiosk, 10, 30)
        yield server, console
        driver.get("about:blank")
        for agent in agents:
            assert agent.alive() and agent.stop() == 0, agent.tail()
        assert server.stop() == 0, server.tail()


def open_sessions(server: Server) -> dict[str, str]:
    with contextlib.closing(sqlite3.connect(server.database)) as records:
        return dict(records.execute("SELECT kiosk, id FROM session WHERE ended_at IS NULL"))


def moving(console: Console, when: str) -> None:
    """Every picture gets new frames, and is in the session that it was in."""
    before = {kiosk: console.frames(kiosk) for kiosk in KIOSKS}
    for kiosk in KIOSKS:
        console.wait(lambda: console.frames(kiosk) >= before[kiosk] + 5, 5, f"{kiosk} stands still {when}")
    ended = {kiosk: console.tile(kiosk).get_attribute("data-ending") for kiosk in KIOSKS}
    assert not any(ended.values()), f"{when}: {ended}"


@pytest.mark.parametrize("driver", ["chromium"], indirect=True)
def test_no_picture_ends_because_the_server_was_away(room):
    server, console = room
    sessions = open_sessions(server)
    assert set(sessions) == set(KIOSKS)
    for outage in OUTAGES:
        server.kill()
        gone = time.monotonic()
        moving(console, "without a server")
        time.sleep(max(0, gone + outage - time.monotonic()))
        server.start()
        back = time.monotonic()
        console.connected(60)
        connected = time.monotonic() - back
        for kiosk in KIOSKS:
            console.online(kiosk, 60)
        online = time.monotonic() - back
        while time.monotonic() < back + AFTERWARDS:
            moving(console, f"{time.monotonic() - back:.0f} s after an outage of {outage:.0f} s")
            time.sleep(2)
        assert open_sessions(server) == sessions
        shown = {kiosk: console.session(kiosk)["sessionId"] for kiosk in KIOSKS}
        assert shown == sessions
        say(f"away for {outage:.0f} s: the page is connected after {connected:.1f} s, the last of {len(KIOSKS)} kiosks after {online:.1f} s, all pictures move")
