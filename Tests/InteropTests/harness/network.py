"""Network namespaces. Scripts/interop has put us into one of our own, so nothing here reaches the machine's network."""

import contextlib
import os
import subprocess

import pytest

MONITOR = "10.77.0.1"
KIOSK = "10.77.0.2"


def run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr.strip()}"


def require_own_network() -> None:
    """Refuses to work on the machine's network."""
    own = os.readlink("/proc/self/ns/net")
    try:
        shared = os.readlink("/proc/1/ns/net")
    except PermissionError:
        return
    if own == shared:
        pytest.exit("run this through Scripts/interop (make test-interop): it needs a network of its own", returncode=2)


class Namespace:
    """A network namespace with a name."""

    def __init__(self, name: str) -> None:
        self.name = name
        run("ip", "netns", "add", name)
        self.ip("link", "set", "lo", "up")

    @property
    def prefix(self) -> list[str]:
        """Put before a command, runs it in here; the process keeps its pid."""
        return ["nsenter", f"--net=/run/netns/{self.name}"]

    def ip(self, *arguments: str) -> None:
        run("ip", "-n", self.name, *arguments)

    def nft(self, rules: str) -> None:
        done = subprocess.run([*self.prefix, "nft", "-f", "-"], input=rules, text=True, capture_output=True)
        assert done.returncode == 0, done.stderr

    def remove(self) -> None:
        run("ip", "netns", "del", self.name)


@contextlib.contextmanager
def wire():
    """One wire: the tests, browsers and the server on one end, a kiosk in its namespace on the other, nothing else reachable.

    Both ends have a default route: Firefox gathers nothing without one."""
    require_own_network()
    kiosk = Namespace("kiosk")
    run("ip", "link", "add", "room0", "type", "veth", "peer", "name", "kiosk0", "netns", "kiosk")
    run("ip", "addr", "add", f"{MONITOR}/24", "dev", "room0")
    run("ip", "-6", "addr", "add", "fd77::1/64", "dev", "room0", "nodad")
    run("ip", "link", "set", "room0", "up")
    kiosk.ip("addr", "add", f"{KIOSK}/24", "dev", "kiosk0")
    kiosk.ip("-6", "addr", "add", "fd77::2/64", "dev", "kiosk0", "nodad")
    kiosk.ip("link", "set", "kiosk0", "up")
    run("ip", "route", "add", "default", "via", KIOSK)
    kiosk.ip("route", "add", "default", "via", MONITOR)
    try:
        yield kiosk
    finally:
        run("ip", "link", "del", "room0")
        kiosk.remove()
