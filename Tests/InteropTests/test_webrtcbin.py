"""GStreamer's webrtcbin watches a kiosk, with its own default, which is one transport for each section, and with one for both."""

import asyncio
import contextlib
import json
import pathlib
import re
import subprocess

import pytest
from conftest import peer_missing
from harness.monitor import Client, asynchronous

KIOSK = "KIOSK_01"
PROGRAM = ["/usr/bin/python3", str(pathlib.Path(__file__).parent / "harness" / "webrtcbin.py")]


@pytest.fixture(scope="module")
def gstreamer():
    done = subprocess.run([*PROGRAM, "--help"], capture_output=True, text=True)
    if done.returncode != 0:
        peer_missing(f"GStreamer: {done.stderr.strip().splitlines()[-1]}")


class WebRTCBin:
    """The program, and its signaling."""

    def __init__(self, client: Client, process: asyncio.subprocess.Process) -> None:
        self.client, self.process = client, process
        self.decoded: dict[str, int] = {}
        self.answer: str | None = None

    async def speak(self) -> None:
        async for line in self.process.stdout:
            message = json.loads(line)
            if "offer" in message:
                reply = await self.client.call("offer", {"targetId": KIOSK, "offer": {"type": "offer", "sdp": message["offer"]}})
                assert reply["ok"], reply
            elif "candidate" in message:
                await self.client.emit("ice-candidate", {"targetId": KIOSK, **message})
            else:
                self.decoded = message["decoded"]

    async def listen(self) -> None:
        self.answer = (await self.client.expect("answer", fromId=KIOSK))["answer"]["sdp"]
        self.tell(answer=self.answer)
        while True:
            event = await self.client.expect("ice-candidate", 3600, fromId=KIOSK)
            if event["candidate"]:
                self.tell(candidate=event["candidate"])

    def tell(self, **message) -> None:
        self.process.stdin.write(json.dumps(message).encode() + b"\n")

    async def decodes(self, **frames: int) -> None:
        """Waits until so many more frames of each kind are decoded."""
        before, end = dict(self.decoded), asyncio.get_running_loop().time() + 20
        while any(self.decoded.get(kind, 0) < before.get(kind, 0) + count for kind, count in frames.items()):
            assert self.process.returncode is None, "webrtcbin ended"
            assert asyncio.get_running_loop().time() < end, f"decoded {self.decoded}, {frames} more wanted\n{self.answer}"
            await asyncio.sleep(0.1)


@contextlib.asynccontextmanager
async def watching(server, *arguments: str):
    async with Client(server, "MONITOR_01") as client:
        await client.kiosk_online()
        answer = await client.call("start-monitoring", {"kioskId": KIOSK})
        assert answer["ok"], answer
        process = await asyncio.create_subprocess_exec(*PROGRAM, *arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        call = WebRTCBin(client, process)
        tasks = [asyncio.ensure_future(call.speak()), asyncio.ensure_future(call.listen())]
        try:
            yield call
            for task in tasks:
                assert not task.done() or not task.exception(), task.exception()
        finally:
            process.stdin.close()
            await asyncio.wait_for(process.wait(), 10)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        assert process.returncode == 0
        assert (await client.call("stop-monitoring", {"kioskId": KIOSK}))["ok"]


def sections(sdp: str) -> list[tuple[str, bool]]:
    """Kind, and whether it is accepted."""
    return [(kind, port != "0") for kind, port in re.findall(r"^m=(\w+) (\d+) ", sdp, re.MULTILINE)]


@pytest.mark.parametrize("direction", ["recvonly", "sendrecv"])
@pytest.mark.parametrize("kinds", [("video", "audio"), ("audio", "video")], ids="-".join)
@asynchronous
async def test_without_a_bundle_the_picture_is_served_and_the_rest_is_told(gstreamer, server, agent, kinds, direction):
    async with watching(server, *kinds, "--direction", direction) as call:
        await call.decodes(video=60)
        assert sections(call.answer) == [(kind, kind == "video") for kind in kinds]
        error = (await call.client.expect("session-error"))["error"]
        assert error["code"] == "not-bundled" and "audio" in error["message"] and "max-bundle" in error["message"], error
        assert agent.status()["session"]["phase"] == "live"


@pytest.mark.parametrize("direction", ["recvonly", "sendrecv"])
@pytest.mark.parametrize("policy", ["max-bundle", "max-compat"])
@asynchronous
async def test_picture_and_sound_come_in_a_bundle(gstreamer, server, agent, policy, direction):
    async with watching(server, "video", "audio", "--bundle-policy", policy, "--direction", direction) as call:
        await call.decodes(video=60, audio=100)
        assert sections(call.answer) == [("video", True), ("audio", True)]
        await call.client.nothing("session-error", 1)
