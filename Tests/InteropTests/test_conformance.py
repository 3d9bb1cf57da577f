"""The behaviours that the specifications of Engine.IO (revision 4) and Socket.IO (revision 5) ask of a server, from Node with kept connections:
24 of the one and 32 of the other (harness/conformance.js)."""

import json
import pathlib
import shutil
import subprocess

import pytest

from conftest import peer_missing
from harness import network
from test_protocol import echo  # noqa: F401 (a fixture)

SCRIPT = pathlib.Path(__file__).parent / "harness" / "conformance.js"


@pytest.fixture(scope="module")
def results(echo):  # noqa: F811
    program = shutil.which("node") or peer_missing("node")
    if not pathlib.Path("/usr/share/nodejs/ws").exists():
        peer_missing("node-ws")
    done = subprocess.run([program, str(SCRIPT), network.MONITOR, str(echo.port)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("suite,count", [("Engine.IO", 24), ("Socket.IO", 32)])
def test_every_behaviour(results, suite, count):
    seen = {name: failure for name, failure in results.items() if name.startswith(suite)}
    assert {name: failure for name, failure in seen.items() if failure} == {}
    assert len(seen) == count, list(seen)
