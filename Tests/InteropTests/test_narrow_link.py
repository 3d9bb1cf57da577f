"""A kiosk at the end of a link that carries next to nothing."""

import re
import subprocess
import time

import pytest

from conftest import populate
from harness import browser, link, network
from harness.browser import Console, say
from harness.programs import PASSWORD, Agent, Server, running

KIOSK = "KIOSK_01"


@pytest.fixture
def narrow():
    """The wire, as a link that can be told its rate."""
    network.require_own_network()
    kiosk = network.Namespace("kiosk")
    one = link.Link(kiosk, up={"rate": 0, "delay": 20, "queue": 150}, down={"rate": 0, "delay": 20})
    try:
        yield one
    finally:
        one.close()
        kiosk.remove()


def test_150_kbit_carry_a_picture_that_moves_and_sound(narrow, folder):
    server = Server(folder, network.MONITOR)
    populate(server)
    agent = Agent(folder, server.address, prefix=narrow.kiosk.prefix)
    with running(server, agent), browser.started("chromium") as driver:
        console = Console(driver, server.address).open()
        console.sign_in("MONITOR_01", PASSWORD)
        console.online(KIOSK)
        narrow.set(up={"rate": 150})
        console.watch(KIOSK)
        console.decoded(KIOSK, 30, 40)
        time.sleep(10)
        before, began = console.inbound(KIOSK), time.monotonic()
        time.sleep(20)
        after, elapsed = console.inbound(KIOSK), time.monotonic() - began
        status = agent.status()
        video = status["video"]

        def grown(kind: str, name: str) -> float:
            return after[kind].get(name, 0) - before[kind].get(name, 0)

        rate = grown("video", "framesDecoded") / elapsed
        concealed = grown("audio", "concealedSamples") / max(1, grown("audio", "totalSamplesReceived"))
        say(f"150 kbit/s: {rate:.1f} frames/s at {video['width']}x{video['height']}, {concealed:.1%} of the sound concealed, "
            f"video {8 * grown('video', 'bytesReceived') / elapsed / 1000:.0f} kbit/s, sound "
            f"{8 * grown('audio', 'bytesReceived') / elapsed / 1000:.0f} of {status['audio']['targetBitrate'] / 1000:.0f} kbit/s, "
            f"{grown('video', 'freezeCount'):.0f} freezes, reduced for {video['qualityLimitationReason']}")
        assert rate >= 5, (rate, video)
        assert concealed < 0.1, concealed
        assert video["qualityLimitationReason"] == "bandwidth", video
        assert 12_000 <= status["audio"]["targetBitrate"] <= 20_000
        # The link is wide again: the picture comes back, a rung at a time.
        narrow.set(up={"rate": 0})
        console.wait(lambda: agent.status()["video"]["width"] == 640, 60, "the picture does not come back")
        console.wait(lambda: agent.status()["audio"]["targetBitrate"] == 32_000, 20, "the sound does not come back")


def test_a_link_that_takes_nothing_for_a_while(folder):
    """A driver that holds its queue: the kiosk's sockets are full, and nothing can leave."""
    with network.wire() as kiosk:
        server = Server(folder, network.MONITOR)
        populate(server)
        agent = Agent(folder, server.address, prefix=kiosk.prefix, max_bitrate=4_000_000)
        with running(server, agent), browser.started("chromium") as driver:
            console = Console(driver, server.address).open()
            console.sign_in("MONITOR_01", PASSWORD)
            console.online(KIOSK)
            console.watch(KIOSK)
            console.decoded(KIOSK, 150, 30)
            queue = (*kiosk.prefix, "tc", "qdisc")
            # A token bucket without tokens keeps what it is given, and the socket has to account for it.
            network.run(*queue, "replace", "dev", "kiosk0", "root", "tbf", "rate", "8kbit", "burst", "1600", "limit", "100000000")
            fullest, end = 0.0, time.monotonic() + 6
            while time.monotonic() < end:
                memory = subprocess.run((*kiosk.prefix, "ss", "-uanm"), capture_output=True, text=True).stdout
                fullest = max([fullest, *(int(held) / int(room) for held, room in re.findall(r"skmem:\(.*?,t(\d+),tb(\d+)", memory))])
                time.sleep(0.1)
            assert agent.alive(), agent.tail()
            assert fullest >= 1, f"the socket took all: {fullest:.0%} full"
            network.run(*queue, "del", "dev", "kiosk0", "root")
            before = console.frames(KIOSK)
            console.wait(lambda: console.frames(KIOSK) > before + 60, 15, "the picture does not come back")
            say(f"held back for 6 s, the socket {fullest:.0%} full")
            assert agent.alive(), agent.tail()
