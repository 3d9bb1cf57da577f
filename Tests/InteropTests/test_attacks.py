"""A well-behaved pair while the server is attacked: `Scripts/bench-attacks` in small, where the attacker has no processor of its own."""

import asyncio
import contextlib
import http.client
import json
import multiprocessing
import os
import time

import pytest
from conftest import populate
from harness import attacks
from harness.browser import say
from harness.programs import PASSWORD, Server, eventually, running

SECONDS = 3
#: What holds where an attacker has a processor of its own, in milliseconds; and how much slower than in peace it may be on a busy machine.
BOUNDS = {"p99Ms": 25, "crewMs": 1_000, "startMs": 1_000}
SLOWER = 8


def attack(name: str, server: Server, seconds: float) -> None:
    os.nice(15)
    asyncio.run(attacks.ATTACKS[name](server, seconds))


@contextlib.contextmanager
def attacked(name: str, server: Server, seconds: float):
    process = multiprocessing.Process(target=attack, args=(name, server, seconds))
    process.start()
    try:
        yield
    finally:
        process.kill()
        process.join()


@pytest.mark.parametrize("name", attacks.ATTACKS)
def test_a_pair_goes_on_while_the_server_is_attacked(name, folder):
    server = Server(folder, attacks.HOST)
    populate(server)
    attacks.fill(server)

    async def talked() -> dict:
        async with attacks.Pair(server) as pair:
            await pair.talk(SECONDS)
            return pair.figures()

    with running(server):
        peace = asyncio.run(talked())
        with attacked(name, server, SECONDS + 5):
            time.sleep(1)
            war = asyncio.run(talked())
        say(f"{name}: {war}, in peace {peace}")
        assert server.alive(), server.tail()
        assert server.usage().peak < 200_000_000, war
        for figure, bound in BOUNDS.items():
            assert war[figure] < max(bound, SLOWER * peace[figure]), f"{figure} {war[figure]}, in peace {peace[figure]}: {war}"


def logged_in(server: Server, source: str, timeout: float) -> int:
    """The status of a log-in with the right password from that address."""
    line = http.client.HTTPConnection(server.host, server.port, timeout=timeout, source_address=(source, 0))
    with contextlib.closing(line):
        body = json.dumps({"username": "MONITOR_01", "password": PASSWORD})
        line.request("POST", "/api/auth/login", body, {"Content-Type": "application/json"})
        return line.getresponse().status


def test_the_owner_gets_in_while_strangers_guess(folder):
    """From where an account has logged in before: always, after a restart too. From elsewhere: within a minute."""
    server = Server(folder, attacks.HOST)
    populate(server)
    home, elsewhere = "127.0.0.77", "127.0.9.9"
    with running(server):
        assert logged_in(server, home, 10) == 200
        with attacked("log-ins", server, 120):
            time.sleep(3)
            began = time.monotonic()
            assert [logged_in(server, home, 10) for _ in range(3)] == [200] * 3
            took = time.monotonic() - began
            server.stop()
            server.start()
            time.sleep(2)
            assert logged_in(server, home, 10) == 200, "homes are forgotten with a restart"
            began = time.monotonic()

            def gets_in() -> bool:
                # One that waits too long is refused, and asks again.
                with contextlib.suppress(OSError, http.client.HTTPException):
                    return logged_in(server, elsewhere, 30) == 200
                return False

            eventually(gets_in, 60, "from elsewhere not within a minute")
            say(f"three log-ins from home took {took:.1f} s, one from elsewhere {time.monotonic() - began:.1f} s")
        assert server.alive(), server.tail()
