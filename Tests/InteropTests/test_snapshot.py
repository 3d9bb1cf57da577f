"""One picture of the camera as a file: with the agent, in mid-session, and without an agent."""

import asyncio
import base64
import io
import json
import socket
import stat
import subprocess

import PIL.Image
import pytest

from harness.monitor import Client, Watch, asynchronous
from harness.programs import BIN, Agent, eventually, running


def take(agent: Agent, file, check: bool = True) -> subprocess.CompletedProcess:
    command = [str(BIN / "kiosk-agent"), "snapshot", str(file), "--config", str(agent.config)]
    done = subprocess.run(command, text=True, capture_output=True, timeout=30)
    assert not check or done.returncode == 0, f"{done.stderr}\n{agent.tail()}"
    return done


def picture(file) -> PIL.Image.Image:
    """The test pattern, whole: read to its last pixel, not black, private."""
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    image = PIL.Image.open(file)
    image.load()
    assert image.format == {".png": "PNG"}.get(file.suffix, "JPEG") and image.mode == "RGB"
    assert len(set(image.resize((64, 48)).tobytes())) > 20
    return image


def ready(agent: Agent) -> None:
    eventually(lambda: agent.control("status", check=False).returncode == 0, 20)


def settled(agent: Agent) -> None:
    eventually(lambda: agent.status()["snapshot"] is False and agent.status()["camera"]["state"] == "idle", 10)


@pytest.mark.parametrize("name", ["picture.png", "picture.jpg"])
def test_without_an_agent_the_command_opens_the_camera(folder, name):
    sign = folder / "sign"
    agent = Agent(folder, "https://127.0.0.1:1", width=640, height=360, settings=f"indicator: {{ file: {sign} }}\n")
    take(agent, folder / name)
    assert picture(folder / name).size == (640, 360)
    # It was lit, and is dark again.
    assert sign.read_text() == "idle\n"
    assert [one.name for one in folder.glob("picture*")] == [name]


def test_the_running_agent_takes_it(wire, server, folder):
    sign = folder / "sign"
    settings = f"indicator: {{ file: {sign} }}\nrequireIndicator: true\n"
    with running(agent := Agent(folder, server.address, prefix=wire.prefix, settings=settings)):
        ready(agent)
        with socket.socket(socket.AF_UNIX) as screen:
            screen.settimeout(30)
            screen.connect(str(agent.socket))
            screen.sendall(b'{"command":"watch"}\n')
            lines = screen.makefile()
            assert json.loads(lines.readline())["live"] is False
            take(agent, folder / "one.png")
            events = []
            while events[-1:] != [False]:
                event = json.loads(lines.readline())
                if event["event"] == "indicator":
                    events.append(event["live"])
                elif event["status"]["snapshot"]:
                    events.append("status")
        assert [one for one in events if one != "status"] == [True, False], events
        assert "status" in events
        assert picture(folder / "one.png").size == (640, 480)
        assert sign.read_text() == "idle\n"
        settled(agent)
        assert "snapshot taken: 640x480 png" in agent.tail()
        # A file that was there is replaced, whoever might read it before.
        (folder / "one.jpg").write_text("old")
        (folder / "one.jpg").chmod(0o666)
        take(agent, folder / "one.jpg")
        picture(folder / "one.jpg")
        settled(agent)


@asynchronous
async def test_in_mid_session_it_is_of_the_same_stream(wire, server, folder):
    with running(agent := Agent(folder, server.address, prefix=wire.prefix)):
        async with Client(server, "MONITOR_01") as monitor:
            await monitor.kiosk_online()
            watch = await Watch(monitor).start()
            await watch.frames(video=10)
            await asyncio.to_thread(take, agent, folder / "live.jpg")
            assert picture(folder / "live.jpg").size == (640, 480)
            await watch.frames(video=30)
            assert agent.status()["camera"]["state"] == "live"
            assert "session over" not in agent.tail()
            await watch.stop()
            await asyncio.to_thread(settled, agent)


def test_answers_keep_the_order_of_the_requests(wire, server, folder):
    with running(agent := Agent(folder, server.address, prefix=wire.prefix)):
        ready(agent)
        requests = [{"id": 1, "command": "snapshot", "format": "png"}, {"id": 2, "command": "status"},
                    {"id": 3, "command": "snapshot", "format": "gif"}, {"id": 4, "command": "snapshot"}]
        with socket.socket(socket.AF_UNIX) as program:
            program.settimeout(30)
            program.connect(str(agent.socket))
            program.sendall(b"".join(json.dumps(one).encode() + b"\n" for one in requests))
            # `nc -N` ends its side with the last line.
            program.shutdown(socket.SHUT_WR)
            answers = [json.loads(line) for line in program.makefile()]
        assert [one["id"] for one in answers] == [1, 2, 3, 4]
        assert [one["ok"] for one in answers] == [True, True, False, True]
        assert answers[2]["error"] == {"code": "bad-request", "message": "format must be jpeg or png"}
        for answer, kind in ((answers[0], "PNG"), (answers[3], "JPEG")):
            image = PIL.Image.open(io.BytesIO(base64.b64decode(answer["data"])))
            assert (image.format, image.size) == (kind, (answer["width"], answer["height"]))
        # A program that is gone before its answer takes nothing with it.
        with socket.socket(socket.AF_UNIX) as program:
            program.connect(str(agent.socket))
            program.sendall(b'{"command":"snapshot"}\n')
        settled(agent)
        take(agent, folder / "after.png")


def test_each_refusal_says_what_to_do(wire, server, folder):
    missing = Agent(folder, "https://127.0.0.1:1", camera="/dev/video-none")
    for file, status, words in (
        (folder / "a.gif", 2, "end it in .png, .jpg or .jpeg"),
        (folder / "a.png", 1, "/dev/video-none: no such device; check the cable"),
    ):
        done = take(missing, file, check=False)
        assert done.returncode == status and words in done.stderr, done.stderr
        assert not file.exists()
    with running(agent := Agent(folder, server.address, prefix=wire.prefix, camera="/dev/video-none")):
        ready(agent)
        done = take(agent, folder / "a.png", check=False)
        assert done.returncode == 1 and "/dev/video-none: no such device; check the cable" in done.stderr, done.stderr
        assert agent.status()["snapshot"] is False
    works = Agent(folder, "https://127.0.0.1:1")
    done = take(works, folder / "none" / "a.png", check=False)
    assert done.returncode == 1 and "name a file in a directory that you may write" in done.stderr, done.stderr
    dark = Agent(folder, "https://127.0.0.1:1", settings=f"indicator: {{ file: {folder}/none/sign }}\nrequireIndicator: true\n")
    done = take(dark, folder / "a.png", check=False)
    assert done.returncode == 1 and "the live indicator cannot be lit" in done.stderr, done.stderr
    assert not (folder / "a.png").exists()
