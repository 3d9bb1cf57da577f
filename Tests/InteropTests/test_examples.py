"""The programs under docs/examples, as their readers would run them."""

import asyncio
import json
import os
import pathlib
import subprocess
import sys

from harness.monitor import Client, Watch, asynchronous
from harness.programs import PASSWORD, eventually

EXAMPLES = pathlib.Path(__file__).parents[2] / "docs" / "examples"


def run(name: str, *arguments: str, timeout: float = 60) -> subprocess.CompletedProcess:
    environment = {**os.environ, "MONITOR_PASSWORD": PASSWORD}
    return subprocess.run([sys.executable, str(EXAMPLES / name), *arguments], text=True, capture_output=True, timeout=timeout, env=environment)


def monitor(server, *arguments: str) -> subprocess.Popen:
    environment = {**os.environ, "MONITOR_PASSWORD": PASSWORD}
    command = [sys.executable, str(EXAMPLES / "monitor.py"), server.address, "MONITOR_01", "KIOSK_01", *arguments]
    return subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)


def registered(agent) -> None:
    eventually(agent.socket.exists, 20)
    eventually(lambda: agent.status()["link"]["state"] == "registered", 20)


def pictures(output: str) -> int:
    return int(next(line for line in output.splitlines() if "pictures of" in line).split()[0])


def test_the_monitor_sees_the_kiosk(server, agent):
    registered(agent)
    done = run("monitor.py", server.address, "MONITOR_01", "KIOSK_01", "--seconds", "8")
    assert done.returncode == 0, done.stderr
    assert pictures(done.stdout) > 60 and "640x480" in done.stdout, (done.stdout, done.stderr)
    eventually(lambda: agent.status()["session"] is None, 10, "the session goes on")
    wrong = run("monitor.py", server.address, "NOBODY", "KIOSK_01", "--seconds", "8")
    assert wrong.returncode == 1 and "invalid-credentials" in wrong.stderr


def test_the_monitor_comes_back_when_the_server_is_restarted(server, agent):
    registered(agent)
    example = monitor(server, "--seconds", "20")
    try:
        eventually(lambda: agent.status()["state"] == "live", 15)
        session = agent.status()["session"]["sessionId"]
        assert server.stop() == 0
        server.start()
        # The same session, and its picture never stood still.
        registered(agent)
        assert agent.status()["session"]["sessionId"] == session
        output, errors = example.communicate(timeout=40)
    finally:
        example.kill()
    # Its own stop at the end is the only one.
    assert example.returncode == 0 and output.startswith("stopped: stopped-by-monitor") and output.count("stopped:") == 1, (output, errors)
    assert pictures(output) > 250, (output, errors)
    eventually(lambda: agent.status()["session"] is None, 10)


@asynchronous
async def test_the_screen_signs_on_and_shows_who_watches(server, agent):
    async with Client(server, "MONITOR_01") as client:
        await client.kiosk_online()
        signed = await asyncio.to_thread(run, "screen.py", "--socket", str(agent.socket), "sign-on", "4711", "--name", "Asha Rao")
        assert signed.returncode == 0 and signed.stdout.startswith("4711 is signed on"), signed.stderr
        event = await client.expect("crew-sign-on", crewId="4711")
        assert event["name"] == "Asha Rao" and len(event["eventId"]) == 36
        refused = await asyncio.to_thread(run, "screen.py", "--socket", str(agent.socket), "sign-on", "x" * 65)
        assert refused.returncode == 1 and "not stored" in refused.stderr
        command = [sys.executable, str(EXAMPLES / "screen.py"), "--socket", str(agent.socket), "watch", "--seconds", "12"]
        screen = subprocess.Popen(command, text=True, stdout=subprocess.PIPE)
        watch = await Watch(client).start()
        await watch.frames(video=30)
        await watch.stop()
        output, _ = await asyncio.to_thread(screen.communicate, timeout=30)
        assert output.splitlines() == ["not watched", "WATCHED", "not watched"]


def test_an_answer_that_was_lost_is_asked_for_again(server, agent):
    """The same event under the same name is one event, in the agent and on the server."""
    registered(agent)
    name = "0190f0e0-0000-7000-8000-00000000000a"
    sys.path.insert(0, str(EXAMPLES))
    try:
        import screen
    finally:
        sys.path.remove(str(EXAMPLES))
    answers = []
    for _ in range(3):
        with screen.Agent(str(agent.socket)) as connection:
            answers.append(connection.ask("crew-sign-on", crewId="4712", eventId=name))
    assert [one.get("repeated") for one in answers] == [None, True, True]
    assert {one["eventId"] for one in answers} == {name} and len({one["occurredAt"] for one in answers}) == 1
    eventually(lambda: json.loads(agent.control("crew", "list", "--format", "json").stdout) == [], 20)
    with screen.Agent(str(agent.socket)) as connection:
        assert connection.ask("crew-sign-on", crewId="4712", eventId=name)["repeated"] is True
