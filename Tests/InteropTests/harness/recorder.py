"""A wire between a client and a server that writes down what they say: HTTP exchanges and Socket.IO packets, in order.

For plain HTTP and WebSockets without compression, which is what our programs speak to each other."""

import asyncio
import json
import threading


class Recorder:
    """Listens on `host:port` and passes everything on to `target`, until `stop`."""

    def __init__(self, host: str, port: int, target: tuple[str, int]) -> None:
        self.host = host
        self.port = port
        self.target = target
        self.said: list[dict] = []
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.address = f"http://{host}:{port}"

    def start(self) -> "Recorder":
        self.thread.start()
        return self

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)

    def _run(self) -> None:
        self.loop.run_until_complete(asyncio.start_server(self._pass, self.host, self.port))
        self.loop.run_forever()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection(*self.target)
        await asyncio.gather(
            self._pump(reader, up_writer, Listener("client", self.said)), self._pump(up_reader, writer, Listener("server", self.said)),
            return_exceptions=True,
        )

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener: "Listener") -> None:
        try:
            while piece := await reader.read(65536):
                listener.hear(piece)
                writer.write(piece)
                await writer.drain()
        finally:
            writer.close()


class Listener:
    """One direction of one connection: its HTTP messages, and WebSocket messages after an upgrade."""

    def __init__(self, who: str, said: list[dict]) -> None:
        self.who = who
        self.said = said
        self.bytes = b""
        self.is_web_socket = False

    def hear(self, piece: bytes) -> None:
        self.bytes += piece
        while self._frame() if self.is_web_socket else self._message():
            pass

    def _message(self) -> bool:
        end = self.bytes.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = self.bytes[:end].decode("latin-1").split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        length = int(fields.get("content-length", 0))
        if len(self.bytes) < end + 4 + length:
            return False
        body = self.bytes[end + 4 : end + 4 + length]
        self.bytes = self.bytes[end + 4 + length :]
        if "upgrade" in fields:
            self.is_web_socket = True
        elif self.who == "client":
            method, path, _ = head[0].split(" ", 2)
            self.said.append({"from": "client", "http": f"{method} {path}", "body": json.loads(body or b"null")})
        else:
            self.said.append({"from": "server", "status": int(head[0].split(" ")[1]), "body": json.loads(body or b"null")})
        return True

    def _frame(self) -> bool:
        data = self.bytes
        if len(data) < 2:
            return False
        length, at = data[1] & 0x7F, 2
        if length >= 126:
            size = 2 if length == 126 else 8
            if len(data) < at + size:
                return False
            length, at = int.from_bytes(data[at : at + size]), at + size
        mask = data[at : at + 4] if data[1] & 0x80 else b""
        at += len(mask)
        if len(data) < at + length:
            return False
        payload = bytes(byte ^ mask[index % 4] for index, byte in enumerate(data[at : at + length])) if mask else data[at : at + length]
        self.bytes = data[at + length :]
        if data[0] & 0x0F == 1:
            self._packet(payload.decode())
        return True

    def _packet(self, text: str) -> None:
        """`42["name",…]`, `421["name",…]`, `431[…]`: a message of Engine.IO with an event or an acknowledgement (Socket.IO v5)."""
        if text[:2] not in ("42", "43"):
            return
        start = text.index("[")
        number = int(text[2:start]) if text[2:start] else None
        arguments = json.loads(text[start:])
        if text[1] == "3":
            self.said.append({"from": self.who, "acknowledges": number, "body": arguments[0]})
        else:
            payload = arguments[1] if len(arguments) > 1 else None
            self.said.append({"from": self.who, "event": arguments[0], "payload": payload, "number": number})
