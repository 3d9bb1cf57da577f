"""Network namespaces. Scripts/interop has put us into one of our own, so nothing here reaches the machine's network."""

import contextlib
import os
import pathlib
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
    with contextlib.ExitStack() as undo:
        kiosk = Namespace("kiosk")
        undo.callback(kiosk.remove)
        run("ip", "link", "add", "room0", "type", "veth", "peer", "name", "kiosk0", "netns", "kiosk")
        undo.callback(run, "ip", "link", "del", "room0")
        run("ip", "addr", "add", f"{MONITOR}/24", "dev", "room0")
        run("ip", "-6", "addr", "add", "fd77::1/64", "dev", "room0", "nodad")
        run("ip", "link", "set", "room0", "up")
        kiosk.ip("addr", "add", f"{KIOSK}/24", "dev", "kiosk0")
        kiosk.ip("-6", "addr", "add", "fd77::2/64", "dev", "kiosk0", "nodad")
        kiosk.ip("link", "set", "kiosk0", "up")
        run("ip", "route", "add", "default", "via", KIOSK)
        kiosk.ip("route", "add", "default", "via", MONITOR)
        yield kiosk


# A small internet

INTERNET = "198.51.100.1"
INTERNET_6 = "2001:db8::1"
#: NAT kinds, as RFC 4787 speaks of them: `cone` maps by endpoint and filters by address and port, `full` filters nothing,
#: `symmetric` maps per destination, `none` routes public addresses.
KINDS = ("cone", "full", "symmetric", "none")


class Site:
    """A place behind a router: `inside` is its network, the router's outside address is on the internet."""

    def __init__(
        self, internet: Namespace, inside: Namespace | None, name: str, number: int, kind: str, undo: contextlib.ExitStack,
        *, plugged: bool = True, ipv4: bool = True,
    ) -> None:
        self.inside = inside
        self.exists = True
        self.kind = kind
        self.name = name
        self.outside_address = f"198.51.100.1{number}"
        self.network = f"198.51.{100 + number}" if kind == "none" else f"10.{number}.0"
        self.network_6 = f"2001:db8:{number}"
        self.address = f"{self.network}.2"
        self.address_6 = f"{self.network_6}::2"
        self.interface = f"{name}0"
        self.router = Namespace(f"{name}-router")
        undo.callback(self.router.remove)
        run("ip", "link", "add", "in0", "netns", self.router.name, "type", "veth", "peer", "name", self.interface, "netns", inside.name if inside else str(os.getpid()))
        # By name, for the kernel takes its time to clear up a namespace, and the other end has a name where the tests run.
        undo.callback(lambda: self.exists and self.delete())
        run("ip", "link", "add", "out0", "netns", self.router.name, "type", "veth", "peer", "name", f"{name}-port", "netns", internet.name)
        self.router.ip("addr", "add", f"{self.network}.1/24", "dev", "in0")
        self.router.ip("-6", "addr", "add", f"{self.network_6}::1/64", "dev", "in0", "nodad")
        self.router.ip("link", "set", "in0", "up")
        self.router.ip("addr", "add", f"{self.outside_address}/24", "dev", "out0")
        self.router.ip("-6", "addr", "add", f"2001:db8::1{number}/64", "dev", "out0", "nodad")
        self.router.ip("link", "set", "out0", "up")
        self.router.ip("route", "add", "default", "via", INTERNET)
        self.router.ip("-6", "route", "add", "default", "via", INTERNET_6)
        internet.ip("link", "set", f"{name}-port", "master", "bridge0", "up")
        internet.ip("-6", "route", "add", f"{self.network_6}::/64", "via", f"2001:db8::1{number}")
        if kind == "none":
            internet.ip("route", "add", f"{self.network}.0/24", "via", self.outside_address)
        run(*self.router.prefix, "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
        if plugged:
            self.plug(ipv4=ipv4, ipv6=not ipv4)
        if kind != "none":
            self.router.nft(self._rules())

    def ip(self, *arguments: str) -> None:
        """`ip` inside the site."""
        if self.inside:
            self.inside.ip(*arguments)
        else:
            run("ip", *arguments)

    def plug(self, last: int = 2, *, ipv4: bool = True, ipv6: bool = False, metric: int = 0) -> None:
        """Gives the site's interface its addresses and default routes. Of two links the one with the lower metric has the route."""
        self.ip("link", "set", self.interface, "up")
        if ipv4:
            self.ip("addr", "add", f"{self.network}.{last}/24", "dev", self.interface)
            self.ip("route", "add", "default", "via", f"{self.network}.1", "metric", str(metric))
        if ipv6:
            self.ip("-6", "addr", "add", f"{self.network_6}::{last}/64", "dev", self.interface, "nodad")
            self.ip("-6", "route", "add", "default", "via", f"{self.network_6}::1")

    def unplug(self) -> None:
        """Takes every address away, as a change of network does."""
        self.ip("addr", "flush", "dev", self.interface)

    def down(self) -> None:
        """Sets the interface down, as a cable that is pulled out does under most network managers. Its addresses stay, its routes go."""
        self.ip("link", "set", self.interface, "down")

    def delete(self) -> None:
        """Takes the interface away, as a modem that is pulled out does."""
        self.router.ip("link", "del", "in0")
        self.exists = False

    def firewall(self, rules: str) -> None:
        """Replaces the rules for what leaves and enters the site, in nftables' words."""
        self.router.nft(f"table inet wall\ndelete table inet wall\ntable inet wall {{\nchain forward {{ type filter hook forward priority 10; {rules}\n}}\n}}")

    def become(self, kind: str) -> None:
        """Another kind of NAT from now on; connections that stand go on as they are."""
        assert "none" not in (kind, self.kind)
        self.kind = kind
        self.router.nft("delete table ip nat\ndelete table ip filter4\n" + self._rules())

    def _rules(self) -> str:
        masquerade = "masquerade fully-random" if self.kind == "symmetric" else "masquerade"
        inbound = f'iifname "out0" meta l4proto udp dnat to {self.address};' if self.kind == "full" else ""
        filtering = "" if self.kind == "full" else 'iifname "out0" ct state new drop;'
        return f"""
            table ip nat {{
              chain post {{ type nat hook postrouting priority 100; oifname "out0" {masquerade}; }}
              chain pre {{ type nat hook prerouting priority -100; {inbound} }}
            }}
            table ip filter4 {{
              # An inbound packet ahead of the outbound one would leave an entry, and the NAT would then pick another port.
              chain input {{ type filter hook input priority 0; iifname "out0" ct state new meta l4proto udp drop; }}
              chain forward {{ type filter hook forward priority 0; iifname "out0" ct state invalid drop; {filtering} }}
            }}"""


class Internet:
    """The room with the monitors (where the tests run) and a kiosk, each behind a router, and the servers' network between them."""

    def __init__(self, room: str, kiosk: str, undo: contextlib.ExitStack, ipv4: bool = True) -> None:
        require_own_network()
        self.servers = Namespace("internet")
        undo.callback(self.servers.remove)
        # An address of its own: otherwise it takes the lowest of its ports', and one more port makes it another for everybody who knows it.
        self.servers.ip("link", "add", "bridge0", "address", "02:00:00:00:00:01", "type", "bridge")
        self.servers.ip("link", "set", "bridge0", "up")
        self.servers.ip("addr", "add", f"{INTERNET}/24", "dev", "bridge0")
        self.servers.ip("addr", "add", "198.51.100.2/24", "dev", "bridge0")
        self.servers.ip("-6", "addr", "add", f"{INTERNET_6}/64", "dev", "bridge0", "nodad")
        self.servers.ip("route", "add", "default", "dev", "bridge0")
        run(*self.servers.prefix, "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
        self.kiosk_side = Namespace("kiosk")
        undo.callback(self.kiosk_side.remove)
        self.room = Site(self.servers, None, "room", 1, room, undo, ipv4=ipv4)
        self.kiosk = Site(self.servers, self.kiosk_side, "kiosk", 2, kiosk, undo, ipv4=ipv4)
        self.undo = undo

    def second_way(self, kind: str) -> Site:
        """Another provider's link for the kiosk, behind a NAT with another public address. Nothing is plugged in."""
        return Site(self.servers, self.kiosk_side, "mobile", 3, kind, self.undo, plugged=False)


@contextlib.contextmanager
def internet(room: str = "cone", kiosk: str = "cone", *, ipv4: bool = True):
    """Without `ipv4` neither the room nor the kiosk has an address or a route of that kind."""
    with contextlib.ExitStack() as undo:
        yield Internet(room, kiosk, undo, ipv4)


@contextlib.contextmanager
def name(known_as: str, address: str, folder: pathlib.Path):
    """A name that everything here resolves. The file is replaced for our mount namespace alone."""
    require_own_network()
    hosts = folder / "hosts"
    hosts.write_text(f"127.0.0.1 localhost\n{address} {known_as}\n")
    run("mount", "--bind", str(hosts), "/etc/hosts")
    try:
        yield
    finally:
        run("umount", "/etc/hosts")
