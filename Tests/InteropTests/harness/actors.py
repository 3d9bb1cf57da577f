"""Kiosks and monitors that stay connected while a browser is driven: Socket.IO clients on a thread of their own, without media."""

import asyncio
import datetime
import threading
import uuid

from harness.monitor import Client
from harness.programs import Server


def iso(seconds_ago: float = 0) -> str:
    at = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=seconds_ago)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Actors:
    """Whoever is needed signs in at the first word."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.clients: dict[str, Client] = {}
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    def __enter__(self) -> "Actors":
        self.thread.start()
        return self

    def __exit__(self, *_) -> None:
        for client in self.clients.values():
            self.do(client.close())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()

    def do(self, work):
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(30)

    def client(self, name: str) -> Client:
        if name not in self.clients:
            client = Client(self.server, name)
            self.do(client.connect())
            self.clients[name] = client
            registered = self.do(client.call("register-kiosk" if name.startswith("KIOSK") else "register-monitor", {}))
            assert registered["ok"], registered
        return self.clients[name]

    def call(self, name: str, event: str, payload: dict) -> dict:
        answer = self.do(self.client(name).call(event, payload))
        assert answer["ok"], answer
        return answer

    def crew(self, kiosk: str, event: str, crew_id: str, ago: float = 0, **fields: str) -> str:
        """One event of so many seconds ago, which arrives now. Gives its id."""
        identifier = str(uuid.uuid4())
        self.call(kiosk, f"crew-{event}", {"eventId": identifier, "crewId": crew_id, "occurredAt": iso(ago), **fields})
        return identifier

    def heartbeat(self, kiosk: str, **status) -> None:
        self.call(kiosk, "heartbeat-ping", {"status": status})

    def watch(self, monitor: str, kiosk: str) -> str:
        """A session with its first picture, as far as the server is told. Gives its id."""
        self.client(kiosk)
        session = self.call(monitor, "start-monitoring", {"kioskId": kiosk})["sessionId"]
        self.call(kiosk, "session-report", {"sessionId": session, "state": "media-started", "firstFrameMs": 180})
        return session

    def hears(self, name: str, event: str, **fields) -> dict:
        return self.do(self.client(name).expect(event, 10, **fields))
