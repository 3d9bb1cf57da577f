"""The program between the two ends of an emulated link; see link.py. Arguments: two TUN descriptors and a seed.

Reads commands, one JSON object a line, and answers each with one line; ends with its input."""

import collections
import contextlib
import json
import os
import random
import select
import sys
import time

SLICE = 0.05


class Direction:
    """One way: a queue that drops at its end, then the wire of a rate, then random loss as radio has it, then the delay."""

    def __init__(self, out: int, seed: int) -> None:
        self.out = out
        self.random = random.Random(seed)
        self.rate, self.delay, self.queue_limit, self.loss, self.down = 0.0, 0.0, 150.0, 0.0, False
        self.waiting: collections.deque = collections.deque()
        self.waiting_bytes = 0
        #: When the packet at the head will have left; None: nothing is being sent.
        self.leaves: float | None = None
        self.flying: collections.deque = collections.deque()
        self.clear()

    def clear(self) -> None:
        self.bytes = self.lost = self.dropped = 0
        self.longest = 0.0

    def queue_ms(self) -> float:
        return self.waiting_bytes * 8 / self.rate if self.rate else 0.0

    def take(self, packet: bytes, now: float) -> None:
        if self.down:
            self.lost += 1
        elif not self.rate:
            self.flying.append((now + self.delay, packet))
        elif self.queue_ms() > self.queue_limit:
            self.dropped += 1
        else:
            self.waiting.append(packet)
            self.waiting_bytes += len(packet)
            self.longest = max(self.longest, self.queue_ms())
            if self.leaves is None:
                self.leaves = now + len(packet) * 8 / (self.rate * 1000)

    def move(self, now: float) -> None:
        while self.leaves is not None and self.leaves <= now:
            packet = self.waiting.popleft()
            self.waiting_bytes -= len(packet)
            self.flying.append((self.leaves + self.delay, packet))
            rate = self.rate or 1e6
            self.leaves = self.leaves + len(self.waiting[0]) * 8 / (rate * 1000) if self.waiting else None
        while self.flying and self.flying[0][0] <= now:
            _, packet = self.flying.popleft()
            if self.down or (self.loss and self.random.random() < self.loss):
                self.lost += 1
                continue
            with contextlib.suppress(OSError):
                os.write(self.out, packet)
                self.bytes += len(packet)

    def next(self) -> float:
        leaves = self.leaves if self.leaves is not None else float("inf")
        return min(leaves, self.flying[0][0] if self.flying else float("inf"))


def main() -> None:
    kiosk, room, seed = (int(one) for one in sys.argv[1:4])
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
    up, down = Direction(room, seed), Direction(kiosk, seed + 1)
    directions = {"up": up, "down": down}
    log: list[dict] = []
    slice_ends = time.monotonic() + SLICE
    pending = b""
    while True:
        now = time.monotonic()
        up.move(now)
        down.move(now)
        if now >= slice_ends:
            entry: dict = {"at": time.time()}
            for name, one in directions.items():
                entry[name] = {"bytes": one.bytes, "lost": one.lost, "dropped": one.dropped, "queue": max(one.longest, one.queue_ms())}
                one.clear()
            log.append(entry)
            slice_ends = max(slice_ends + SLICE, now)
        wait = min(up.next(), down.next(), slice_ends) - time.monotonic()
        ready = select.select([kiosk, room, 0], [], [], max(0, wait))[0]
        for end, direction in ((kiosk, up), (room, down)):
            if end not in ready:
                continue
            for _ in range(64):
                try:
                    packet = os.read(end, 2048)
                except BlockingIOError:
                    break
                except OSError:
                    break
                direction.take(packet, time.monotonic())
        if 0 in ready:
            data = os.read(0, 65536)
            if not data:
                return
            pending += data
            while b"\n" in pending:
                line, pending = pending.split(b"\n", 1)
                command = json.loads(line)
                answer: dict = {"at": time.time()}
                for name, settings in command.get("set", {}).items():
                    one = directions[name]
                    one.rate = settings.get("rate", one.rate)
                    one.delay = settings.get("delay", one.delay * 1000) / 1000
                    one.queue_limit = settings.get("queue", one.queue_limit)
                    one.loss = settings.get("loss", one.loss)
                    one.down = settings.get("down", one.down)
                if command.get("log"):
                    answer["log"], log = log, []
                os.write(1, (json.dumps(answer) + "\n").encode())


main()
