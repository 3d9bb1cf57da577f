#!/usr/bin/env python3
"""A kiosk's screen in small: signs a crew member on or off and shows whether somebody watches.

    docs/examples/screen.py sign-on 4711 --name "Asha Rao" --train "IC 204"
    docs/examples/screen.py watch --seconds 60

It talks to the agent over its control socket (docs/control-socket.md) and needs nothing but Python. Its user belongs to the
group kiosk-agent.
"""

import argparse
import json
import socket
import sys
import time
import uuid

SOCKET = "/run/kiosk-agent/control.sock"


class NotSignedOn(Exception):
    """The event is not stored: the crew member must be told."""


class Agent:
    """One connection to the agent: a request a line, an answer a line."""

    def __init__(self, path: str, timeout: float = 10) -> None:
        self.stream = socket.socket(socket.AF_UNIX)
        self.stream.settimeout(timeout)
        self.stream.connect(path)
        self.received = b""

    def __enter__(self) -> "Agent":
        return self

    def __exit__(self, *_) -> None:
        self.stream.close()

    def ask(self, command: str, **members) -> dict:
        request = {"command": command, **{name: value for name, value in members.items() if value is not None}}
        self.stream.sendall(json.dumps(request).encode() + b"\n")
        return self.next()

    def next(self) -> dict:
        """The next line. What had come of it before a timeout is kept for the next call."""
        while b"\n" not in self.received:
            piece = self.stream.recv(65536)
            if not piece:
                raise ConnectionError("the agent closed the connection")
            self.received += piece
        line, self.received = self.received.split(b"\n", 1)
        return json.loads(line)


def sign(path: str, command: str, crew: str, *, name: str | None, role: str | None, train: str | None, patience: float = 30) -> dict:
    """Hands an event over. The name that it has from the beginning makes asking again harmless: it stays one event."""
    event = str(uuid.uuid4())
    end = time.monotonic() + patience
    while True:
        try:
            with Agent(path) as agent:
                answer = agent.ask(command, crewId=crew, name=name, role=role, train=train, eventId=event)
        except OSError as error:
            # The agent is being restarted, or its answer was lost.
            if time.monotonic() > end:
                raise NotSignedOn(f"the agent does not answer: {error}") from error
            time.sleep(0.5)
            continue
        if answer["ok"]:
            return answer
        raise NotSignedOn(answer["error"]["message"])


def watch(path: str, seconds: float, show) -> None:
    """Calls `show(live)` whenever media begins or ends to leave the kiosk. Who cannot know shows the sign."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            with Agent(path, timeout=1) as agent:
                show(agent.ask("watch")["live"])
                while time.monotonic() < end:
                    try:
                        line = agent.next()
                    except TimeoutError:
                        continue
                    if line.get("event") == "indicator":
                        show(line["live"])
        except OSError:
            show(True)
            time.sleep(0.5)


def main() -> None:
    parser = argparse.ArgumentParser(description="A kiosk's screen at the agent's control socket.")
    parser.add_argument("--socket", default=SOCKET)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("sign-on", "sign-off"):
        command = commands.add_parser(name)
        command.add_argument("crew")
        command.add_argument("--name")
        command.add_argument("--role")
        command.add_argument("--train")
    commands.add_parser("watch").add_argument("--seconds", type=float, default=3600)
    options = parser.parse_args()
    if options.command == "watch":
        watch(options.socket, options.seconds, lambda live: print("WATCHED" if live else "not watched", flush=True))
        return
    answer = sign(
        options.socket, f"crew-{options.command}", options.crew, name=options.name, role=options.role, train=options.train
    )
    print(f"{options.crew} {'had been' if answer.get('repeated') else 'is'} signed {options.command[5:]}, {answer['occurredAt']}")


if __name__ == "__main__":
    try:
        main()
    except NotSignedOn as error:
        sys.exit(f"not stored: {error}")
