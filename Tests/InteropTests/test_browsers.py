"""A monitor sees and hears a kiosk: Debian's Chromium and Firefox, through the console's own page."""

import asyncio
import contextlib
import os
import pathlib
import signal
import time

import pytest
from harness.browser import Console, differ, say, shoot, started
from harness.monitor import Client
from harness.programs import PASSWORD, eventually


def live(agent) -> bool:
    return agent.status()["camera"]["state"] == "live"


def test_a_monitor_sees_and_hears_a_kiosk(console: Console, agent):
    console.sign_in("MONITOR_01", PASSWORD)
    console.online("KIOSK_01")
    assert not live(agent)
    console.watch("KIOSK_01")

    # The picture: there, moving, not black, and going on.
    console.decoded("KIOSK_01", 100, 10)
    first = console.picture("KIOSK_01")
    assert first.mean() > 16 and first.std() > 8, f"black or flat: mean {first.mean():.1f}, deviation {first.std():.1f}"
    console.wait(lambda: differ(first, console.picture("KIOSK_01")) > 0.2, 5, "the picture does not move")
    assert live(agent)

    # The sound: not muted, and there.
    session = console.session("KIOSK_01")
    assert session["muted"] is False and session["paused"] is False
    console.wait(lambda: console.inbound("KIOSK_01")["audio"].get("totalAudioEnergy", 0) > 0, 10, "no sound")

    # What the operator reads.
    assert console.text("KIOSK_01", "state") == "Live"
    console.wait(lambda: console.text("KIOSK_01", "resolution") == "640 × 480", 5, "size")
    console.wait(lambda: "bit/s" in console.text("KIOSK_01", "bitrate"), 5, "bitrate")
    console.wait(lambda: console.text("KIOSK_01", "frame-rate").removesuffix("/s").isdigit(), 5, "frame rate")
    console.wait(lambda: console.text("KIOSK_01", "round-trip").endswith("ms"), 5, "round trip")

    # Crew events arrive while watching.
    agent.crew("sign-on", "4711", name="Maria Lindqvist", role="driver", train="IC 204")
    console.wait(lambda: any(one["crewId"] == "4711" for one in console.crew()), 5, "no crew event")
    (event,) = console.crew()
    assert event["kind"] == "sign-on"
    for word in ("Maria Lindqvist", "signed on", "Train IC 204", "Crew lobby, Central"):
        assert word in event["text"], event

    # Still alive after a quarter of a minute.
    time.sleep(max(0, 15 - (console.session("KIOSK_01")["figures"]["at"] - session["timings"]["clicked"]) / 1000))
    before = console.frames("KIOSK_01")
    time.sleep(1)
    assert console.frames("KIOSK_01") > before + 10

    # Stop closes the camera.
    console.stop("KIOSK_01")
    eventually(lambda: not live(agent), 5, "the camera is still on")
    assert console.session("KIOSK_01") is None
    assert console.complaints() == []
    say(f"{console.driver.name}: click to first picture {first_frame(session):.0f} ms")


def first_frame(session: dict) -> float:
    return session["timings"]["firstFrame"] - session["timings"]["clicked"]


def test_a_closed_page_locks_nobody_out(console: Console, agent, server):
    console.sign_in("MONITOR_01", PASSWORD)
    console.connected()
    console.online("KIOSK_01")
    console.watch("KIOSK_01")
    console.decoded("KIOSK_01", 10, 10)
    console.driver.get("about:blank")

    async def another_monitor_may_watch() -> bool:
        async with Client(server, "MONITOR_02") as client:
            await client.kiosk_online()
            return (await client.call("start-monitoring", {"kioskId": "KIOSK_01"}))["ok"]

    eventually(lambda: asyncio.run(another_monitor_may_watch()), 3, "the kiosk stays busy")


def test_two_windows_of_one_person_take_a_kiosk_from_each_other_when_they_are_told_to(console: Console, agent):
    def sign_in() -> None:
        console.sign_in("MONITOR_01", PASSWORD)
        console.connected()
        console.online("KIOSK_01")

    driver = console.driver
    sign_in()
    first = driver.current_window_handle
    driver.switch_to.new_window("window")
    second = driver.current_window_handle
    try:
        console.open()
        sign_in()
        for turn in range(8):
            driver.switch_to.window((first, second)[turn % 2])
            if turn < 2:
                console.watch("KIOSK_01")
            else:
                assert console.ending("KIOSK_01") == "stopped-by-monitor"
                console.find("again", console.tile("KIOSK_01")).click()
            if turn > 0:
                console.find("take-here").click()
            console.wait(lambda: console.text("KIOSK_01", "state") == "Live", 8, f"no picture at turn {turn}: {console.session('KIOSK_01')}")
    finally:
        driver.switch_to.window(second)
        driver.close()
        driver.switch_to.window(first)


#: Offers a header extension that Chromium leaves out by itself, and keeps the receivers at hand.
OFFER_CAPTURE_TIME = """
const add = RTCPeerConnection.prototype.addTransceiver;
window.receivers = [];
RTCPeerConnection.prototype.addTransceiver = function (...parts) {
  const transceiver = add.apply(this, parts);
  const extensions = transceiver.getHeaderExtensionsToNegotiate();
  for (const one of extensions) if (one.uri.endsWith('/abs-capture-time')) one.direction = 'sendrecv';
  transceiver.setHeaderExtensionsToNegotiate(extensions);
  window.receivers.push(transceiver.receiver);
  return transceiver;
};
"""

#: How old what is shown or played now was when it arrived, in milliseconds, by the sender's capture time (NTP, milliseconds since 1900).
AGES = """
const ages = {};
for (const receiver of window.receivers) {
  const [source] = receiver.getSynchronizationSources();
  if (source?.captureTimestamp !== undefined) ages[receiver.track.kind] = Date.now() - (source.captureTimestamp - 2208988800000);
}
return ages;
"""


@pytest.mark.parametrize("driver", ["chromium"], indirect=True)  # Firefox does not show it to a page.
def test_the_browser_reads_the_capture_time(console: Console, agent):
    console.sign_in("MONITOR_01", PASSWORD)
    console.online("KIOSK_01")
    console.driver.execute_script(OFFER_CAPTURE_TIME)
    console.watch("KIOSK_01")
    console.decoded("KIOSK_01", 60, 10)
    console.wait(lambda: set(console.driver.execute_script(AGES)) == {"audio", "video"}, 10, "no capture time")
    ages = [console.driver.execute_script(AGES) for _ in range(20)]
    say(f"captured {ages[-1]} ms ago")
    # Kiosk and browser share this machine's clock.
    for kind in ("audio", "video"):
        assert all(0 <= age[kind] < 500 for age in ages), ages
    console.stop("KIOSK_01")


def test_a_lower_quality_reaches_the_kiosk(console: Console, agent):
    console.sign_in("MONITOR_01", PASSWORD)
    console.connected()
    console.online("KIOSK_01")
    try:
        console.find("settings-button").click()
        console.setting("quality", "low")
        console.watch("KIOSK_01")
        console.wait(lambda: console.text("KIOSK_01", "state") == "Live", 10)

        def drawn() -> float:
            return (console.session("KIOSK_01")["figures"] or {}).get("bitrate") or 0

        # Picture and sound: what Opus takes, and headers, come on top of the picture's 200 kbit/s.
        time.sleep(6)
        readings = []
        for _ in range(5):
            time.sleep(1.1)
            readings.append(drawn())
        assert 20_000 < sum(readings) / len(readings) < 330_000, readings
        shoot(console, "quality-low")
        console.find("settings-button").click()
        console.setting("quality", "best")
        console.find("settings-back").click()
        console.wait(lambda: drawn() > 400_000, 25, f"the limit stays: {drawn()}")
        console.wait(lambda: console.text("KIOSK_01", "state") == "Live", 5)
    finally:
        console.driver.execute_script("localStorage.clear()")


def test_signing_in_with_a_wrong_password_says_so(console: Console):
    console.sign_in("MONITOR_01", "not the password")
    assert console.sign_in_error().startswith("Name or password is not right.")
    console.sign_in("NOBODY", PASSWORD)
    assert console.sign_in_error().startswith("Name or password is not right.")
    console.sign_in("KIOSK_01", PASSWORD)
    console.wait(lambda: "belongs to a kiosk" in console.find("sign-in-error").text, 10, "a kiosk may not sign in")
    console.sign_in("MONITOR_01", PASSWORD)
    console.connected()


def test_a_reload_stays_signed_in_and_shows_the_same_pictures(console: Console, agent):
    console.sign_in("MONITOR_01", PASSWORD)
    console.online("KIOSK_01")
    console.watch("KIOSK_01")
    console.decoded("KIOSK_01", 10, 10)
    before = console.session("KIOSK_01")["sessionId"]
    console.driver.refresh()
    console.connected()
    console.decoded("KIOSK_01", 10, 10)
    assert console.session("KIOSK_01")["sessionId"] != before, "the session of a page that is gone"
    console.driver.get("about:blank")
    eventually(lambda: not live(agent), 5, "the camera is on for a page that is gone")


def test_who_comes_back_after_a_crash_sees_the_kiosk_at_once(console: Console, agent):
    """The browser is killed, with no time for a word, and its user signs in again before the server has missed it."""
    name = {"chrome": "chromium"}.get(console.driver.name, console.driver.name)
    with contextlib.ExitStack() as stack:
        before = Console(stack.enter_context(started(name)), console.address).open()
        before.sign_in("MONITOR_01", PASSWORD)
        before.online("KIOSK_01")
        before.watch("KIOSK_01")
        before.decoded("KIOSK_01", 10, 20)
        root = before.driver.service.process.pid
        killed = time.monotonic()
        for process in descendants(root):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        # Its driver has nothing left to quit.
        with contextlib.suppress(Exception):
            stack.close()
    console.sign_in("MONITOR_01", PASSWORD)
    console.online("KIOSK_01")
    console.watch("KIOSK_01")
    console.decoded("KIOSK_01", 10, 10)
    took = time.monotonic() - killed
    say(f"{name}: {took:.1f} s after the kill there is a picture")
    assert took < 10, "later the grace period is over in any case"
    console.stop("KIOSK_01")


def descendants(root: int) -> list[int]:
    """A browser's processes, not its driver."""
    parents: dict[int, list[int]] = {}
    for entry in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            pid, _, rest = entry.read_text().partition(" ")
            parents.setdefault(int(rest.rpartition(")")[2].split()[1]), []).append(int(pid))
    found, left = [], [root]
    while left:
        children = parents.get(left.pop(), [])
        found += children
        left += children
    return found


def test_a_kiosk_another_monitor_watches_is_refused_with_since_when(console: Console, server, agent):
    from harness.monitor import Client, Watch, asynchronous

    @asynchronous
    async def occupied():
        async with Client(server, "MONITOR_02") as other:
            await other.kiosk_online()
            watch = await Watch(other).start()
            await watch.frames(video=5)
            console.sign_in("MONITOR_01", PASSWORD)
            console.online("KIOSK_01")
            console.wait(lambda: "MONITOR_02" in console.row("KIOSK_01").text, 5, "not shown as watched")
            console.watch("KIOSK_01")
            assert console.ending("KIOSK_01") == "kiosk-busy"
            assert "since" in console.tile("KIOSK_01").text
            await watch.stop()

    occupied()
    console.find("again", console.tile("KIOSK_01")).click()
    console.decoded("KIOSK_01", 10, 10)


def test_a_page_out_of_sight_costs_the_kiosk_no_picture(console: Console, agent):
    def hide(hidden: bool) -> None:
        console.driver.execute_script(
            "Object.defineProperty(document, 'hidden', { configurable: true, get: () => %s }); document.dispatchEvent(new Event('visibilitychange'));" % str(hidden).lower()
        )

    def sound() -> int:
        return console.inbound("KIOSK_01")["audio"]["packetsReceived"]

    console.sign_in("MONITOR_01", PASSWORD)
    console.online("KIOSK_01")
    console.watch("KIOSK_01")
    console.decoded("KIOSK_01", 20, 10)
    hide(True)
    time.sleep(7.5)
    encoded, heard = agent.status()["video"]["encoded"], sound()
    time.sleep(1.5)
    assert agent.status()["video"]["encoded"] == encoded, "pictures are encoded for nobody"
    assert sound() > heard + 40, "the sound went with the picture"
    hide(False)
    # Waiting is for a frame on the screen: the last one is called what it is.
    console.wait(lambda: console.text("KIOSK_01", "state") == "Live", 5, "no picture")
    eventually(lambda: agent.status()["video"]["encoded"] > encoded, 3, "it was live before")
    console.stop("KIOSK_01")


def test_media_goes_on_while_the_server_is_away(console: Console, server, agent):
    console.sign_in("MONITOR_01", PASSWORD)
    console.online("KIOSK_01")
    console.watch("KIOSK_01")
    console.decoded("KIOSK_01", 30, 10)
    server.kill()
    console.wait(lambda: console.find("connection").get_attribute("data-tone") == "warn", 10, "loss not shown")
    before = console.frames("KIOSK_01")
    time.sleep(3)
    assert console.frames("KIOSK_01") > before + 45, "media died with the signaling"
    assert "picture goes on" in console.text("KIOSK_01", "state")
    server.start()
    console.connected(20)
