"""What the console's page does for who sits at it: the list's words, calls, other windows, preferences, and everybody's eyes, ears and hands."""

import io
import re
import time

import numpy
import PIL.Image
import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from harness.browser import Console, shoot, time_of_day, violations
from harness.programs import eventually
from harness.staged import iso

KIOSK = "KIOSK_01"

#: What is the page's own doing, and the same in every browser.
CHROMIUM = pytest.mark.parametrize("driver", ["chromium"], indirect=True)


def script(page: Console, text: str, *values):
    return page.driver.execute_script(text, *values)


def later(page: Console, seconds: float) -> None:
    """The page's clock of intervals jumps ahead."""
    script(page, f"const now = performance.now.bind(performance); performance.now = () => now() + {seconds * 1000};")


def press(page: Console, *keys: str) -> None:
    for key in keys:
        page.driver.switch_to.active_element.send_keys(key)


def spoken(page: Console) -> str:
    return page.find("spoken").get_property("textContent")


@pytest.fixture
def sized(page):
    """Sets the size of the window, in CSS pixels of the page; afterwards it is as it was."""
    size = page.driver.get_window_size()

    def set_size(width: int, height: int) -> None:
        if page.driver.name == "chrome":
            # A window is never as narrow as a phone.
            page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})
        else:
            page.driver.set_window_size(width, height)

    yield set_size
    if page.driver.name == "chrome":
        page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    page.driver.set_window_size(size["width"], size["height"])


# The list


def heads(page: Console) -> list[str]:
    return script(page, "return [...document.querySelectorAll('#kiosk-list > li:not([hidden])')].map((item) => item.className === 'list-head' ? `# ${item.textContent}` : item.querySelector('.kiosk').dataset.kioskId)")


def test_the_list_says_since_when(stage, room):
    seen = time.time() - 4000
    room.wait(lambda: f"Offline since {time_of_day(seen)}" in room.row("KIOSK_03").text, 3)
    assert "since" not in room.row("KIOSK_02").text, "the page has not seen it begin"
    began = time.time()
    stage.emit("kiosk-status", {**stage.kiosks[0], "status": {"camera": "lost"}})
    room.wait(lambda: re.search(rf"camera unplugged since ({time_of_day(began)}|{time_of_day(began + 60)})", room.row(KIOSK).text), 3)
    stage.emit("kiosk-online", {**stage.kiosks[2], "online": True, "lastSeen": iso()})
    room.wait(lambda: "Online since " in room.row("KIOSK_03").text, 3)
    stage.emit("kiosk-status", {**stage.kiosks[3], "monitoredBy": "MONITOR_01"})
    room.wait(lambda: "in another window of yours" in room.row("KIOSK_04").text, 3, "one's own id is told")


@CHROMIUM
def test_times_are_the_servers_whatever_the_computers_clock_says(stage, page):
    # Ten hours behind, before any of the page's own scripts runs.
    added = page.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": "const real = Date.now; Date.now = () => real() - 36_000_000;"})
    try:
        page.driver.refresh()
        page.sign_in("MONITOR_01", "secret")
        page.connected()
        began = time.time()
        stage.emit("kiosk-status", {**stage.kiosks[0], "status": {"camera": "lost"}})
        page.wait(lambda: re.search(rf"since ({time_of_day(began)}|{time_of_day(began + 60)})", page.row(KIOSK).text), 3, "not the server's time")
        page.wait(lambda: page.find("clock").text[:5] in (time_of_day(time.time()), time_of_day(time.time() - 3)), 3)
    finally:
        page.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)


def test_the_list_has_heads_and_an_order_by_place(stage, plain):
    room = plain
    assert heads(room) == ["# Faulty", "KIOSK_02", "# All others", KIOSK, "KIOSK_03", "KIOSK_04"]
    room.find("settings-button").click()
    room.setting("order", "place")
    room.wait(lambda: heads(room) == ["# Faulty", "KIOSK_02", "# Central", KIOSK, "# Without a place", "KIOSK_03", "KIOSK_04"], 3)
    shoot(room, "settings")
    # A head without rows is none.
    room.find("search").send_keys("depot")
    assert heads(room) == ["# Without a place", "KIOSK_03", "KIOSK_04"]
    room.find("search").send_keys(Keys.ESCAPE)
    room.driver.refresh()
    room.connected()
    room.wait(lambda: "# Central" in heads(room), 5, "not remembered")
    assert [one.text for one in room.driver.find_elements(By.CSS_SELECTOR, ".kiosk")][0].startswith("Platform 4")
    assert violations(room) == []


@CHROMIUM
def test_a_head_stays_while_its_part_is_scrolled(stage, page):
    stage.kiosks = [{**stage.kiosks[0], "kioskId": f"K{number:02}", "displayName": f"Gate {number}, {('Dadar', 'Pune')[number % 2]}"} for number in range(60)]
    page.sign_in("MONITOR_01", "secret")
    page.connected()
    try:
        page.find("settings-button").click()
        page.setting("order", "place")
        page.wait(lambda: heads(page)[0] == "# Dadar", 3)
        top = """const list = document.getElementById('kiosk-list'), box = list.getBoundingClientRect();
                 return document.elementFromPoint(box.left + 30, box.top + 8).closest('li').textContent;"""
        script(page, "document.getElementById('kiosk-list').scrollTop = 700")
        assert script(page, top) == "Dadar"
        # The arrows bring a row into sight, not under the head.
        script(page, "document.getElementById('kiosk-K30').focus()")
        for _ in range(12):
            press(page, Keys.ARROW_UP)
        box = script(page, "const row = document.activeElement.getBoundingClientRect(), head = document.querySelector('.list-head').getBoundingClientRect(); return [row.top, head.bottom];")
        assert box[0] >= box[1] - 1, box
        shoot(page, "heads")
    finally:
        script(page, "localStorage.clear()")


# Calls


STUBS = """
window.told = []; window.tones = 0;
window.Notification = class { static permission = 'default'; static requestPermission() { this.permission = 'granted'; return Promise.resolve('granted'); }
  constructor(title, options) { window.told.push([title, options.body]); window.lastTold = this; } close() {} };
const start = OscillatorNode.prototype.start;
OscillatorNode.prototype.start = function (...all) { window.tones += 1; return start.apply(this, all); };
"""


def test_title_and_icon_count_faults(stage, room):
    room.wait(lambda: room.driver.title == "(1) Kiosk console", 3)
    icon = "return document.getElementById('icon').href"
    assert script(room, icon).startswith("data:image/svg+xml,")
    stage.emit("kiosk-status", {**stage.kiosks[0], "status": {"camera": "lost"}})
    room.wait(lambda: room.driver.title == "(2) Kiosk console", 3)
    for kiosk in stage.kiosks[:2]:
        stage.emit("kiosk-status", {**kiosk, "status": {"camera": "live"}})
    room.wait(lambda: room.driver.title == "Kiosk console" and script(room, icon).endswith("/favicon.svg"), 3)
    assert room.complaints() == []


def test_a_kiosk_with_its_bell_on_calls(stage, plain):
    room = plain
    script(room, STUBS)
    stage.emit("kiosk-status", {**stage.kiosks[0], "status": {"camera": "lost"}})
    room.wait(lambda: "unplugged" in room.row(KIOSK).text, 3)
    assert room.find("notices").text == "" and script(room, "return window.tones") == 0
    script(room, "arguments[0].focus()", room.row(KIOSK))
    press(room, "b")
    bell = room.row(KIOSK).find_element(By.XPATH, "../button[@data-testid='kiosk-pin']")
    room.wait(lambda: bell.get_attribute("aria-pressed") == "true", 3)
    assert bell.get_attribute("aria-label") == "Call me for Crew lobby, Central"
    assert room.driver.switch_to.active_element == room.row(KIOSK)
    stage.emit("kiosk-status", {**stage.kiosks[0], "status": {"camera": "lost", "microphone": "silent"}})
    room.wait(lambda: room.find("notices").text == "Crew lobby, Central: microphone silent", 3)
    room.wait(lambda: script(room, "return window.tones") == 2, 3, "no sound")
    assert script(room, "return window.told") == [], "nobody asked for messages"
    shoot(room, "called")
    room.find("settings-button").click()
    if script(room, "return isSecureContext"):
        room.find("notifications").click()
    else:
        # Without TLS the browser has none: no tick that cannot work.
        assert not room.find("notifications").is_enabled()
    room.find("sounds").click()
    room.driver.refresh()
    room.connected()
    script(room, STUBS)
    room.wait(lambda: room.row(KIOSK).find_element(By.XPATH, "../button[@data-testid='kiosk-pin']").get_attribute("aria-pressed") == "true", 5, "not remembered")
    stage.emit("kiosk-offline", {**stage.kiosks[0], "online": False})
    room.wait(lambda: room.find("notices").get_property("textContent") == "Crew lobby, Central: gone offline", 3)
    assert script(room, "return window.tones") == 0


# Being there


@CHROMIUM
def test_the_screen_stays_on_while_something_is_watched(stage, room):
    script(room, """window.locks = []; Object.defineProperty(navigator, 'wakeLock', { configurable: true, value: { request: (kind) => {
        const lock = { kind, released: false, release() { this.released = true; return Promise.resolve(); } }; window.locks.push(lock); return Promise.resolve(lock); } } });""")
    held = "return window.locks.filter((lock) => !lock.released).length"
    time.sleep(1.2)
    assert script(room, held) == 0
    room.watch(KIOSK)
    room.wait(lambda: script(room, held) == 1, 4)
    # The browser takes it back from a page out of sight.
    script(room, "for (const lock of window.locks) lock.released = true")
    room.wait(lambda: script(room, held) == 1, 4, "not asked for again")
    room.stop(KIOSK)
    room.wait(lambda: script(room, held) == 0, 4)


def test_who_does_not_answer_watches_nothing(stage, room):
    room.watch(KIOSK)
    room.decoded(KIOSK, 5, 15)
    question = room.find("still-there")
    later(room, 2 * 3600 + 1)
    room.wait(lambda: question.is_displayed(), 4, "not asked")
    assert re.search(r"They stop in \d+ s", question.text)
    shoot(room, "still-there")
    room.find("here").click()
    assert not question.is_displayed() and room.session(KIOSK)["phase"] == "live"
    later(room, 2 * 3600 + 1)
    room.wait(lambda: question.is_displayed(), 4, "asked once only")
    later(room, 61)
    assert room.ending(KIOSK) == "nobody-there"
    assert not question.is_displayed() and stage.last("stop-monitoring") == {"kioskId": KIOSK}
    assert "nobody answered" in room.tile(KIOSK).text and room.find("again", room.tile(KIOSK)).is_displayed()


# Other windows


@CHROMIUM
def test_windows_of_one_person_leave_each_other_alone(stage, page):
    stage.kiosks = [{**stage.kiosks[0], "kioskId": f"K{number}", "displayName": f"Kiosk {number}"} for number in range(1, 12)]
    stage.picture_stands_still = True
    page.sign_in("MONITOR_01", "secret")
    page.connected()
    script(page, "location.hash = '#/room?kiosks=K1,K2,K3,K4,K5,K6,K7'")
    ids = "return kioskConsole.kioskIds"
    page.wait(lambda: len(script(page, ids)) == 7, 10)
    first = page.driver.current_window_handle
    page.driver.switch_to.new_window("window")
    second = page.driver.current_window_handle
    try:
        page.driver.get(page.address + "/#/room?kiosks=K1,K8")
        page.sign_in("MONITOR_01", "secret")
        page.connected()
        page.wait(lambda: script(page, ids) == ["K8"], 10, "a window took what another one watches")
        assert page.find("notices").text == "Left where they are, in another window of yours: Kiosk 1."
        # A click asks.
        begun = stage.names().count("start-monitoring")
        page.watch("K1")
        question = page.find("take")
        assert question.is_displayed() and question.text.startswith("You watch Kiosk 1 in another window.")
        shoot(page, "take")
        assert violations(page) == []
        page.find("take-cancel").click()
        assert script(page, ids) == ["K8"] and stage.names().count("start-monitoring") == begun
        # Nine together: seven there, one here, one more.
        page.watch("K9")
        page.wait(lambda: script(page, ids) == ["K8", "K9"], 5)
        page.watch("K10")
        assert page.find("replace").is_displayed(), "more than nine"
        assert len(page.find("replace").find_elements(By.CSS_SELECTOR, ".choice")) == 2, "another window's picture is offered"
        press(page, Keys.ESCAPE)
        page.watch("K1")
        page.find("take-here").click()
        page.wait(lambda: "K1" in script(page, ids), 5, "not taken")
        # A window that closes is no window.
        page.driver.switch_to.window(first)
        stage.emit("monitoring-stopped", {"kioskId": "K1", "sessionId": "s-K1", "reason": "stopped-by-monitor"})
        page.wait(lambda: page.ending("K1") == "stopped-by-monitor", 5)
        page.driver.switch_to.window(second)
        page.driver.close()
        page.driver.switch_to.window(first)
        page.watch("K8")
        page.wait(lambda: "K8" in script(page, ids), 5)
        assert not page.find("take").is_displayed()
    finally:
        for handle in page.driver.window_handles:
            if handle != first:
                page.driver.switch_to.window(handle)
                page.driver.close()
        page.driver.switch_to.window(first)


# Preferences


def test_a_lower_quality_is_asked_for_at_once(stage, plain):
    room = plain

    def limits() -> list[str]:
        return re.findall(r"^b=(\S+)", stage.last("offer")["offer"]["sdp"], re.M)

    room.watch(KIOSK)
    room.decoded(KIOSK, 10, 15)
    assert limits() == []
    room.find("settings-button").click()
    room.setting("quality", "low")
    eventually(lambda: limits() == ["TIAS:200000"], 5, "not asked for")
    room.find("settings-back").click()
    before = room.frames(KIOSK)
    room.wait(lambda: room.frames(KIOSK) > before + 5, 10, "the picture went")
    room.watch("KIOSK_02")
    room.decoded("KIOSK_02", 5, 15)
    assert limits() == ["TIAS:200000"] and stage.names().count("offer") == 3


@CHROMIUM
def test_single_keys_can_be_turned_off(stage, plain):
    room = plain
    room.find("settings-button").click()
    room.find("single-keys").click()
    room.find("settings-back").click()
    room.watch(KIOSK)
    room.decoded(KIOSK, 5, 15)
    script(room, "arguments[0].focus()", room.tile(KIOSK))
    press(room, "m", "x", "l", "w", "?", "1")
    ActionChains(room.driver).key_down(Keys.SHIFT).send_keys("1").key_up(Keys.SHIFT).perform()
    assert room.session(KIOSK)["phase"] == "live" and room.session(KIOSK)["muted"] is False and room.find("search").is_displayed()
    # Keys that are no characters go on.
    press(room, Keys.ENTER)
    assert "large" in room.tile(KIOSK).get_attribute("class")
    press(room, Keys.ESCAPE)
    assert "large" not in room.tile(KIOSK).get_attribute("class")
    script(room, "arguments[0].focus()", room.row(KIOSK))
    press(room, "i", "b")
    assert script(room, "return location.hash").startswith("#/room")


# Eyes, ears, hands


def test_what_happens_is_told_in_one_breath_and_no_second_is_counted(stage, room):
    assert room.driver.find_elements(By.CSS_SELECTOR, ".tile [role=status], #connection[role], #crew-events[aria-live]") == []
    for kiosk in (KIOSK, "KIOSK_02"):
        room.watch(kiosk)
    room.wait(lambda: "Crew lobby, Central: Live." in spoken(room) or "Platform 4, Central: Live." in spoken(room), 20)
    script(room, "window.heard = []; new MutationObserver(() => heard.push(document.getElementById('spoken').textContent)).observe(document.getElementById('spoken'), { childList: true })")
    event = {"crewId": "4711", "name": "Maria", "role": "driver", "train": "IC 204", "kioskId": KIOSK, "receivedAt": iso(), "occurredAt": iso()}
    for number in range(5):
        stage.emit("crew-sign-on", {**event, "eventId": f"e{number}"})
    stage.picture_stands_still = True
    room.wait(lambda: "5 crew events." in " ".join(script(room, "return heard")), 5)
    room.wait(lambda: "No new picture" in " ".join(script(room, "return heard")) or "2 pictures" in " ".join(script(room, "return heard")), 5)
    count = len(script(room, "return heard"))
    time.sleep(3)
    assert len(script(room, "return heard")) - count <= 1, script(room, "return heard")


def luminance(pixels: numpy.ndarray) -> numpy.ndarray:
    """WCAG 2.2's relative luminance of pixels of 0…255."""
    share = pixels.astype(float) / 255
    linear = numpy.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return linear @ numpy.array([0.2126, 0.7152, 0.0722])


@CHROMIUM
def test_words_on_a_white_picture_are_read(stage, room):
    stage.picture_ground = (255, 255, 255)
    room.watch(KIOSK)
    room.decoded(KIOSK, 10, 15)
    # Filled, so that the picture is behind the words.
    room.find("fit", room.tile(KIOSK)).click()
    ActionChains(room.driver).move_to_element(room.find("clock")).perform()
    script(room, "document.activeElement.blur()")
    stage.emit("kiosk-status", {**stage.kiosks[0], "status": {"camera": "covered"}})
    room.wait(lambda: "covered" in room.text(KIOSK, "state"), 5)
    picture = numpy.asarray(PIL.Image.open(io.BytesIO(room.driver.get_screenshot_as_png())).convert("RGB"))
    shoot(room, "white")
    try:
        for selector in (".tile-name", ".tile-state", ".tile-time"):
            box = script(room, "const box = arguments[0].getBoundingClientRect(); return [box.left, box.top, box.right, box.bottom].map(Math.round)", room.tile(KIOSK).find_element(By.CSS_SELECTOR, selector))
            light = luminance(picture[box[1] : box[3], box[0] : box[2]])
            # The strokes are the brightest; what is around them is most of the box.
            ratio = (numpy.quantile(light, 0.99) + 0.05) / (numpy.quantile(light, 0.4) + 0.05)
            assert ratio > 4.5, f"{selector}: {ratio:.1f}"
    finally:
        script(room, "localStorage.clear()")


def test_toggles_say_what_they_do_now_and_the_focus_stays(stage, plain):
    room = plain
    for kiosk in (KIOSK, "KIOSK_02"):
        room.watch(kiosk)
        room.decoded(kiosk, 5, 15)

    def name(testid: str, kiosk: str = KIOSK) -> str:
        return room.find(testid, room.tile(kiosk)).accessible_name

    assert (name("promote"), name("fit"), name("video")) == ("Large", "Fill the tile", "Picture of Crew lobby, Central")
    for testid in ("promote", "fit"):
        room.find(testid, room.tile(KIOSK)).click()
    assert (name("promote"), name("promote", "KIOSK_02"), name("fit")) == ("All pictures alike", "Large", "Show all of the picture")
    assert room.find("kiosk-list").accessible_name == "Kiosks"
    # A picture that goes gives its focus to its neighbour, the last one to its row, and to the page where no row is shown.
    script(room, "arguments[0].focus()", room.tile(KIOSK))
    press(room, "x")
    assert room.driver.switch_to.active_element == room.tile("KIOSK_02")
    press(room, "l", "x")
    assert room.driver.switch_to.active_element.get_attribute("id") == "room-link"


LONG = "Kriechbaumstraßenwartehalleninformationsschalter Nordostbahnhof 3"


def test_odd_names_stay_in_their_place(stage, page):
    names = {"K1": "\u200f \u202e", "K2": "\u05e9\u05dc\u05d5\u05dd, 3", "K3": LONG, "K4": "<b>&amp;</b>"}
    stage.kiosks = [{**stage.kiosks[0], "kioskId": kiosk, "displayName": name} for kiosk, name in names.items()]
    page.sign_in("MONITOR_01", "secret")
    page.connected()
    page.wait(lambda: page.row("K1").text.startswith("K1"), 5, "a name that cannot be seen")
    for kiosk in names:
        page.watch(kiosk)
        page.decoded(kiosk, 3, 15)
    assert page.tile("K4").find_element(By.CSS_SELECTOR, ".tile-name").text == "<b>&amp;</b>"
    assert page.find("video", page.tile("K2")).accessible_name == "Picture of \u2068\u05e9\u05dc\u05d5\u05dd, 3\u2069"
    assert LONG in page.row("K3").get_attribute("title"), "what has no room in its row is nowhere"
    cut = script(page, """return [...document.querySelectorAll('.tile-name')].filter((one) => one.scrollWidth > one.clientWidth + 1 || one.getBoundingClientRect().right > one.closest('.tile').getBoundingClientRect().right).map((one) => one.textContent)""")
    assert cut == []
    shoot(page, "names")


def test_a_phone_shows_the_picture_it_was_asked_for(stage, room, sized):
    sized(500, 844)
    room.watch(KIOSK)
    room.decoded(KIOSK, 5, 15)
    cover = """const box = document.getElementById(arguments[0]).getBoundingClientRect();
               return [box.left, box.top, box.right, box.bottom, innerWidth, innerHeight, document.elementFromPoint(innerWidth / 2, innerHeight / 2).closest('.tile')?.id];"""
    left, top, right, bottom, width, height, hit = script(room, cover, f"tile-{KIOSK}")
    assert left >= 0 and right <= width and top >= 0 and bottom <= height and bottom - top > 0.7 * height and hit == f"tile-{KIOSK}"
    shoot(room, "sheet")
    assert violations(room) == []
    assert script(room, "return document.getElementById('kiosk-panel').inert") is True
    room.find("sheet-close").click()
    assert room.driver.switch_to.active_element == room.row(KIOSK), "the focus is lost"
    room.watch("KIOSK_02")
    room.decoded("KIOSK_02", 5, 15)
    assert script(room, cover, "tile-KIOSK_02")[6] == "tile-KIOSK_02"
    # It is stopped from there too, and the list is back.
    room.stop("KIOSK_02")
    assert room.driver.switch_to.active_element == room.row("KIOSK_02")
    assert script(room, "return document.getElementById('kiosk-panel').inert") is False
    assert room.find("kiosk-list").is_displayed()


@CHROMIUM
def test_nothing_is_lost_at_400_percent_or_with_the_systems_colours(stage, plain, sized):
    room = plain
    room.watch(KIOSK)
    room.decoded(KIOSK, 5, 15)
    # 1280 pixels at 400 % and 1440 at 200 %.
    for width, height in ((320, 256), (720, 450)):
        sized(width, height)
        for address in ("#/room", "#/settings", "#/crew"):
            script(room, "location.hash = arguments[0]", address)
            time.sleep(0.3)
            wide = script(room, "return document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth")
            assert wide <= 1, f"{address} is {wide} px wider than {width} px"
            shoot(room, f"{width}-{address[2:]}")
    sized(1440, 900)
    script(room, "location.hash = '#/room'")
    room.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "forced-colors", "value": "active"}, {"name": "prefers-reduced-motion", "value": "reduce"}]})
    try:
        pressed = room.driver.find_element(By.CSS_SELECTOR, '#kinds [data-kind="mine"]')
        pressed.click()
        assert pressed.value_of_css_property("outline-style") == "solid", "what is pressed looks like what is not"
        assert room.tile(KIOSK).value_of_css_property("border-top-width") == "3px", "what is heard is not marked"
        moving = script(room, "return document.getAnimations().filter((one) => one.effect.getComputedTiming().duration > 0).length")
        assert moving == 0
        shoot(room, "forced-colors")
    finally:
        room.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
