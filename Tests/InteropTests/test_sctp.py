"""Our SCTP and data channels against aiortc's, over UDP on the loopback where DTLS would be: both sides open, send, close and open again, also over
a path that loses, doubles and reorders packets."""

import asyncio
import contextlib
import random

import pytest
from aiortc.rtcdatachannel import RTCDataChannel, RTCDataChannelParameters
from aiortc.rtcsctptransport import RTCSctpCapabilities, RTCSctpTransport

from harness.monitor import asynchronous
from harness.programs import BIN, free_port

LOOPBACK = "127.0.0.1"
LIMIT = 60
OURS = bytes(index % 251 for index in range(262_144))


def fnv(data: bytes) -> int:
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value


class Path(asyncio.DatagramProtocol):
    """What aiortc takes for DTLS: packets go over UDP as they are, and some of them do not arrive."""

    def __init__(self, role: str, loss: float, seed: int) -> None:
        self.state = "connected"
        self._role = role
        self.loss = loss
        self.random = random.Random(seed)
        self.receiver = None
        self.transport = None
        self.queue: asyncio.Queue = asyncio.Queue()
        self.lost = 0

    def connection_made(self, transport) -> None:
        self.transport = transport

    def datagram_received(self, data, _) -> None:
        for late in self._fate():
            if late:
                asyncio.get_running_loop().call_later(late, self.queue.put_nowait, data)
            else:
                self.queue.put_nowait(data)

    async def deliver(self) -> None:
        while True:
            data = await self.queue.get()
            if self.receiver:
                await self.receiver._handle_data(data)

    def _fate(self) -> list[float]:
        """The delays after which a packet arrives: none, one or two."""
        if not self.loss:
            return [0]
        chance = self.random.random()
        if chance < self.loss:
            self.lost += 1
            return []
        return [0, 0.005] if chance < self.loss * 1.5 else [0.02] if chance < self.loss * 2 else [0]

    def _register_data_receiver(self, receiver) -> None:
        self.receiver = receiver

    def _unregister_data_receiver(self, _) -> None:
        self.receiver = None

    async def _send_data(self, data: bytes) -> None:
        for late in self._fate():
            asyncio.get_running_loop().call_later(late, self.transport.sendto, data)


class Echo:
    """Our program: commands go in, what happens comes out, a line each."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.changed = asyncio.Event()

    async def start(self, *arguments: str) -> None:
        self.process = await asyncio.create_subprocess_exec(
            str(BIN / "sctp-echo"), *arguments, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        self.reader = asyncio.create_task(self._read())
        await self.said("listening")

    async def _read(self) -> None:
        while line := await self.process.stdout.readline():
            self.lines.append(line.decode().rstrip())
            self.changed.set()

    def order(self, text: str) -> None:
        self.process.stdin.write(f"{text}\n".encode())

    async def said(self, line: str, count: int = 1) -> None:
        """Waits until the program has said something that begins so."""
        await until(lambda: sum(said.startswith(line) for said in self.lines) >= count, f"{line!r} of {self.lines[-10:]}", self.changed)

    async def end(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()
        await self.reader


async def until(condition, what, changed: asyncio.Event | None = None) -> None:
    end = asyncio.get_running_loop().time() + LIMIT
    while not condition():
        assert asyncio.get_running_loop().time() < end, what() if callable(what) else what
        if changed:
            changed.clear()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(changed.wait() if changed else asyncio.sleep(0.02), 0.1)


class Channel:
    """aiortc's end of a channel, and what came on it."""

    def __init__(self, channel: RTCDataChannel) -> None:
        self.channel = channel
        self.messages: list = []
        channel.on("message", self.messages.append)

    async def opened(self) -> "Channel":
        await until(lambda: self.channel.readyState == "open", f"{self.channel.label} is {self.channel.readyState}")
        return self

    async def closed(self) -> None:
        await until(lambda: self.channel.readyState == "closed", f"{self.channel.label} is {self.channel.readyState}")

    async def got(self, count: int) -> list:
        await until(lambda: len(self.messages) >= count, lambda: f"{len(self.messages)} of {count} messages")
        return self.messages


class Session:
    """aiortc and our program, connected."""

    def __init__(self, role: str, loss: float = 0, seed: int = 1) -> None:
        self.role, self.loss, self.seed = role, loss, seed

    async def __aenter__(self) -> "Session":
        ours, theirs = free_port(LOOPBACK), free_port(LOOPBACK)
        self.path = Path("server" if self.role == "client" else "client", self.loss, self.seed)
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: self.path, (LOOPBACK, theirs), (LOOPBACK, ours))
        self.delivery = asyncio.create_task(self.path.deliver())
        self.sctp = RTCSctpTransport(self.path)
        self.incoming: list[Channel] = []
        self.sctp.on("datachannel", lambda channel: self.incoming.append(Channel(channel)))
        self.echo = Echo()
        await self.echo.start("--port", str(ours), "--peer", str(theirs), "--role", self.role)
        await self.sctp.start(RTCSctpCapabilities(maxMessageSize=262_144), 5000)
        await self.echo.said("connected")
        await until(lambda: self.sctp.state == "connected", lambda: self.sctp.state)
        return self

    async def __aexit__(self, *_) -> None:
        await self.sctp.stop()
        await self.echo.end()
        self.delivery.cancel()
        self.path.transport.close()

    async def open(self, label: str, **parameters) -> Channel:
        return await Channel(RTCDataChannel(self.sctp, RTCDataChannelParameters(label=label, **parameters))).opened()

    async def taken(self, label: str) -> Channel:
        """The channel of that label that our program opened last."""
        await until(lambda: any(one.channel.label == label for one in self.incoming), lambda: f"{label} not opened: {self.echo.lines[-5:]}")
        return [one for one in self.incoming if one.channel.label == label][-1]


ROLES = pytest.mark.parametrize("role", ["client", "server"])
SIZES = [1, 2, 3, 4, 5, 100, 1159, 1160, 1161, 1200, 2320, 16_384, 65_536, 262_143, 262_144]


@ROLES
@asynchronous
async def test_messages_of_every_size_come_back(role):
    async with Session(role) as session:
        channel = await session.open("sizes", protocol="a protocol")
        for size in SIZES:
            channel.channel.send(OURS[:size])
        channel.channel.send("")
        channel.channel.send(b"")
        channel.channel.send("über")
        assert await channel.got(len(SIZES) + 3) == [OURS[:size] for size in SIZES] + ["", b"", "über"]
        assert f"binary sizes 262144 {fnv(OURS)}" in session.echo.lines


@ROLES
@asynchronous
async def test_our_side_opens_and_sends(role):
    async with Session(role) as session:
        session.echo.order("open ours unordered retransmissions=3")
        channel = await session.taken("ours")
        await session.echo.said("accepted ours")
        assert not channel.channel.ordered
        assert channel.channel.maxRetransmits == 3
        for size in SIZES:
            session.echo.order(f"send ours {size}")
        session.echo.order("text ours 0")
        session.echo.order("text ours 7")
        messages = await channel.got(len(SIZES) + 2)
        # Unordered: what is lost in a socket's buffer is overtaken.
        assert sorted((one for one in messages if isinstance(one, bytes)), key=len) == [OURS[:size] for size in SIZES]
        assert sorted(one for one in messages if isinstance(one, str)) == ["", "a" * 7]
        channel.channel.send(b"thanks")
        await session.echo.said("binary ours 6")
        session.echo.order("open timed lifetime=250")
        assert (await session.taken("timed")).channel.maxPacketLifeTime == 250


@ROLES
@asynchronous
async def test_channels_close_from_both_sides_and_open_again(role):
    async with Session(role) as session:
        for turn in range(5):
            session.echo.order("open ours")
            await session.echo.said("accepted ours", turn + 1)
            ours = await session.taken("ours")
            theirs = await session.open("theirs")
            theirs.channel.send(b"%d" % turn)
            assert await theirs.got(1) == [b"%d" % turn]
            ids = ours.channel.id, theirs.channel.id
            assert [number % 2 for number in ids] == ([0, 1] if role == "client" else [1, 0])
            theirs.channel.close() if turn % 2 else session.echo.order("close theirs")
            ours.channel.close() if turn % 2 == 0 else session.echo.order("close ours")
            await theirs.closed()
            await ours.closed()
            await session.echo.said("closed theirs", turn + 1)
            await session.echo.said("closed ours", turn + 1)


@ROLES
@asynchronous
async def test_negotiated_channels_need_no_message(role):
    async with Session(role) as session:
        session.echo.order("open agreed negotiated=200")
        channel = Channel(RTCDataChannel(session.sctp, RTCDataChannelParameters(label="agreed", negotiated=True, id=200)))
        await channel.opened()
        session.echo.order("send agreed 1000")
        assert await channel.got(1) == [OURS[:1000]]
        channel.channel.send("back")
        await session.echo.said("text agreed 4")


@pytest.mark.parametrize("seed", range(3))
@ROLES
@asynchronous
async def test_nothing_is_lost_on_a_path_that_loses(role, seed):
    async with Session(role, loss=0.05, seed=seed) as session:
        ordered = await session.open("ordered")
        unordered = await session.open("unordered", ordered=False)
        sizes = [1 + index * 937 % 20_000 for index in range(60)]
        for size in sizes:
            ordered.channel.send(OURS[:size])
            unordered.channel.send(OURS[:size])
        assert await ordered.got(len(sizes)) == [OURS[:size] for size in sizes]
        assert sorted(await unordered.got(len(sizes))) == sorted(OURS[:size] for size in sizes)
        assert session.path.lost > 20
        ordered.channel.close()
        await ordered.closed()
        await session.echo.said("closed ordered")


@pytest.mark.parametrize("seed", range(2))
@ROLES
@asynchronous
async def test_partial_reliability_goes_on_behind_what_it_gives_up(role, seed):
    async with Session(role, loss=0.1, seed=seed) as session:
        theirs = await session.open("theirs", ordered=False, maxRetransmits=0)
        session.echo.order("open ours retransmissions=0")
        ours = await session.taken("ours")
        for _ in range(150):
            theirs.channel.send(OURS[:3000])
            session.echo.order("send ours 3000")
            await asyncio.sleep(0.005)
        reliable = await session.open("reliable")
        reliable.channel.send("the end")
        assert await reliable.got(1) == ["the end"]
        await until(lambda: len(ours.messages) > 30, lambda: f"{len(ours.messages)} arrived")
        # Some were given up, none was damaged.
        await asyncio.sleep(2)
        assert 30 < len(ours.messages) < 150
        assert set(ours.messages) == {OURS[:3000]}
        assert 30 < sum(line.startswith("binary theirs 3000") for line in session.echo.lines) < 150


@ROLES
@asynchronous
async def test_the_end_is_told(role):
    async with Session(role) as session:
        await session.open("last")
        session.echo.order("shutdown")
        await session.echo.said("closed last")
        await session.echo.said("ended sctp: shut down")
        await until(lambda: session.sctp.state == "closed", lambda: session.sctp.state)
    async with Session(role) as session:
        channel = await session.open("last")
        await session.sctp.stop()
        await session.echo.said("ended sctp: aborted by the peer")
        await channel.closed()
