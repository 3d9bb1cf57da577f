"""Fixtures: one machine for the run, with a server beside it and an agent in it."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "InteropTests"))

import machine as virtual  # noqa: E402
from harness import browser, network, programs  # noqa: E402


def pytest_configure(config):
    if not (programs.BIN / "kiosk-agent").is_file():
        pytest.exit("BIN does not hold the programs: run `make test-machine`", returncode=2)


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("m")


@pytest.fixture(scope="session")
def machine(folder):
    """The booted machine with two cameras and a microphone that hears the test tone."""
    network.require_own_network()
    virtual.bundle(programs.BIN / "kiosk-agent", folder / "programs")
    virtual.bundle(programs.BIN / "capture-probe", folder / "programs")
    with virtual.tap():
        one = virtual.Machine(folder).boot()
        try:
            one.run("modprobe vivid n_devs=2 num_inputs=2,1 input_types=0x0c,0x00 node_types=0x1,0x1 && modprobe snd-aloop")
            one.run("udevadm settle -t 20")
            one.run("LD_LIBRARY_PATH=/mnt/share/programs /mnt/share/programs/capture-probe tone 600 >/tmp/tone.raw")
            one.run("aplay -q -D hw:Loopback,0,0 -f S16_LE -r 48000 -c 2 /tmp/tone.raw >/dev/null 2>&1 &")
            yield one
        finally:
            one.stop()
            print(one.log.read_text(errors="replace"))


@pytest.fixture(scope="session")
def server(machine, folder):
    one = programs.Server(folder, virtual.HOST)
    one.add("MONITOR_01", "monitor", display_name="Asha Rao")
    one.add("KIOSK_01", "kiosk", display_name="Crew lobby, Central")
    with programs.running(one):
        yield one
        assert one.alive(), one.tail()


@pytest.fixture(scope="session")
def kiosk(machine, server):
    one = virtual.Kiosk(machine, server.address, "KIOSK_01", programs.PASSWORD).start()
    try:
        yield one
        assert one.alive(), one.tail()
        assert one.stop() == 0, one.tail()
    finally:
        print(f"--- kiosk-agent\n{one.tail(80)}")


@pytest.fixture(scope="session", params=browser.NAMES)
def driver(request, machine):
    absent = browser.missing(request.param)
    if absent:
        pytest.fail(f"missing peer: {absent} (Scripts/setup test)")
    with browser.started(request.param) as one:
        yield one


@pytest.fixture
def console(driver, server, kiosk):
    """The real server's console in a browser, not signed in."""
    one = browser.Console(driver, server.address).open()
    yield one
    # The next test meets the same server, and nobody's session.
    driver.execute_script("sessionStorage.clear(); localStorage.clear();")
    driver.get("about:blank")
