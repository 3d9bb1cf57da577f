"""What strangers and a bad party do to a server, each bounded in count and time, and what a well-behaved pair notices of it."""

import asyncio
import base64
import contextlib
import json
import os
import socket
import sqlite3
import statistics
import time

from .monitor import Client
from .programs import Server

#: The server's own address and, beside it, where strangers come from.
HOST = "127.0.0.1"


def stranger(number: int) -> str:
    return f"127.0.{1 + number // 200}.{1 + number % 200}"


async def opened(port: int, source: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection(HOST, port, local_addr=(source, 0))


async def abandoned(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


def frame(text: bytes) -> bytes:
    """One masked text frame of RFC 6455; the mask is zero, which costs the sender nothing."""
    length = len(text)
    size = (length, b"") if length < 126 else (126, length.to_bytes(2, "big")) if length < 65_536 else (127, length.to_bytes(8, "big"))
    return bytes([0x81, 0x80 | size[0]]) + size[1] + b"\0\0\0\0" + text


UPGRADE = (
    "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: server\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {base64.b64encode(bytes(16)).decode()}\r\n\r\n"
).encode()


async def paced(rate: float, seconds: float, one) -> int:
    """Begins `one(number)` `rate` times a second for so long, at most 400 at once; gives how many were begun."""
    began, number, tasks = time.monotonic(), 0, set()
    while (now := time.monotonic() - began) < seconds:
        while number < now * rate and len(tasks) < 400:
            task = asyncio.create_task(guarded(one, number))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            number += 1
        await asyncio.sleep(0.005)
    for task in list(tasks):
        task.cancel()
    return number


async def guarded(one, number: int) -> None:
    with contextlib.suppress(OSError, asyncio.IncompleteReadError, TimeoutError, ConnectionError):
        await one(number)


async def large_connects(server: Server, seconds: float) -> int:
    """180 CONNECT packets a second of 0.9 MB each, on a connection of their own, from 40 addresses, with a token that is none."""
    payload = frame(b'40{"token":"none","x":[' + b"1," * 450_000 + b"1]}")

    async def one(number: int) -> None:
        _, writer = await opened(server.port, stranger(number % 40))
        try:
            writer.write(UPGRADE + payload)
            await asyncio.wait_for(writer.drain(), 2)
            await asyncio.sleep(1)
        finally:
            await abandoned(writer)

    return await paced(180, seconds, one)


async def guessed_passwords(server: Server, seconds: float) -> int:
    """60 log-ins a second with wrong passwords, from 200 addresses, of the pair's own names among others."""
    names = ["KIOSK_01", "MONITOR_01", "MONITOR_02", "ADMIN", "root"]

    async def one(number: int) -> None:
        body = json.dumps({"username": names[number % len(names)], "password": f"guess {number}"}).encode()
        reader, writer = await opened(server.port, stranger(number % 200))
        try:
            writer.write(
                b"POST /api/auth/login HTTP/1.1\r\nHost: server\r\nConnection: close\r\nContent-Type: application/json\r\n"
                + f"Content-Length: {len(body)}\r\n\r\n".encode() + body
            )
            await asyncio.wait_for(reader.read(), 20)
        finally:
            await abandoned(writer)

    return await paced(60, seconds, one)


async def unread_answers(server: Server, seconds: float) -> int:
    """200 exports of 10,000 crew events each for one account, asked for at once and never read."""
    token = (await asyncio.to_thread(server.login, "MONITOR_02"))["token"]
    request = (
        f"GET /api/crew-events?format=csv&limit=10000 HTTP/1.1\r\nHost: server\r\nAuthorization: Bearer {token}\r\n\r\n"
    ).encode()
    lines: list[socket.socket] = []
    for _ in range(200):
        line = socket.socket()
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.setblocking(False)
        with contextlib.suppress(OSError):
            await asyncio.get_running_loop().sock_connect(line, (HOST, server.port))
            await asyncio.get_running_loop().sock_sendall(line, request)
        lines.append(line)
    await asyncio.sleep(seconds)
    for line in lines:
        line.close()
    return len(lines)


ATTACKS = {"connects": large_connects, "log-ins": guessed_passwords, "unread": unread_answers}


def fill(server: Server, events: int = 20_000) -> None:
    """Gives a stopped server a crew log worth exporting."""
    with contextlib.closing(sqlite3.connect(server.database)) as records, records:
        records.executemany(
            "INSERT INTO crew_event (organization, kiosk, event_id, kind, crew_id, name, role, train, occurred_at, received_at) "
            "VALUES ('north', 'KIOSK_01', ?, 'crew-sign-on', '4711', ?, 'driver', 'IC 204', '2026-01-01T00:00:00Z', ?)",
            ((f"filled-{number}", "A rather long name of somebody, " * 12, 1_767_225_600_000 + number) for number in range(events)),
        )


class Pair:
    """A kiosk and its monitor, which speak through the server as in a session."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.forwarded: list[float] = []
        self.stored: list[float] = []
        self.started: list[float] = []

    async def __aenter__(self) -> "Pair":
        self.kiosk = await Client(self.server, "KIOSK_01").__aenter__()
        assert (await self.kiosk.call("register-kiosk", {}))["ok"]
        self.monitor = await Client(self.server, "MONITOR_01").__aenter__()
        await self.monitor.register_monitor()
        assert (await self.monitor.call("start-monitoring", {"kioskId": "KIOSK_01"}))["ok"]
        return self

    async def __aexit__(self, *_) -> None:
        await self.monitor.close()
        await self.kiosk.close()

    async def talk(self, seconds: float) -> None:
        """20 candidates a second, one crew event and one new session a second; times in seconds."""
        end, number = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            began = time.monotonic()
            await self.monitor.emit("ice-candidate", {"targetId": "KIOSK_01", "candidate": {"candidate": f"candidate:{number}", "sdpMid": "0"}})
            await self.kiosk.expect("ice-candidate", 20)
            self.forwarded.append(time.monotonic() - began)
            if number % 20 == 0:
                began = time.monotonic()
                event = {"eventId": f"pair-{os.getpid()}-{number}-{began}", "crewId": "4711", "occurredAt": "2026-01-01T00:00:00Z"}
                assert (await asyncio.wait_for(self.kiosk.call("crew-sign-on", event), 30))["ok"]
                self.stored.append(time.monotonic() - began)
            if number % 20 == 10:
                assert (await self.monitor.call("stop-monitoring", {"kioskId": "KIOSK_01"}))["ok"]
                began = time.monotonic()
                assert (await asyncio.wait_for(self.monitor.call("start-monitoring", {"kioskId": "KIOSK_01"}), 30))["ok"]
                self.started.append(time.monotonic() - began)
            number += 1
            await asyncio.sleep(max(0, 0.05 - (time.monotonic() - began)))

    def figures(self) -> dict:
        ordered = sorted(self.forwarded)
        return {
            "messages": len(ordered),
            "medianMs": round(statistics.median(ordered) * 1000, 1),
            "p99Ms": round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))] * 1000, 1),
            "crewMs": round(max(self.stored) * 1000, 1),
            "startMs": round(max(self.started) * 1000, 1),
        }


