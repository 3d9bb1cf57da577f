"""A well-behaved pair while the server is attacked: `Scripts/bench-attacks` in small, with room for a busy machine."""

import asyncio
import multiprocessing
import os

import pytest
from conftest import populate
from harness import attacks
from harness.programs import Server, running

SECONDS = 3


def attack(name: str, server: Server) -> None:
    os.nice(15)
    asyncio.run(attacks.ATTACKS[name](server, SECONDS))


@pytest.mark.parametrize("name", attacks.ATTACKS)
def test_a_pair_goes_on_while_the_server_is_attacked(name, folder):
    server = Server(folder, attacks.HOST)
    populate(server)
    attacks.fill(server)

    async def attacked() -> dict:
        async with attacks.Pair(server) as pair:
            process = multiprocessing.Process(target=attack, args=(name, server))
            process.start()
            await asyncio.sleep(1)
            await pair.talk(SECONDS)
            process.kill()
            process.join()
            return pair.figures()

    with running(server):
        figures = asyncio.run(attacked())
        assert server.alive(), server.tail()
        assert server.usage().peak < 200_000_000, figures
        assert figures["crewMs"] < 5_000 and figures["medianMs"] < 100, figures
