"""What really crossed the wire, and when, by the kernel's clock."""

import dataclasses
import socket
import struct
import threading

SO_TIMESTAMPNS = 35
ETH_P_ALL = 3


@dataclasses.dataclass
class Packet:
    """`at` in seconds of the wall clock; `kind` is `rtp`, `rtcp`, `stun`, `dtls`, `udp` or `tcp`; `sent` from the interface's own side."""

    at: float
    kind: str
    source: str
    payload: bytes


class Sniffer:
    """Keeps the packets of an interface from `with` on that `wanted(packet)` says to keep."""

    def __init__(self, interface: str, wanted) -> None:
        self.interface = interface
        self.wanted = wanted
        self.packets: list[Packet] = []

    def __enter__(self) -> "Sniffer":
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self.socket.bind((self.interface, 0))
        self.socket.settimeout(0.2)
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.ending.set()
        self.thread.join()
        self.socket.close()

    def _run(self) -> None:
        while not self.ending.is_set():
            try:
                data, ancillary, _, _ = self.socket.recvmsg(65_536, 64)
            except TimeoutError:
                continue
            seconds, nanoseconds = struct.unpack("@qq", ancillary[0][2][:16])
            packet = parse(data, seconds + nanoseconds / 1e9)
            if packet and self.wanted(packet):
                self.packets.append(packet)


def parse(frame: bytes, at: float) -> Packet | None:
    """An Ethernet frame with IPv4 or IPv6 (no extension headers) and UDP or TCP."""
    kind = int.from_bytes(frame[12:14], "big")
    if kind == 0x0800:
        header = (frame[14] & 15) * 4
        protocol, source, body = frame[23], socket.inet_ntop(socket.AF_INET, frame[26:30]), frame[14 + header :]
    elif kind == 0x86DD:
        protocol, source, body = frame[20], socket.inet_ntop(socket.AF_INET6, frame[22:38]), frame[54:]
    else:
        return None
    if protocol == 17:
        payload = body[8:]
        return Packet(at, classify(payload), source, payload)
    if protocol == 6:
        return Packet(at, "tcp", source, body[(body[12] >> 4) * 4 :])
    return None


def classify(payload: bytes) -> str:
    """RFC 7983, and RFC 5761 for RTCP."""
    if not payload:
        return "udp"
    first = payload[0]
    if first < 4:
        return "stun"
    if 20 <= first <= 63:
        return "dtls"
    if 128 <= first <= 191 and len(payload) > 11:
        return "rtcp" if 192 <= payload[1] <= 223 else "rtp"
    return "udp"
