"""The sign that the camera is live: a lamp on a GPIO line, a file, and an event for the kiosk's own screen.

Debian's kernel has neither gpio-sim nor gpio-mockup, so the chip is a fake that is preloaded into the agent (harness/gpio_fake.c)."""

import asyncio
import json
import pathlib
import shutil
import socket
import subprocess
import threading

import pytest

from conftest import peer_missing
from harness.monitor import Client, Watch, asynchronous
from harness.programs import Agent, eventually, running


@pytest.fixture
def chip(folder):
    """The environment that brings the fake chip, and the file that tells what was done with its line."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if not compiler:
        peer_missing("a C compiler")
    library = folder / "gpio_fake.so"
    source = pathlib.Path(__file__).with_name("harness") / "gpio_fake.c"
    done = subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source, "-ldl"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    state = folder / "line"
    return ["env", f"LD_PRELOAD={library}", f"FAKE_GPIO={state}"], state


def agent_with(wire, server, folder, environment, settings: str, **options) -> Agent:
    agent = Agent(folder, server.address, prefix=wire.prefix, settings=settings, **options)
    agent.prefix += environment
    return agent


class Screen:
    """The kiosk's screen application: hears events on the local socket."""

    def __init__(self, agent: Agent) -> None:
        self.events: list[dict] = []
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(str(agent.socket))
        self.socket.sendall(b'{"command":"watch"}\n')
        self.lines = self.socket.makefile()
        self.first = json.loads(self.lines.readline())
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self) -> None:
        for line in self.lines:
            event = json.loads(line)
            if event["event"] == "indicator":
                self.events.append(event)


@asynchronous
async def test_the_sign_is_on_exactly_while_media_leaves(wire, server, folder, chip):
    environment, state = chip
    sign = folder / "sign"
    settings = f"indicator: {{ gpioChip: /dev/gpiochip-fake, gpioLine: lamp, gpioActiveLow: true, file: {sign} }}\nrequireIndicator: true\n"
    with running(agent := agent_with(wire, server, folder, environment, settings)):
        async with Client(server, "MONITOR_01") as monitor:
            await monitor.kiosk_online()
            screen = Screen(agent)
            assert screen.first["live"] is False
            # Output, active low, ours.
            assert state.read_text().splitlines() == ["requested a kiosk-agent"]
            for session in (1, 2):
                assert sign.read_text() == "idle\n"
                watch = await Watch(monitor).start()
                await watch.frames(video=10)
                assert sign.read_text() == "live\n"
                assert agent.status()["indicator"] == {"state": "lit"}
                await watch.stop()
                eventually(lambda: state.read_text().splitlines()[1:] == ["1", "0"] * session, 10, state.read_text())
                eventually(lambda: [event["live"] for event in screen.events] == [True, False] * session, 10, str(screen.events))
            assert agent.status()["indicator"] == {"state": "dark"}


@asynchronous
async def test_a_lamp_that_goes_dark_in_mid_session_ends_it(wire, server, folder, chip):
    environment, state = chip
    settings = "indicator: { gpioChip: /dev/gpiochip-fake, gpioLine: lamp }\nrequireIndicator: true\n"
    with running(agent := agent_with(wire, server, folder, environment, settings)):
        async with Client(server, "MONITOR_01") as monitor:
            await monitor.kiosk_online()
            watch = await Watch(monitor).start()
            await watch.frames(video=10)
            dark = state.with_name("line.dark")
            dark.touch()
            error = (await monitor.expect("session-error"))["error"]
            assert error["code"] == "camera-failed" and "off again" in error["message"], error
            eventually(lambda: agent.status()["session"]["phase"] == "failed", 10, str(agent.status()))
            status = agent.status()
            assert status["indicator"]["state"] == "failed" and "off again" in status["indicator"]["message"], status
            encoded = status["video"]["encoded"]
            await asyncio.sleep(1)
            assert agent.status()["video"]["encoded"] == encoded, "nothing is encoded any more"
            await watch.stop()
            dark.unlink()
            watch = await Watch(monitor).start()
            await watch.frames(video=10)
            assert agent.status()["indicator"] == {"state": "lit"}
            await watch.stop()


@asynchronous
async def test_without_its_sign_no_media_leaves(wire, server, folder, chip):
    environment, state = chip
    settings = "indicator: { gpioChip: /dev/gpiochip-fake, gpioLine: lamp }\nrequireIndicator: true\n"
    with running(agent := agent_with(wire, server, folder, environment, settings)):
        async with Client(server, "MONITOR_01") as monitor:
            await monitor.kiosk_online()
            broken = state.with_name("line.broken")
            broken.touch()
            watch = await Watch(monitor).start()
            error = (await monitor.expect("session-error"))["error"]
            assert error["code"] == "camera-failed" and "indicator" in error["message"], error
            await asyncio.sleep(1)
            assert watch.received["video"].frames == watch.received["audio"].frames == 0
            status = agent.status()
            assert status["indicator"]["state"] == "failed" and status["indicator"]["message"], status["indicator"]
            assert status["video"]["encoded"] == 0, "not even encoded"
            await watch.stop()
            # The lamp works again.
            broken.unlink()
            watch = await Watch(monitor).start()
            await watch.frames(video=10)
            assert agent.status()["indicator"] == {"state": "lit"}
            await watch.stop()
