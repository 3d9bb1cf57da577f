"""The real programs of the release before this one against those of this one, both ways. `make test-compatibility` builds them.

RELEASE_BEFORE=DIR names the folder of the older programs. With RECORD=1 what the older kiosk and the older server said to each other is
written to `transcript.json`, which test_compatibility.py replays without any older program."""

import asyncio
import json
import os
import pathlib
import subprocess

import pytest

from conftest import populate
from harness import network
from harness.browser import Console
from harness.monitor import Client, Watch, asynchronous
from harness.programs import PASSWORD, Agent, Program, Server, eventually, free_port, running
from harness.recorder import Recorder

OLDER = pathlib.Path(os.environ["RELEASE_BEFORE"])


class OlderServer(Server):
    def command(self) -> list[str]:
        return [str(OLDER / "kiosk-signaling"), *super().command()[1:]]


class OlderAgent(Agent):
    """It knows no `allowInsecure`."""

    def __init__(self, *arguments, **options) -> None:
        super().__init__(*arguments, **options)
        lines = self.config.read_text().splitlines(keepends=True)
        self.config.write_text("".join(line for line in lines if not line.startswith("allowInsecure")))

    def command(self) -> list[str]:
        return [str(OLDER / "kiosk-agent"), *super().command()[1:]]


def older_database(server: Server) -> None:
    """Accounts as the older program makes them: this release's schema is not for it."""
    for name, role in (("MONITOR_01", "monitor"), ("MONITOR_02", "monitor"), ("KIOSK_01", "kiosk")):
        command = [str(OLDER / "kiosk-signaling"), "account", "add", name, "--role", role, "--organization", "north"]
        command += ["--database", str(server.database), "--password-file", "-"]
        subprocess.run(command, input="a password of some length\n", text=True, check=True, capture_output=True, timeout=60)


async def a_day(server: Server, agent: Agent) -> None:
    """What an operator and a crew member do with a kiosk, and a restart of the server in between."""
    async with Client(server, "MONITOR_01") as client:
        await client.kiosk_online()
        await asyncio.to_thread(agent.crew, "sign-on", "4711", name="Asha Rao", role="driver", train="IC 204")
        event = await client.expect("crew-sign-on", crewId="4711")
        assert event["kioskId"] == "KIOSK_01" and event["name"] == "Asha Rao"
        watch = await Watch(client).start()
        await watch.frames(video=60, audio=100)
        status = await client.expect("kiosk-status", 40, kioskId="KIOSK_01", monitoredBy="MONITOR_01")
        assert status["online"]
        assert (await watch.stop())["reason"] == "stopped-by-monitor"
        second = await Watch(client).start()
        await second.frames(video=30)
        # The server is restarted under a live session; both sides come back and go on.
        assert await asyncio.to_thread(server.stop) == 0
        await asyncio.to_thread(server.start)
        async with Client(server, "MONITOR_01") as again:
            await again.register_monitor(sessions=[second.session["sessionId"]])
            await second.frames(video=second.received["video"].frames + 60)
            await asyncio.to_thread(eventually, lambda: agent.status()["link"]["state"] == "registered", 40)
            second.client = again
            assert (await second.stop())["reason"] == "stopped-by-monitor"
            # The program that ends: whatever each side knows of that, the session is over for the monitor.
            third = await Watch(again).start()
            await third.frames(video=30)
            assert await asyncio.to_thread(agent.stop) == 0
            stopped = await again.expect("monitoring-stopped", 20, kioskId="KIOSK_01")
            assert stopped["reason"] in ("kiosk-restarting", "kiosk-disconnected"), stopped
            await third.close()


@asynchronous
async def test_the_older_kiosk_and_this_server(wire, folder):
    server = Server(folder, network.MONITOR)
    populate(server)
    agent = OlderAgent(folder, server.address, prefix=wire.prefix)
    with running(server, agent):
        await a_day(server, agent)


@asynchronous
async def test_this_kiosk_and_the_older_server(wire, folder):
    server = OlderServer(folder, network.MONITOR)
    older_database(server)
    agent = Agent(folder, server.address, prefix=wire.prefix)
    with running(server, agent):
        await a_day(server, agent)


@asynchronous
async def test_the_older_records_and_this_server(wire, folder):
    """An upgrade of the server: its records come along, and so do the tokens that clients have."""
    older = OlderServer(folder, network.MONITOR)
    older_database(older)
    with running(older):
        login = older.login("MONITOR_01")
    server = Server(folder, network.MONITOR, port=older.port)
    agent = Agent(folder, server.address, prefix=wire.prefix)
    with running(server, agent):
        status, renewed = server.post("/api/auth/refresh", {"refreshToken": login["refreshToken"]})
        assert status == 200, renewed
        client = Client(server, "MONITOR_01")
        await client.connect(token=renewed["token"])
        await client.kiosk_online()
        await client.close()


class OlderPage(Program):
    """nginx: the page is the older server's, and what it asks for is this one's."""

    def __init__(self, folder: pathlib.Path, older: Server, server: Server) -> None:
        super().__init__("nginx", folder)
        self.host, self.port = network.MONITOR, free_port(network.MONITOR)
        self.address = f"http://{self.host}:{self.port}"
        self.config = folder / "nginx.conf"
        paths = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        upgrade = 'proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";'
        self.config.write_text(
            f"daemon off; user root; pid {folder}/nginx.pid; error_log {folder}/error.log; events {{}}\n"
            f"http {{ access_log off; {paths}\nserver {{ listen {self.host}:{self.port};\n"
            f"location /api/ {{ proxy_pass {server.address}; }}\nlocation /socket.io/ {{ proxy_pass {server.address}; {upgrade} }}\n"
            f"location / {{ proxy_pass {older.address}; }} }} }}\n")

    def command(self) -> list[str]:
        return ["nginx", "-c", str(self.config), "-e", str(self.folder / "error.log")]


def test_the_older_console_and_this_server(wire, folder, driver):
    """A page that a browser has kept, or that another host still serves."""
    server = Server(folder, network.MONITOR)
    populate(server)
    place = folder / "older"
    place.mkdir()
    older = OlderServer(place, network.MONITOR)
    page = OlderPage(folder, older, server)
    agent = Agent(folder, server.address, prefix=wire.prefix)
    with running(server, older, page, agent):
        room = Console(driver, page.address)
        eventually(lambda: room.open() is not None, 10)
        room.sign_in("MONITOR_01", PASSWORD)
        room.connected()
        room.online("KIOSK_01")
        room.watch("KIOSK_01")
        room.decoded("KIOSK_01", 60, 20)
        agent.crew("sign-on", "4711", name="Asha Rao")
        room.wait(lambda: "Asha Rao" in room.driver.page_source, 10, "no crew event")
        # The server goes away and comes back under the picture.
        assert server.stop() == 0
        server.start()
        room.connected(40)
        room.decoded("KIOSK_01", room.frames("KIOSK_01") + 30, 10)
        room.stop("KIOSK_01")
        eventually(lambda: agent.status()["state"] == "idle", 10)


@pytest.mark.skipif(not os.environ.get("RECORD"), reason="RECORD=1 writes the transcript")
@asynchronous
async def test_record(wire, folder):
    server = OlderServer(folder, network.MONITOR)
    older_database(server)
    recorder = Recorder(network.MONITOR, free_port(network.MONITOR), (network.MONITOR, server.port)).start()
    agent = OlderAgent(folder, recorder.address, prefix=wire.prefix)
    with running(server, agent):
        async with Client(server, "MONITOR_01") as client:
            await client.kiosk_online()
            agent.crew("sign-on", "4711", name="Asha Rao", role="driver", train="IC 204")
            await client.expect("crew-sign-on", crewId="4711")
            watch = await Watch(client).start()
            await watch.frames(video=30, audio=50)
            await watch.stop()
            agent.crew("sign-off", "4711")
            await client.expect("crew-sign-off", crewId="4711")
        assert agent.stop() == 0
    recorder.stop()
    for one in recorder.said:
        if "token" in (one.get("body") or {}):
            one["body"].update(token="recorded token", refreshToken="recorded refresh token")
    place = pathlib.Path(__file__).parent / "transcript.json"
    place.write_text(json.dumps(recorder.said, indent=1, ensure_ascii=False) + "\n")
