"""Media that adapts and heals: faults of camera and microphone told to monitors, a thread that hangs, sound and picture in sync."""

import asyncio
import contextlib
import socket
import sqlite3
import threading
import time

import numpy
import pytest

from harness.browser import say
from harness.monitor import Client, Watch, asynchronous
from harness.programs import Agent, eventually, running


def agent_with(wire, server, folder, **options) -> Agent:
    return Agent(folder, server.address, prefix=wire.prefix, **options)


async def told(monitor: Client, part: str, word: str, timeout: float = 25) -> float:
    """Waits until a kiosk-status says this of a part of the kiosk; gives the seconds that took."""
    began = time.monotonic()
    while True:
        left = timeout - (time.monotonic() - began)
        event = await monitor.expect("kiosk-status", left)
        if (event.get("status") or {}).get(part) == word:
            return time.monotonic() - began


@pytest.mark.parametrize("fault", ["black", "covered", "frozen"])
@asynchronous
async def test_a_picture_with_nothing_to_see_is_told_and_over(wire, server, folder, fault):
    with running(agent := agent_with(wire, server, folder, camera=f"test:{fault}:9")):
        async with Client(server, "MONITOR_01") as monitor:
            await monitor.kiosk_online()
            watch = await Watch(monitor).start()
            took = await told(monitor, "camera", fault)
            camera = agent.status()["camera"]
            assert camera["state"] == fault and camera["message"] and camera["remedy"], camera
            assert "test:" in camera["source"]
            assert camera["remedy"] in agent.log.read_text()
            assert fault in agent.control("status").stdout
            over = await told(monitor, "camera", "live")
            assert "well again" in agent.log.read_text()
            say(f"{fault} told {took:.1f} s after the session began (well for 9 s first), over after {over:.1f} s")
            await watch.stop()


@pytest.mark.parametrize("fault,word", [("silence", "silent"), ("clipping", "clipping"), ("overruns", "overruns")])
@asynchronous
async def test_a_microphone_that_hears_nothing_or_too_much_is_told(wire, server, folder, fault, word):
    with running(agent := agent_with(wire, server, folder, microphone=f"test:{fault}")):
        async with Client(server, "MONITOR_01") as monitor:
            await monitor.kiosk_online()
            watch = await Watch(monitor).start()
            await told(monitor, "microphone", word)
            microphone = agent.status()["microphone"]
            assert microphone["state"] == word and microphone["remedy"], microphone
            # The picture has nothing to do with it.
            assert agent.status()["camera"]["state"] == "live"
            await watch.stop()


@asynchronous
async def test_a_camera_that_gives_garbage_and_one_that_goes_are_told_apart(wire, server, folder):
    for fault, word, code in (("garbage", "garbage", "camera-failed"), ("lost", "lost", "camera-missing")):
        with running(agent := agent_with(wire, server, folder, camera=f"test:{fault}")):
            async with Client(server, "MONITOR_01") as monitor:
                await monitor.kiosk_online()
                watch = await Watch(monitor).start()
                error = await monitor.expect("session-error")
                assert error["error"]["code"] == code, error
                camera = agent.status()["camera"]
                assert camera["state"] == word and camera["remedy"], camera
                await watch.frames(audio=50)
                await watch.stop()


@asynchronous
async def test_silence_is_left_out_for_a_monitor_that_asks_for_it(wire, server, folder):
    packets = {}
    for asks in (False, True):
        with running(agent := agent_with(
                wire, server, folder, microphone="test:silence", settings="audio: { dtx: true }\n")):
            async with Client(server, "MONITOR_01") as monitor:
                await monitor.kiosk_online()
                watch = Watch(monitor)
                if asks:
                    watch.fmtp = "usedtx=1"
                await watch.start()
                await watch.frames(video=30)
                before = agent.status()["audio"]["encoded"]
                await asyncio.sleep(4)
                packets[asks] = (agent.status()["audio"]["encoded"] - before) / 4
                await watch.stop()
    say(f"silence: {packets[False]:.0f} packets/s, with usedtx=1 {packets[True]:.1f}")
    assert packets[False] > 40
    # One in 400 ms keeps the decoder's background noise alive (RFC 6716 section 2.1.9).
    assert packets[True] < 10


class ServiceManager:
    """The service manager's end of the notify socket: when the watchdog was fed."""

    def __init__(self, path: str) -> None:
        self.fed: list[float] = []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        self.socket.settimeout(0.2)
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._read)
        self.thread.start()

    def _read(self) -> None:
        while not self.over.is_set():
            with contextlib.suppress(TimeoutError):
                if b"WATCHDOG=1" in self.socket.recv(4096).splitlines():
                    self.fed.append(time.monotonic())

    def close(self) -> None:
        self.over.set()
        self.thread.join()
        self.socket.close()


@asynchronous
async def test_a_video_thread_that_hangs_starves_the_watchdog(wire, server, folder):
    path = str(folder / "notify")
    manager = ServiceManager(path)
    agent = agent_with(wire, server, folder, camera="test:stall:6")
    agent.prefix += ["env", f"NOTIFY_SOCKET={path}", "WATCHDOG_USEC=3000000"]
    agent.start()
    try:
        async with Client(server, "MONITOR_01") as monitor:
            await monitor.kiosk_online()
            watch = await Watch(monitor).start()
            await watch.frames(video=60)
            began = time.monotonic()
            await asyncio.sleep(3)
            assert any(at > began for at in manager.fed), "fed while frames flow"
            # Six seconds after it was opened the camera's driver never returns. The thread's patience is 15 s.
            await asyncio.sleep(22)
            began = time.monotonic()
            await asyncio.sleep(6)
            assert not any(at > began for at in manager.fed), "fed although the video thread hangs"
            assert "not alive" in agent.log.read_text()
            say(f"starved {manager.fed[-1] - began + 25:.0f} s after the picture began, with a thread that hung after 6 s")
            await watch.close()
    finally:
        agent.kill()
        manager.close()


def audited(server) -> list[str]:
    """What the audit holds of media, in its order."""
    with contextlib.closing(sqlite3.connect(server.database)) as records:
        return [kind for kind, in records.execute("SELECT kind FROM audit WHERE kind LIKE 'media-%' ORDER BY sequence")]


@asynchronous
async def test_a_monitor_that_only_listens_is_served_with_the_camera_closed(wire, server, folder):
    path = str(folder / "notify")
    manager = ServiceManager(path)
    agent = agent_with(wire, server, folder)
    agent.prefix += ["env", f"NOTIFY_SOCKET={path}", "WATCHDOG_USEC=3000000"]
    try:
        with running(agent):
            async with Client(server, "MONITOR_01") as monitor:
                await monitor.kiosk_online()
                watch = await Watch(monitor, video=False).start()
                await watch.frames(audio=50)
                eventually(lambda: audited(server) == ["media-started"], 10, "the audit does not know of it")
                # Longer than the watchdog waits for a picture.
                await asyncio.sleep(14)
                began = time.monotonic()
                await asyncio.sleep(3)
                assert any(at > began for at in manager.fed), f"not fed any more: {agent.tail()}"
                status = agent.status()
                assert status["camera"]["state"] == "idle" and status["session"]["sends"] == ["audio"], status
                assert status["video"]["encoded"] == 0
                await watch.stop()
                eventually(lambda: audited(server) == ["media-started", "media-stopped"], 10, "the end is not known")
                # The next one looks, too.
                watch = await Watch(monitor).start()
                await watch.frames(video=10)
                assert agent.status()["session"]["sends"] == ["audio", "video"]
                await watch.stop()
    finally:
        manager.close()


@asynchronous
async def test_the_flash_and_the_beep_are_in_sync(wire, server, folder):
    with running(agent_with(wire, server, folder, camera="test:flash", microphone="test:beep")):
        async with Client(server, "MONITOR_01") as monitor:
            await monitor.kiosk_online()
            watch = Watch(monitor)
            await watch.start()
            clocks = watch.clocks()
            flashes, beeps = [], []

            def video(frame):
                is_bright = frame.to_ndarray(format="gray").mean() > 200
                if is_bright and video.dark is not None:
                    flashes.append((video.dark, frame.pts))
                video.dark = None if is_bright else frame.pts

            def audio(frame):
                samples = numpy.abs(frame.to_ndarray().reshape(-1, len(frame.layout.channels))[:, 0].astype(float))
                loud = samples > 3000
                if loud.any() and not audio.before:
                    beeps.append(frame.pts + int(loud.argmax()) * 48_000 // frame.sample_rate)
                audio.before = bool(loud[-480:].any())

            video.dark, audio.before = None, True
            watch.received["video"].video, watch.received["audio"].audio = video, audio
            await watch.until(lambda: len(flashes) >= 12 and len(beeps) >= 12, 30, "flashes and beeps")
            heard = [clocks["audio"].seconds(pts) for pts in beeps]
            # Each flash began after a picture that was dark and not after the one that was bright: so the picture is at least
            # `least` and at most `most` later than the sound. Opus' decoder adds 6.5 ms to what is heard.
            least, most, counted = -1.0, 1.0, 0
            for dark, bright in flashes[1:-1]:
                beep = min(heard, key=lambda time: abs(time - clocks["video"].seconds(bright)))
                if abs(beep - clocks["video"].seconds(bright)) < 0.5:
                    least = max(least, clocks["video"].seconds(dark) - beep)
                    most = min(most, clocks["video"].seconds(bright) - beep)
                    counted += 1
            say(f"the picture is between {least * 1000:.1f} and {most * 1000:.1f} ms later than the sound, by {counted} flashes")
            assert counted >= 8
            assert -0.04 <= least and most <= 0.04
            await watch.stop()
