"""A browser's addresses are hidden behind `.local` names (RFC 6762) and the kiosk finds them: it need not wait for the browser's checks."""

import pytest

from conftest import peer_missing
from harness import browser
from harness.programs import PASSWORD

KIOSK = "KIOSK_01"
#: The kiosk's own firewall: nobody reaches it whom it has not spoken to first, but answers to names do.
ONLY_ANSWERS = """
table inet wall {
  chain input {
    type filter hook input priority 0;
    udp sport 5353 accept;
    meta l4proto udp ct state new drop;
  }
}"""


@pytest.fixture(params=browser.NAMES)
def console(request, wire, server):
    """In a browser of its own: one that is older than the wire does not announce its names there."""
    missing = browser.missing(request.param)
    if missing:
        peer_missing(missing)
    with browser.started(request.param) as driver:
        console = browser.Console(driver, server.address).open()
        console.sign_in("MONITOR_01", PASSWORD)
        console.online(KIOSK)
        yield console
        driver.get("about:blank")


def test_the_kiosk_finds_a_hidden_address_and_speaks_first(wire, agent, console):
    before = agent.usage().descriptors
    wire.nft(ONLY_ANSWERS)
    try:
        console.watch(KIOSK)
        took = console.decoded(KIOSK, 30, 20)
    finally:
        wire.nft("delete table inet wall")
    browser.say(f"{console.driver.name}: 30 frames in {took:.1f} s, first after {console.first_frame(KIOSK):.0f} ms")
    console.stop(KIOSK)
    console.wait(lambda: agent.usage().descriptors <= before, 15, "descriptors were kept")
