"""Fixtures: one machine for the run, with the agent's package installed and a server beside it."""

import pathlib
import shutil
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
    """The booted machine."""
    network.require_own_network()
    virtual.bundle(programs.BIN / "capture-probe", folder / "programs")
    packages = list(virtual.PACKAGES.glob("kiosk-agent_*.deb"))
    assert len(packages) == 1, f"{packages} in {virtual.PACKAGES}: run `make deb`"
    shutil.copy(packages[0], folder)
    with virtual.tap():
        one = virtual.Machine(folder).boot()
        try:
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
def installed(machine, server):
    """The agent, from its package."""
    one = virtual.Kiosk(machine, server.address, "KIOSK_01", programs.PASSWORD).install()
    try:
        yield one
    finally:
        print(f"--- kiosk-agent\n{one.journal(120)}")


@pytest.fixture
def kiosk(installed):
    """The agent as every test is to find it and to leave it: running, registered, nobody watching."""
    yield installed
    installed.registered()


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
    # A page that is left signed in would be signed in again.
    if one.find("console").is_displayed():
        one.find("sign-out").click()
        one.wait(lambda: one.find("sign-in").is_displayed(), 10, "not signed out")
    driver.execute_script("sessionStorage.clear(); localStorage.clear();")
    driver.get("about:blank")
