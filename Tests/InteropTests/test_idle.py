"""What a kiosk costs while nobody watches it."""

import pathlib
import time

from harness.browser import say
from harness.clinic import registered

#: For the sum of all threads, in shares of one core; and resident, in bytes: 25 MB as ps and systemd count them.
CPU, MEMORY = 0.002, 25 << 20
SECONDS = 40


def busy(agent) -> float:
    """Seconds that the agent's threads ran so far, from the scheduler's own count."""
    threads = pathlib.Path(f"/proc/{agent.pid}/task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9


def test_a_registered_kiosk_that_nobody_watches_rests(server, agent):
    registered(agent)
    # What a start costs is over when nothing has run for a second.
    before = -1.0
    while (now := busy(agent)) - before > 0.002:
        before = now
        time.sleep(1)
    began, start = busy(agent), time.monotonic()
    time.sleep(SECONDS)
    share = (busy(agent) - began) / (time.monotonic() - start)
    memory = agent.usage().resident
    say(f"{share:.3%} of a core and {memory / (1 << 20):.1f} MiB while nobody watches")
    assert share <= CPU
    assert memory <= MEMORY
