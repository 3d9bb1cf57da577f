"""The HTTP and WebSocket of the project beside other implementations: h11 and wsproto read the same bytes as `socketio-echo`, Node keeps its
connections, curl asks in its own ways."""

import json
import random
import shutil
import socket
import subprocess

import h11
import pytest
from wsproto import ConnectionType
from wsproto.connection import Connection
from wsproto.events import BytesMessage, CloseConnection, TextMessage
from wsproto.utilities import RemoteProtocolError

from harness import network
from test_protocol import echo  # noqa: F401 (a fixture)


def converse(port: int, data: bytes) -> bytes:
    """Everything that is answered to `data` until the connection ends."""
    with socket.create_connection((network.MONITOR, port), 10) as line:
        line.settimeout(10)
        answer = b""
        try:
            line.sendall(data)
            line.shutdown(socket.SHUT_WR)
            while more := line.recv(65536):
                answer += more
        except ConnectionError:
            pass
        except TimeoutError:
            pytest.fail(f"never closed: {data} {answer}")
        return answer


def requests_of(data: bytes) -> tuple[list[bytes], bool]:
    """What h11 reads: the methods of whole requests, and whether it then refuses what follows."""
    line = h11.Connection(h11.SERVER)
    methods: list[bytes] = []
    method = b""
    line.receive_data(data)
    try:
        while True:
            event = line.next_event()
            if isinstance(event, h11.Request):
                method = event.method
            elif isinstance(event, h11.EndOfMessage):
                methods.append(method)
                line.send(h11.Response(status_code=404, headers=[("content-length", "0")]))
                line.send(h11.EndOfMessage())
                if line.our_state is h11.MUST_CLOSE or line.their_state is h11.MUST_CLOSE:
                    return methods, False
                line.start_next_cycle()
            elif event is h11.NEED_DATA or event is h11.PAUSED or isinstance(event, h11.ConnectionClosed):
                return methods, False
    except h11.RemoteProtocolError as error:
        if "no request line received" in str(error):
            # An empty line before a request, which a server should ignore (RFC 9112 section 2.2): h11 does not.
            more, is_refused = requests_of(line.trailing_data[0])
            return methods + more, is_refused
        return methods, True


def answers_of(data: bytes, methods: list[bytes]) -> list[tuple[int, bytes]]:
    """Status and body of each answer. Each has its length; one to HEAD has no body."""
    answers = []
    while data:
        head, _, data = data.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        status = int(lines[0].split()[1])
        if status == 100:
            continue
        fields = dict(line.lower().split(b": ", 1) for line in lines[1:])
        length = int(fields.get(b"content-length", 0))
        if len(answers) < len(methods) and methods[len(answers)] == b"HEAD" and not (status != 404 and data):
            length = 0
        answers.append((status, data[:length]))
        data = data[length:]
    return answers


def changed(source: random.Random, samples: list[bytes], most: int, changes: int, piece) -> bytes:
    """One to `most` of the samples behind each other, with up to so many changes: pieces put in, in the place of a byte, or bytes gone."""
    data = bytearray(b"".join(source.choice(samples) for _ in range(source.randint(1, most))))
    for _ in range(source.randint(0, changes)):
        position = source.randrange(max(1, len(data)))
        match source.randrange(3):
            case 0: data[position:position] = piece()
            case 1: del data[position : position + source.randint(1, 3)]
            case _: data[position : position + 1] = piece()
    return bytes(data)


REQUESTS = [
    b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST /x?a=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n",
    b"HEAD /x HTTP/1.1\r\nHost: a\r\nX-Long: some text\r\n\r\n",
    b"PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\n\r\nGET /y HTTP/1.1\r\nHost: smuggled",
    b"GET http://a/x HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
]
PIECES = [b"\r", b"\n", b"\r\n", b" ", b"\t", b":", b"0", b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n", b"\x00", b",", b";", b"chunked", b"\xff", b"1"]


def test_h11_sees_every_request_that_is_answered(echo):  # noqa: F811
    """No request is answered that another implementation would read as part of something else, and what both read is answered."""
    source = random.Random(4)
    answered = refused = 0
    for turn in range(1500):
        data = changed(source, REQUESTS, 4, 3 if turn > 20 else 0, lambda: source.choice(PIECES))
        methods, is_refused = requests_of(data)
        answers = answers_of(converse(echo.port, data), methods)
        sound = [status for status, _ in answers if status == 404]
        assert len(sound) <= len(methods), f"{data} {answers} {methods} {is_refused}"
        if answers and answers[-1][0] != 404:
            # The refusal is the last word, in the contract's form.
            status, body = answers[-1]
            assert status in (400, 405, 411, 413, 417, 431, 501), (data, answers)
            assert len(sound) == len(answers) - 1, (data, answers)
            assert not body or json.loads(body)["error"]["code"], (data, answers)
            refused += 1
        else:
            assert len(sound) == len(methods), (data, answers, methods)
            assert not is_refused, (data, answers)
            answered += 1
    assert answered > 100 and refused > 100, (answered, refused)


def frame(opcode: int, payload: bytes, final: bool = True) -> bytes:
    mask = b"\x12\x34\x56\x78"
    assert len(payload) < 126
    return bytes([(0x80 if final else 0) | opcode, 0x80 | len(payload)]) + mask + bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))


FRAMES = [
    frame(1, b"4hello"), frame(2, b"\x00\x01\xff"), frame(1, b"4a", final=False) + frame(9, b"ping") + frame(0, b"bc"),
    frame(9, b"x"), frame(10, b"y"), frame(1, "4ä✓".encode()), frame(8, b"\x03\xe8bye"), frame(2, b"", final=False) + frame(0, b"z"),
]


def messages_of(data: bytes) -> tuple[list[bytes], int | None]:
    """What wsproto reads and the echo server would give back, and the code with which it would close."""
    line = Connection(ConnectionType.SERVER)
    line.receive_data(data)
    messages: list[bytes] = []
    whole = b""
    try:
        for event in line.events():
            if isinstance(event, TextMessage | BytesMessage):
                whole += event.data.encode() if isinstance(event.data, str) else bytes(event.data)
                if event.message_finished:
                    if isinstance(event, TextMessage) and whole[:1] != b"4":
                        return messages, None  # no packet of Engine.IO that is echoed
                    messages.append(whole)
                    whole = b""
            elif isinstance(event, CloseConnection):
                return messages, int(event.code)
    except RemoteProtocolError as error:
        return messages, int(error.event_hint.code) if error.event_hint else 1002
    return messages, 0


def test_wsproto_reads_the_same_messages(echo):  # noqa: F811
    source = random.Random(5)
    closed = echoed = 0
    for turn in range(600):
        data = changed(source, FRAMES, 5, 2 if turn > 20 else 0, lambda: bytes([source.randrange(256)]))
        expected, code = messages_of(data)
        if code is None:
            continue
        request = (
            b"GET /engine.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
        head, _, rest = converse(echo.port, request + data).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 "), head
        seen, own = [], 0
        while len(rest) >= 2:
            length, start = rest[1] & 0x7F, 2
            if length == 126:
                length, start = int.from_bytes(rest[2:4], "big"), 4
            payload, opcode = rest[start : start + length], rest[0] & 0x0F
            rest = rest[start + length :]
            if opcode in (1, 2) and payload[:1] != b"0" and payload != b"2":
                seen.append(payload)
            elif opcode == 8:
                own = int.from_bytes(payload[:2], "big") if payload else 1005
        assert seen == expected[: len(seen)], (data, seen, expected)
        if code in (1002, 1007):
            # Invalid text in an unfinished message may wait for its end here, and what comes before that end be refused for itself.
            assert own == code or (code == 1007 and own in (0, 1002)), (data, own, code)
            closed += 1
        elif code == 0:
            # A frame's first byte may be enough to refuse it, where the other waits for more.
            if own not in (0, 1009):
                assert messages_of(data + b"\x80" + bytes(13))[1] == own, (data, own)
            echoed += len(seen)
    assert closed > 50 and echoed > 50, (closed, echoed)


NODE = """
const http = require('http');
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const ask = (method, path, body) => new Promise((resolve, reject) => {
  const request = http.request({ host: process.argv[2], port: process.argv[3], agent, method, path }, (response) => {
    response.resume();
    response.on('end', () => resolve(response.statusCode));
  });
  request.on('error', reject);
  request.end(body);
});
(async () => {
  const seen = [];
  for (let turn = 0; turn < 5; turn++) {
    seen.push(await ask('GET', '/engine.io/?EIO=4&transport=polling'));
    seen.push(await ask('GET', '/engine.io/?EIO=4&transport=none'));
    seen.push(await ask('BREW', '/x').catch((error) => error.message));
    seen.push(await ask('POST', '/engine.io/?EIO=4&transport=polling&sid=none', 'x'));
  }
  console.log(JSON.stringify(seen));
})();
"""


def test_node_keeps_its_connections(echo):  # noqa: F811
    """An answer that ends its connection says so, or Node's next request fails with "socket hang up"."""
    node = shutil.which("node")
    assert node, "no node"
    done = subprocess.run([node, "-", network.MONITOR, str(echo.port)], input=NODE.replace("'BREW'", "'TRACE'"), capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [200, 400, 405, 400] * 5


@pytest.mark.parametrize("options", [[], ["--http1.0"], ["-H", "Connection: Upgrade, HTTP2-Settings", "-H", "Upgrade: h2c", "-H", "HTTP2-Settings: AAEAAEAA"]])
def test_curl_gets_its_session(echo, options):  # noqa: F811
    url = f"http://{network.MONITOR}:{echo.port}/engine.io/?EIO=4&transport=polling"
    done = subprocess.run(["curl", "-sS", "-w", "%{http_code}", *options, url], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.startswith('0{"sid"') and done.stdout.endswith("200"), done.stdout
