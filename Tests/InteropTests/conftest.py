"""Fixtures: one wire for the run, a fresh server and kiosk for each test module's needs.

A peer that is missing fails in CI (CI=true). On a laptop the tests that need it are skipped, and the summary says so."""

import functools
import os
import pathlib
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from harness import browser, network, programs, staged  # noqa: E402

skipped: list[str] = []


def peer_missing(what: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(f"missing peer: {what} (Scripts/setup test)")
    skipped.append(what)
    pytest.skip(what)


def pytest_terminal_summary(terminalreporter):
    if skipped:
        terminalreporter.write_line("")
        terminalreporter.write_line(f"NOT TESTED, a peer is missing: {', '.join(sorted(set(skipped)))}", red=True, bold=True)


def pytest_configure(config):
    if not (programs.BIN / "kiosk-agent").is_file():
        pytest.exit("BIN does not hold the programs: run `make test-interop`", returncode=2)


@pytest.fixture(scope="module")
def wire():
    with network.wire() as kiosk:
        yield kiosk


@pytest.fixture
def folder(tmp_path_factory):
    # Short: a Unix socket's path has room for 107 bytes.
    return tmp_path_factory.mktemp("k", numbered=True)


@pytest.fixture
def server(wire, folder):
    """A running server with two monitors and two kiosks of one organization, and one of each of another."""
    one = programs.Server(folder, network.MONITOR)
    populate(one)
    with programs.running(one):
        yield one
        assert one.alive(), one.tail()
        assert one.stop() == 0, one.tail()


def populate(server: programs.Server) -> None:
    """Gives a server that has no database yet the usual accounts."""
    assert not server.database.exists()
    content, mode = accounts()
    server.database.write_bytes(content)
    server.database.chmod(mode)


@functools.cache
def accounts() -> tuple[bytes, int]:
    """A database, made once by the real program: hashing six passwords takes longer than many a test."""
    with tempfile.TemporaryDirectory() as folder:
        server = programs.Server(pathlib.Path(folder), "127.0.0.1")
        server.add("MONITOR_01", "monitor", display_name="Asha Rao")
        server.add("MONITOR_02", "monitor")
        server.add("KIOSK_01", "kiosk", display_name="Crew lobby, Central")
        server.add("KIOSK_02", "kiosk", display_name="Platform 4")
        server.add("MONITOR_OTHER", "monitor", "south")
        server.add("KIOSK_OTHER", "kiosk", "south")
        return server.database.read_bytes(), server.database.stat().st_mode & 0o777


@pytest.fixture
def agent(wire, server, folder):
    """KIOSK_01 at the other end of the wire, connected."""
    one = programs.Agent(folder, server.address, prefix=wire.prefix)
    with programs.running(one):
        yield one
        assert one.alive(), one.tail()
        assert one.stop() == 0, one.tail()


@pytest.fixture(scope="session", params=browser.NAMES)
def driver(request):
    """A browser, started once."""
    network.require_own_network()
    missing = browser.missing(request.param)
    if missing:
        peer_missing(missing)
    with browser.started(request.param) as one:
        yield one


@pytest.fixture
def console(wire, driver, server):
    """The real server's console in a browser, not signed in."""
    yield browser.Console(driver, server.address).open()
    driver.get("about:blank")


# The console's page against a staged server


@pytest.fixture
def stage(wire):
    with staged.StagedServer(network.MONITOR) as one:
        yield one


@pytest.fixture
def page(wire, stage, driver):
    """Not signed in."""
    yield browser.Console(driver, stage.address).open()
    driver.get("about:blank")


@pytest.fixture
def room(stage, page):
    """Signed in."""
    page.sign_in("MONITOR_01", "secret")
    page.connected()
    page.wait(lambda: page.row("KIOSK_01"), 5)
    return page


@pytest.fixture
def plain(room):
    """Signed in; what was chosen is forgotten afterwards."""
    yield room
    room.driver.execute_script("localStorage.clear()")
