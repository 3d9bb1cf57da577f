"""An emulated link: two TUN devices and a program between them that limits, queues, delays and loses packets.

It stands in for netem, which not every kernel has, and it can be told a new rate while packets wait. The program runs as a
process of its own with real-time priority where it may, so that a busy machine does not become part of the link."""

import ctypes
import fcntl
import json
import os
import pathlib
import struct
import subprocess
import sys
import threading

from . import network

DEVICE = "link0"


def _tun(namespace: str | None) -> int:
    """Opens a TUN device in a namespace. A thread of its own goes there: namespaces belong to threads."""
    made: list = []

    def make() -> None:
        try:
            if namespace:
                libc = ctypes.CDLL(None, use_errno=True)
                entrance = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
                if libc.setns(entrance, 0x40000000):
                    raise OSError(ctypes.get_errno(), "setns")
                os.close(entrance)
            tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            fcntl.ioctl(tun, 0x400454CA, struct.pack("16sH14x", DEVICE.encode(), 0x1001))  # TUNSETIFF, IFF_TUN | IFF_NO_PI
            made.append(tun)
        except OSError as error:
            made.append(error)

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    if isinstance(made[0], OSError):
        raise made[0]
    return made[0]


class Link:
    """The only way between a kiosk's namespace and the tests. `up` is the direction of the kiosk's media.

    Settings, each for one direction, as `up={...}`: rate (kbit/s, 0: unlimited), delay and queue (ms), loss (0…1), down (bool)."""

    def __init__(self, kiosk: network.Namespace, seed: int = 1, **settings) -> None:
        network.require_own_network()
        self.kiosk = kiosk
        ends = [_tun(kiosk.name), _tun(None)]
        kiosk.ip("addr", "add", f"{network.KIOSK}/24", "dev", DEVICE)
        kiosk.ip("link", "set", DEVICE, "mtu", "1500", "up")
        network.run("ip", "addr", "add", f"{network.MONITOR}/24", "dev", DEVICE)
        network.run("ip", "link", "set", DEVICE, "mtu", "1500", "up")
        kiosk.ip("route", "add", "default", "via", network.MONITOR)
        network.run("ip", "route", "add", "default", "via", network.KIOSK)
        self.process = subprocess.Popen(
            [sys.executable, str(pathlib.Path(__file__).with_name("link_program.py")), *map(str, ends), str(seed)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, pass_fds=ends,
        )
        for end in ends:
            os.close(end)
        self.set(**settings)

    def _ask(self, command: dict):
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def set(self, **settings) -> float:
        """Changes the link; gives when that was (seconds of the wall clock)."""
        return self._ask({"set": settings})["at"]

    def log(self) -> list[dict]:
        """What went over the link since the last call, in slices of 50 ms: `at`, and for each direction bytes delivered, packets
        `lost` at random and `dropped` by a full queue, and the longest queue in ms."""
        return self._ask({"log": True})["log"]

    def close(self) -> None:
        self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
