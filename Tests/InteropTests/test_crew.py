"""No crew event is lost and none is doubled: programs that are killed, a disk that is full, a clock that is wrong."""

import contextlib
import datetime
import json
import os
import pathlib
import random
import resource
import shutil
import socket
import sqlite3
import subprocess
import threading
import time
import urllib.request

import pytest

from conftest import populate
from harness.clinic import Authority
from harness.programs import Agent, Server, eventually, running

HOST = "127.0.0.1"


class Desk:
    """The kiosk's screen application: it speaks JSON lines to the agent's socket."""

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path

    def ask(self, request: dict, timeout: float = 5) -> dict | None:
        """The answer; None when the agent went away before it came."""
        try:
            with socket.socket(socket.AF_UNIX) as stream:
                stream.settimeout(timeout)
                stream.connect(str(self.path))
                stream.sendall(json.dumps(request).encode() + b"\n")
                line = b""
                while not line.endswith(b"\n"):
                    part = stream.recv(65536)
                    if not part:
                        return None
                    line += part
                return json.loads(line)
        except OSError:
            return None


def stored(server: Server) -> list[dict]:
    """All crew events that the server has, in the order of their arrival."""
    token = server.login("MONITOR_01")["token"]
    events, cursor = [], None
    while True:
        url = f"{server.address}/api/crew-events?limit=100" + (f"&cursor={cursor}" if cursor else "")
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            page = json.loads(answer.read())
        events += page["items"]
        cursor = page["next"]
        if cursor is None:
            return events[::-1]


def waiting(agent: Agent) -> int | None:
    answer = Desk(agent.socket).ask({"command": "crew-list"})
    return answer and answer["waiting"]


def start(server: Server) -> Server:
    """Again on the same port, which the killed one may have left in TIME_WAIT."""
    return server.start()


@pytest.fixture
def local(folder):
    server = Server(folder, HOST)
    populate(server)
    agent = Agent(folder, server.address)
    yield server, agent
    for program in (agent, server):
        if program.process is not None:
            program.kill()


def test_two_hundred_events_while_everything_is_killed(local):
    """`kill -9` of the agent twenty times and of the server five times: what was accepted arrives once, in order."""
    server, agent = local
    start(server)
    agent.start()
    seed = int(os.environ.get("SEED", random.randrange(1 << 30)))
    print(f"seed {seed}")
    chance = random.Random(seed)
    eventually(lambda: Desk(agent.socket).ask({"command": "status"}, 1), 20, agent.tail())
    kills = set(chance.sample(range(5, 200), 20))
    server_kills = set(chance.sample(range(5, 200), 5))
    desk = Desk(agent.socket)
    accepted, unanswered = [], set()
    revival = None
    for number in range(200):
        crew = f"C{number:03}"
        request = {"command": "crew-sign-on" if number % 2 == 0 else "crew-sign-off", "crewId": crew}
        if number in server_kills:
            if revival:
                revival.join()
            server.kill()
            revival = threading.Timer(chance.uniform(0.1, 1.5), start, [server])
            revival.start()
        if number in kills:
            # In the middle of this request, or of what goes to the server meanwhile.
            timer = threading.Timer(chance.uniform(0, 0.02), agent.kill)
            timer.start()
            answer = desk.ask(request)
            timer.join()
            agent.start()
            eventually(lambda: desk.ask({"command": "status"}, 1), 20, agent.tail())
        else:
            answer = desk.ask(request)
            assert answer, f"no answer although nobody killed anything\n{agent.tail()}"
        if answer and answer["ok"]:
            accepted.append((answer["eventId"], crew))
        else:
            unanswered.add(crew)
    eventually(lambda: server.process is not None and server.answers(), 20)
    eventually(lambda: waiting(agent) == 0, 60, agent.tail())
    found = [(event["eventId"], event["crewId"]) for event in stored(server)]
    print(f"{len(accepted)} accepted, {len(unanswered)} unanswered, {len(found)} with the server")
    assert len(set(found)) == len(found), "an event is there twice"
    assert [one for one in found if one[1] not in unanswered] == [one for one in accepted], "lost, doubled or out of order"
    # What was not answered may be there, but once.
    assert len({crew for _, crew in found}) == len(found)
    assert len(accepted) >= 180


def test_an_agent_without_descriptors_waits_and_serves_again(local):
    """Programs that take all its descriptors cost it nothing, and what they kept out is served when they are gone."""
    server, agent = local
    with running(server, agent):
        desk = Desk(agent.socket)
        eventually(lambda: desk.ask({"command": "status"}) is not None, 10)
        limits = resource.prlimit(agent.pid, resource.RLIMIT_NOFILE)
        used = len(os.listdir(f"/proc/{agent.pid}/fd"))
        resource.prlimit(agent.pid, resource.RLIMIT_NOFILE, (used + 2, limits[1]))
        with contextlib.ExitStack() as stack:
            for _ in range(12):
                stream = stack.enter_context(socket.socket(socket.AF_UNIX))
                stream.setblocking(False)
                stream.connect(str(agent.socket))
            time.sleep(0.5)
            before = processor_time(agent.pid)
            time.sleep(2)
            spent = processor_time(agent.pid) - before
            assert spent < 0.5, f"{spent:.2f} s of processor time in 2 s"
            assert "no local connection can be accepted for now" in agent.log.read_text()
            resource.prlimit(agent.pid, resource.RLIMIT_NOFILE, limits)
            assert desk.ask({"command": "status"}) is not None, "it serves again once there are descriptors"
        agent.crew("sign-on", "4711")


def processor_time(pid: int) -> float:
    """Seconds that all threads of a process have computed."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_full_disk(folder):
    """Everything else has eaten the disk: crew events still find room, and are delivered when the server is there."""
    server = Server(folder, HOST)
    populate(server)
    agent = Agent(folder, server.address)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m,mode=700", "none", str(agent.state)], check=True)
    filler = agent.state / "somebody-elses-log"
    try:
        agent.start()
        desk = Desk(agent.socket)
        eventually(lambda: desk.ask({"command": "status"}, 1), 20, agent.tail())
        with contextlib.suppress(OSError), open(filler, "wb") as file:
            while True:
                file.write(bytes(4096))
                file.flush()
        assert shutil.disk_usage(agent.state).free == 0
        accepted = []
        for number in range(300):
            answer = desk.ask({"command": "crew-sign-on", "crewId": f"C{number:03}"})
            assert answer and answer["ok"], (number, answer, agent.tail())
            accepted.append(answer["eventId"])
        status = agent.status()
        assert status["outbox"]["storage"] == "reserve" and "room" in status["outbox"]["remedy"], status["outbox"]
        assert "the disk is full" in agent.tail(400)
        # Also a start finds its way with no byte left.
        agent.kill()
        with contextlib.suppress(OSError), open(filler, "ab") as file:
            while True:
                file.write(bytes(4096))
                file.flush()
        agent.start()
        eventually(lambda: desk.ask({"command": "status"}, 1), 20, agent.tail())
        assert waiting(agent) == 300
        start(server)
        eventually(lambda: waiting(agent) == 0, 60, agent.tail())
        assert [event["eventId"] for event in stored(server)] == accepted
    finally:
        for program in (agent, server):
            if program.process is not None:
                program.kill()
        subprocess.run(["umount", "-l", str(agent.state)], check=True)


def test_no_room_at_all_is_said(folder):
    """Without the room that is kept, whoever signs on hears that it did not work, and the status says why."""
    agent = Agent(folder, f"http://{HOST}:9")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "none", str(agent.state)], check=True)
    try:
        agent.start()
        desk = Desk(agent.socket)
        eventually(lambda: desk.ask({"command": "status"}, 1), 20, agent.tail())
        with contextlib.suppress(OSError), open(agent.state / "filler", "wb") as file:
            while True:
                file.write(bytes(4096))
                file.flush()
        answers = [desk.ask({"command": "crew-sign-on", "crewId": f"C{number}"}) for number in range(200)]
        refused = [answer for answer in answers if not answer["ok"]]
        assert refused and refused[-1]["error"]["code"] == "not-stored", answers[-1]
        assert agent.status()["outbox"]["storage"] == "full"
        assert waiting(agent) == len(answers) - len(refused)
        (agent.state / "filler").unlink()
        assert desk.ask({"command": "crew-sign-on", "crewId": "after"})["ok"]
        assert agent.status()["outbox"]["storage"] != "full"
        assert agent.stop() == 0
    finally:
        if agent.process is not None:
            agent.kill()
        subprocess.run(["umount", "-l", str(agent.state)], check=True)


SHIFT = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
/* The time of day plus what a file says: a clock that is wrong until somebody sets it. */
static long shift(void) {
    char text[32] = {0};
    int file = open(getenv("CLOCK_SHIFT"), O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    if (read(file, text, sizeof text - 1) < 0) text[0] = 0;
    close(file);
    return atol(text);
}
int clock_gettime(clockid_t clock, struct timespec *time) {
    int result = syscall(SYS_clock_gettime, clock, time);
    if (result == 0 && clock == CLOCK_REALTIME) time->tv_sec += shift();
    return result;
}
time_t time(time_t *into) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (into) *into = now.tv_sec;
    return now.tv_sec;
}
int gettimeofday(struct timeval *time, void *zone) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    time->tv_sec = now.tv_sec;
    time->tv_usec = now.tv_nsec / 1000;
    return 0;
}
"""


class WrongClock:
    """Lets a program see another time of day."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.file = folder / "shift"
        source, self.library = folder / "shift.c", folder / "shift.so"
        source.write_text(SHIFT)
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", self.library, source], check=True)
        self.set(0)

    def set(self, seconds: int) -> None:
        fresh = self.file.with_suffix(".new")
        fresh.write_text(str(seconds))
        fresh.rename(self.file)

    @property
    def prefix(self) -> list[str]:
        return ["env", f"LD_PRELOAD={self.library}", f"CLOCK_SHIFT={self.file}"]


def moment(text: str) -> float:
    return datetime.datetime.fromisoformat(text).timestamp()


def test_a_clock_that_was_wrong_is_corrected_and_marked(folder):
    server = Server(folder, HOST)
    populate(server)
    clock = WrongClock(folder)
    agent = Agent(folder, server.address, prefix=clock.prefix)
    clock.set(-3 * 365 * 86400)
    happened = {}
    with running(agent):
        desk = Desk(agent.socket)
        eventually(lambda: desk.ask({"command": "status"}, 1), 20, agent.tail())
        for name, shift in (("years behind", None), ("a day ahead", 86400), ("right", 0), ("an hour behind", -3600)):
            if shift is not None:
                clock.set(shift)
            assert desk.ask({"command": "crew-sign-on", "crewId": name})["ok"]
            happened[name] = time.time()
            time.sleep(0.3)
        listed = desk.ask({"command": "crew-list"})["events"]
        assert [event["crewId"] for event in listed] == list(happened)
        with running(server):
            # An hour behind still: what comes now is right from the start.
            eventually(lambda: waiting(agent) == 0, 40, agent.tail())
            assert desk.ask({"command": "crew-sign-off", "crewId": "right"})["ok"]
            happened["off"] = time.time()
            eventually(lambda: waiting(agent) == 0, 10, agent.tail())
            events = stored(server)
    assert [(event["crewId"], event["clock"]) for event in events] == [
        ("years behind", "corrected"), ("a day ahead", "corrected"), ("right", None), ("an hour behind", "corrected"), ("right", "corrected")]
    for event, at in zip(events, happened.values()):
        assert abs(moment(event["occurredAt"]) - at) < 2, (event, at)
    assert "clock was wrong when 3 crew events happened" in agent.tail(400)


def test_events_of_a_boot_without_time_are_doubtful(folder):
    """The clock never was right before the power went: nobody can know, and the event says so."""
    server = Server(folder, HOST)
    populate(server)
    clock = WrongClock(folder)
    agent = Agent(folder, server.address, prefix=clock.prefix)
    clock.set(-int(time.time()) + 100)
    with running(agent):
        eventually(lambda: Desk(agent.socket).ask({"command": "status"}, 1), 20, agent.tail())
        assert Desk(agent.socket).ask({"command": "crew-sign-on", "crewId": "1970"})["ok"]
    with sqlite3.connect(agent.state / "outbox.db") as database:
        database.execute("UPDATE event SET boot = 'another'")
    clock.set(0)
    with running(server, agent):
        eventually(lambda: waiting(agent) == 0, 40, agent.tail())
        event = stored(server)[0]
    assert event["clock"] == "doubtful" and event["occurredAt"].startswith("1970-01-01"), event


def test_a_clock_that_was_never_set_is_named(folder):
    """TLS waits for the time instead of failing with a certificate; the time service sets it, and all is well."""
    clock = WrongClock(folder)
    authority = Authority(folder)
    server = Server(folder, HOST, authority.issue(address=HOST), port=None)
    server.address = server.address.replace("http://", "https://")
    populate(server)
    agent = Agent(folder, server.address, prefix=clock.prefix, settings=f"tls: {{ caFile: {authority.file} }}\n")
    clock.set(-int(time.time()) + 100)
    server.answers = lambda: True
    with running(server, agent):
        eventually(agent.socket.exists, 10)
        link = eventually(lambda: (one := agent.status()["link"]).get("trouble") and one, 10)
        assert link["trouble"] == "clock-wrong" and "1970-01-01" in link["message"] and "timedatectl" in link["remedy"], link
        assert "clock says 1970" in agent.tail()
        done = subprocess.run(
            [*clock.prefix, agent.command()[0], "doctor", "--only", "clock,service,server", "--format", "json", "--config", str(agent.config)],
            capture_output=True, text=True, timeout=40)
        checks = {check["id"]: check for check in json.loads(done.stdout)["checks"]}
        assert checks["clock"]["status"] == "failed" and "was not set" in checks["clock"]["seen"], checks
        clock.set(0)
        eventually(lambda: agent.status()["state"] == "idle", 40, agent.tail())
