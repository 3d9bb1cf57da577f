"""What a page keeps of pictures that were watched and stopped: nothing.

Briefly here; `make test-rounds` has 200 rounds."""

import os
import time

import pytest

from harness.browser import Console, say

KIOSK = "KIOSK_01"
ROUNDS = int(os.environ.get("ROUNDS", 15))
#: Rounds until everything that is made once is there.
WARM_UP = 5

#: Peer connections that were made and are not closed.
COUNT_OPEN = """
window.made = [];
const Real = RTCPeerConnection;
window.RTCPeerConnection = class extends Real { constructor(...all) { super(...all); window.made.push(new WeakRef(this)); } };
"""


def kept(room: Console) -> dict[str, float]:
    """After a collection: bytes of the heap, elements and listeners of the document, open peer connections."""
    room.driver.execute_cdp_cmd("HeapProfiler.collectGarbage", {})
    figures = {one["name"]: one["value"] for one in room.driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]}
    connections = room.driver.execute_script("return made.map((one) => one.deref()).filter((one) => one && one.connectionState !== 'closed').length")
    return {"heap": figures["JSHeapUsedSize"], "elements": figures["Nodes"], "listeners": figures["JSEventListeners"], "connections": connections}


@pytest.mark.parametrize("driver", ["chromium"], indirect=True)  # Firefox counts for nobody.
def test_rounds_of_watching_and_stopping_leave_nothing(stage, room):
    room.driver.execute_cdp_cmd("Performance.enable", {})
    room.driver.execute_script(COUNT_OPEN)

    def rounds(count: int) -> None:
        for _ in range(count):
            # By scripts: the driver holds what it finds, and so the whole picture.
            room.driver.execute_script("document.getElementById(`kiosk-${arguments[0]}`).click()", KIOSK)
            room.decoded(KIOSK, 3, 15)
            room.driver.execute_script("document.querySelector(`#tile-${arguments[0]} .stop`).click()", KIOSK)
        # The mark of a new picture goes after a while, and holds it until then.
        time.sleep(3)

    rounds(WARM_UP)
    before = kept(room)
    rounds(ROUNDS)
    after = kept(room)
    grown = {name: (after[name] - before[name]) / ROUNDS for name in before}
    say(f"{ROUNDS} rounds of watching and stopping: a round leaves {grown['heap'] / 1000:.1f} kB, {grown['elements']:.1f} elements, {grown['listeners']:.1f} listeners")
    assert after["connections"] == 0
    # A tile has 80 elements and 20 listeners.
    assert grown["elements"] < 8 and grown["listeners"] < 2 and grown["heap"] < 50_000, (before, after)
