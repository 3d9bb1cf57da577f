"""How often the media threads of the real agent ask for memory while a session is live: the line from the camera to the
socket is meant to do without, picture after picture."""

import asyncio
import pathlib
import shutil
import struct
import subprocess

import pytest
from harness.browser import say
from harness.monitor import Client, Watch, asynchronous
from harness.programs import Agent, running

#: Allocations of the program's own code for each picture (video), sound (audio) or packet sent (network), at most. What is left is the
#: numbers for the status, once a second, and the peer's reports. Libraries are counted apart: libsrtp's cipher allocates for each packet.
LIMITS = {"video": 0.1, "audio": 0.1, "network": 1.0}


@pytest.fixture(scope="module")
def counter(tmp_path_factory) -> pathlib.Path:
    """The library that counts."""
    compiler = shutil.which("cc") or shutil.which("clang")
    assert compiler, "no C compiler: Scripts/setup test"
    source = pathlib.Path(__file__).parent / "harness/allocations.c"
    library = tmp_path_factory.mktemp("allocations") / "allocations.so"
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", library, source], check=True)
    return library


def counts(file: pathlib.Path, agent: Agent) -> dict[str, tuple[int, int]]:
    """Allocations so far, the program's own and those of libraries, by the name of the thread."""
    names = {}
    for task in pathlib.Path(f"/proc/{agent.pid}/task").iterdir():
        names[int(task.name)] = (task / "comm").read_text().strip()
    return {names[thread]: (own, libraries) for thread, own, libraries in struct.iter_unpack("<qqq", file.read_bytes()) if thread in names}


@asynchronous
async def test_the_media_threads_hardly_allocate(wire, server, folder, counter):
    file = folder / "allocations"
    prefix = [*wire.prefix, "env", f"LD_PRELOAD={counter}", f"ALLOCATIONS={file}"]
    agent = Agent(folder, server.address, prefix=prefix)
    with running(agent):
        async with Client(server, "MONITOR_01") as client:
            await client.kiosk_online()
            watch = await Watch(client).start()
            await watch.frames(video=90, audio=150)

            def snapshot():
                return counts(file, agent), agent.status()

            before, first = await asyncio.to_thread(snapshot)
            await asyncio.sleep(10)
            after, last = await asyncio.to_thread(snapshot)
            pictures = last["video"]["encoded"] - first["video"]["encoded"]
            packets = last["peer"]["packetsSent"] - first["peer"]["packetsSent"]
            sounds = last["audio"]["encoded"] - first["audio"]["encoded"]
            assert pictures > 100 and packets > 200
            per = {"video": pictures, "audio": sounds, "network": packets}
            shares = {name: [(end - start) / per[name] for start, end in zip(before[name], after[name])] for name in LIMITS}
            say("allocations, own and libraries': " + ", ".join(f"{name} {own:.2f} {rest:.2f}" for name, (own, rest) in shares.items())
                + f" ({pictures} pictures, {sounds} sounds, {packets} packets)")
            for name, limit in LIMITS.items():
                assert shares[name][0] <= limit, f"{name}: {shares[name][0]:.2f} allocations each, {limit} allowed"
            await watch.stop()
