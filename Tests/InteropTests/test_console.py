"""The console's page against a staged server: what it does when things go differently."""

import importlib.util
import pathlib
import re
import time

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from harness import network
from harness.browser import Console
from harness.programs import eventually
from harness.staged import StagedServer, iso

KIOSK = "KIOSK_01"


@pytest.fixture
def stage(wire):
    with StagedServer(network.MONITOR) as server:
        yield server


@pytest.fixture
def page(wire, stage, driver) -> Console:
    console = Console(driver, stage.address).open()
    yield console
    driver.get("about:blank")


@pytest.fixture
def room(stage, page) -> Console:
    """Signed in."""
    page.sign_in("MONITOR_01", "secret")
    page.connected()
    page.wait(lambda: page.row(KIOSK), 5)
    return page


def ufrag(sdp: str) -> str:
    return re.search(r"a=ice-ufrag:(\S+)", sdp)[1]


# Tokens


def test_an_expired_token_is_replaced_not_retried(stage, page):
    stage.refuse_connect = ["token-expired"]
    page.sign_in("MONITOR_01", "secret")
    page.connected()
    assert stage.connect_tokens == ["token-1", "token-2"]


def test_a_refused_refresh_leads_back_to_signing_in(stage, page):
    stage.refuse_connect = ["token-expired"]
    stage.refuse_refresh = "token-invalid"
    page.sign_in("MONITOR_01", "secret")
    assert "sign in again" in page.sign_in_error()
    assert stage.connect_tokens == ["token-1"]
    assert page.driver.execute_script("return JSON.stringify(sessionStorage)") == "{}"
    stage.refuse_refresh = None
    page.sign_in("MONITOR_01", "secret")
    page.connected()


def test_a_disabled_account_is_told_so(stage, room):
    stage.refuse_connect = ["account-disabled"]
    stage.drop()
    assert "disabled" in room.sign_in_error(15)


def test_signing_out_voids_the_tokens(stage, page):
    page.sign_in("MONITOR_01", "secret")
    page.connected()
    page.find("sign-out").click()
    eventually(lambda: "logout" in stage.names(), 5, "the server was not told")
    assert stage.last("logout") == "Bearer token-1"
    assert page.driver.execute_script("return JSON.stringify(sessionStorage)") == "{}"
    # A token that has expired voids nothing: another one does.
    stage.token_lifetime = 1
    page.sign_in("MONITOR_01", "secret")
    page.connected()
    last = stage.token_count
    stage.token_lifetime = 900
    page.find("sign-out").click()
    eventually(lambda: stage.names().count("logout") == 2, 5, "the server was not told")
    assert stage.last("refresh") == {"refreshToken": f"refresh-{last}"}
    assert stage.last("logout") == f"Bearer token-{last + 1}"
    assert page.driver.execute_script("return JSON.stringify(sessionStorage)") == "{}"


def test_no_token_is_in_an_address_or_reachable_from_the_page(stage, room):
    addresses = room.driver.execute_script("return performance.getEntriesByType('resource').map((one) => one.name)")
    assert not any("token-" in one for one in addresses)
    seen = room.driver.execute_script(
        """const seen = [], known = new Set(); (function look(one, depth) {
             if (depth > 6 || one === null || known.has(one)) return;
             if (typeof one === 'string') { seen.push(one); return; }
             if (typeof one !== 'object' && typeof one !== 'function') return;
             known.add(one); for (const key of Object.getOwnPropertyNames(one)) { try { look(one[key], depth + 1); } catch {} }
           })(window.kioskConsole, 0); return seen.concat(document.documentElement.outerHTML);"""
    )
    assert not any("token-" in one or "refresh-" in one for one in seen)


# The connection


def test_a_lost_connection_comes_back_and_names_its_sessions(stage, room):
    room.watch(KIOSK)
    room.decoded(KIOSK, 10, 10)
    stage.drop()
    eventually(lambda: stage.names().count("register-monitor") == 2, 15, "did not come back")
    assert stage.last("register-monitor") == {"sessions": [f"s-{KIOSK}"]}
    room.connected()
    before = room.frames(KIOSK)
    room.wait(lambda: room.frames(KIOSK) > before, 5, "media died")
    assert stage.names().count("offer") == 1, "a healthy path was negotiated again"


def test_a_silent_server_is_noticed(stage, room):
    stage.freeze(4)
    room.wait(lambda: room.find("connection").get_attribute("data-tone") in ("warn", "busy"), 6, "silence not noticed")
    room.connected(20)


# Negotiation


def test_an_offer_that_overtook_its_session_is_sent_again(stage, room):
    stage.refuse_offers = 1
    room.watch(KIOSK)
    room.decoded(KIOSK, 5, 10)
    assert stage.names().count("offer") == 2


def test_candidates_before_the_answer_are_kept(stage, room):
    stage.candidates_first = True
    room.watch(KIOSK)
    room.decoded(KIOSK, 5, 10)


def test_a_restart_request_gets_an_offer_with_new_credentials(stage, room):
    room.watch(KIOSK)
    room.decoded(KIOSK, 5, 10)
    first = ufrag(stage.last("offer")["offer"]["sdp"])
    stage.answer_offers = False
    stage.emit("restart-request", {"fromId": KIOSK, "sessionId": f"s-{KIOSK}"})
    eventually(lambda: stage.names().count("offer") == 2, 5, "no offer")
    assert ufrag(stage.last("offer")["offer"]["sdp"]) != first


def test_a_lost_path_is_looked_for_again(stage, room, wire):
    room.watch(KIOSK)
    room.decoded(KIOSK, 5, 10)
    stage.do(stage.peers[KIOSK].close())
    eventually(lambda: stage.names().count("offer") >= 2, 20, "no restart")
    room.wait(lambda: room.session(KIOSK)["phase"] == "live" or stage.names().count("offer") >= 3, 30, "gave up")


def test_a_message_of_another_session_changes_nothing(stage, room):
    room.watch(KIOSK)
    room.decoded(KIOSK, 5, 10)
    stage.emit("monitoring-stopped", {"kioskId": KIOSK, "sessionId": "another", "reason": "ended-by-admin"})
    stage.emit("restart-request", {"fromId": KIOSK, "sessionId": "another"})
    time.sleep(0.5)
    assert room.session(KIOSK)["phase"] == "live"
    assert stage.names().count("offer") == 1


# Words


def test_what_a_kiosk_cannot_give_is_said_with_what_to_do(stage, room):
    stage.tracks = ("audio",)
    room.watch("KIOSK_02")
    room.wait(lambda: room.session("KIOSK_02")["phase"] == "live", 10)
    stage.emit("session-error", {"fromId": "KIOSK_02", "sessionId": "s-KIOSK_02", "error": {"code": "camera-missing", "message": "no /dev/video0"}})
    room.wait(lambda: "No camera found" in room.text("KIOSK_02", "faults"), 5)
    room.wait(lambda: room.text("KIOSK_02", "state") == "Live, sound only", 5)
    assert "camera missing" in room.row("KIOSK_02").text


def test_refusals_and_endings_are_in_plain_words(stage, room):
    since = time.time() - 900
    stage.refuse_start = {
        "KIOSK_04": {"code": "kiosk-busy", "message": "watched by MONITOR_07", "since": iso(since)},
        "KIOSK_03": {"code": "kiosk-offline", "message": "offline"},
    }
    room.watch("KIOSK_04")
    assert room.ending("KIOSK_04") == "kiosk-busy"
    assert f"since {time.strftime('%H:%M', time.localtime(since))}" in room.tile("KIOSK_04").text
    room.watch("KIOSK_03")
    assert room.ending("KIOSK_03") == "kiosk-offline"
    room.watch(KIOSK)
    room.decoded(KIOSK, 5, 10)
    for reason, word in (("ended-by-admin", "administrator"), ("kiosk-disconnected", "lost its connection"), ("sun-spots", "sun-spots")):
        stage.emit("monitoring-stopped", {"kioskId": KIOSK, "sessionId": f"s-{KIOSK}", "reason": reason})
        assert room.ending(KIOSK) == reason
        assert word in room.tile(KIOSK).text
        room.find("again", room.tile(KIOSK)).click()
        room.decoded(KIOSK, 5, 10)


def test_several_kiosks_are_watched_side_by_side(stage, room):
    for kiosk in (KIOSK, "KIOSK_02"):
        room.watch(kiosk)
    for kiosk in (KIOSK, "KIOSK_02"):
        room.decoded(kiosk, 20, 15)
    room.stop(KIOSK)
    before = room.frames("KIOSK_02")
    room.wait(lambda: room.frames("KIOSK_02") > before, 5)
    assert stage.last("stop-monitoring") == {"kioskId": KIOSK}


def test_crew_events_are_text_once_and_newest_first(stage, room):
    hostile = '<img src=x onerror="window.hacked=1">'
    event = {"crewId": "4711", "role": "driver", "train": "IC 204", "kioskId": KIOSK, "receivedAt": iso()}
    stage.emit("crew-sign-on", {**event, "eventId": "1", "name": hostile, "occurredAt": iso(time.time() - 60)})
    stage.emit("crew-sign-on", {**event, "eventId": "1", "name": hostile, "occurredAt": iso(time.time() - 60)})
    stage.emit("crew-sign-off", {**event, "eventId": "2", "name": "", "occurredAt": iso()})
    room.wait(lambda: len(room.crew()) == 2, 5)
    newest, oldest = room.crew()
    assert newest["kind"] == "sign-off" and "Crew 4711 signed off" in newest["text"]
    assert hostile in oldest["text"]
    assert room.driver.execute_script("return window.hacked ?? null") is None


def test_the_page_forgets_crew_events_with_their_lines(stage, room):
    event = {"crewId": "4711", "name": "A. Name", "role": "driver", "train": "IC 204", "kioskId": KIOSK, "receivedAt": iso()}
    began = time.time() - 600
    for number in range(201):
        stage.emit("crew-sign-on", {**event, "eventId": f"e{number}", "occurredAt": iso(began + number)})
    room.wait(lambda: room.driver.find_element(By.ID, "crew-count").text == "201 since sign-in", 20)
    assert len(room.crew()) == 200
    stage.emit("crew-sign-off", {**event, "eventId": "e200", "occurredAt": iso()})
    stage.emit("crew-sign-off", {**event, "eventId": "e0", "occurredAt": iso()})
    room.wait(lambda: room.driver.find_element(By.ID, "crew-count").text == "202 since sign-in", 5)
    assert room.crew()[0]["kind"] == "sign-off" and len(room.crew()) == 200


# Hands


def test_everything_works_from_the_keyboard(stage, room):
    def press(*keys):
        for key in keys:
            room.driver.switch_to.active_element.send_keys(key)

    room.driver.find_element(By.TAG_NAME, "body").send_keys("/")
    assert room.driver.switch_to.active_element == room.find("search")
    press("lobby", Keys.ARROW_DOWN)
    assert room.driver.switch_to.active_element == room.row(KIOSK)
    press(Keys.ENTER)
    room.decoded(KIOSK, 5, 10)
    press("1")
    assert room.driver.switch_to.active_element == room.tile(KIOSK)
    press("m")
    assert room.session(KIOSK)["muted"] is True
    press("m")
    assert room.session(KIOSK)["muted"] is False
    press("x")
    eventually(lambda: stage.names()[-1] == "stop-monitoring", 5)
    assert room.driver.switch_to.active_element == room.row(KIOSK), "the focus is lost"


def test_the_page_keeps_its_own_security_policy(stage, room):
    room.watch(KIOSK)
    room.decoded(KIOSK, 5, 10)
    assert room.complaints() == []


def violations(console: Console) -> list[str]:
    """What the axe rules (WCAG 2.2 A and AA among them) find on the page as it is."""
    folder = importlib.util.find_spec("axe_playwright_python").submodule_search_locations[0]
    console.driver.execute_script((pathlib.Path(folder) / "axe.min.js").read_text())
    found = console.driver.execute_async_script("axe.run().then(arguments[arguments.length - 1])")
    assert len(found["passes"]) > 10, "the rules did not run"
    return [
        f"{rule['id']} ({rule['impact']}): {node['html']} {node['failureSummary']}" for rule in found["violations"] for node in rule["nodes"]
    ]


def test_people_with_a_screen_reader_or_weak_eyes_can_use_it(stage, page):
    stage.refuse_start = {"KIOSK_03": {"code": "kiosk-offline", "message": "offline"}}
    page.sign_in("MONITOR_01", "wrong")
    page.sign_in_error()
    assert violations(page) == []
    page.sign_in("MONITOR_01", "secret")
    page.connected()
    assert violations(page) == []
    for kiosk in (KIOSK, "KIOSK_02", "KIOSK_03"):
        page.watch(kiosk)
    page.decoded(KIOSK, 5, 10)
    stage.emit("session-error", {"fromId": "KIOSK_02", "sessionId": "s-KIOSK_02", "error": {"code": "microphone-failed", "message": "x"}})
    stage.emit("crew-sign-on", {"eventId": "1", "crewId": "4711", "name": "Maria", "role": "driver", "train": "IC 204", "kioskId": KIOSK, "occurredAt": iso(), "receivedAt": iso()})
    page.wait(lambda: page.crew() and page.text("KIOSK_02", "faults"), 5)
    assert violations(page) == []
    page.driver.find_element(By.ID, "help-button").click()
    assert violations(page) == []
