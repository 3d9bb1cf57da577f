"""The console's pages of records against the real server: crew, audit, people and kiosks, a kiosk's own."""

import json
import re
import time
import urllib.error
import urllib.request

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select

from harness.actors import Actors
from harness.browser import Console, shoot, violations
from harness.programs import PASSWORD, eventually

HOSTILE = '<img src=x onerror="window.hacked=1">'


@pytest.fixture
def actors(server):
    with Actors(server) as all_of_them:
        yield all_of_them


@pytest.fixture
def page(console: Console):
    """Not signed in; what was chosen is forgotten afterwards."""
    yield console
    console.driver.execute_script("localStorage.clear()")
    assert console.driver.execute_script("return window.hacked ?? null") is None
    # A file that a page offers is its own; over plain http Chromium warns of it.
    assert [one for one in console.complaints() if "blob:" not in one] == []


@pytest.fixture
def monitor(page):
    return enter(page, "MONITOR_01")


@pytest.fixture
def admin(page, server):
    add(server, "ADMIN_01", display_name="Dana Iyer")
    return enter(page, "ADMIN_01")


def add(server, name: str, organization: str = "north", **more) -> None:
    """An administrator. What the command line adds a running server takes up a moment later."""
    server.add(name, "admin", organization, **more)

    def is_known() -> bool:
        request = urllib.request.Request(server.address + "/api/me", headers={"Authorization": f"Bearer {server.login(name)['token']}"})
        try:
            return urllib.request.urlopen(request, timeout=5).status == 200
        except urllib.error.HTTPError:
            return False

    eventually(is_known, 10, "the server does not know the administrator")


def enter(page: Console, name: str) -> Console:
    page.sign_in(name, PASSWORD)
    page.connected()
    return page


def go(page: Console, address: str) -> None:
    page.driver.execute_script("location.hash = arguments[0]", address)


def fragment(page: Console) -> str:
    return page.driver.execute_script("return location.hash")


def all_of(page: Console, testid: str) -> list:
    return page.driver.find_elements(By.CSS_SELECTOR, f'[data-testid="{testid}"]')


def texts(page: Console, testid: str) -> list[str]:
    return page.driver.execute_script(
        "return [...document.querySelectorAll(`[data-testid=\"${arguments[0]}\"]`)].filter((one) => one.offsetParent).map((one) => one.innerText.replace(/\\s+/g, ' ').trim())", testid)


def wait_for(page: Console, testid: str, count: int = 1, timeout: float = 10) -> list[str]:
    page.wait(lambda: len(texts(page, testid)) == count, timeout, f"not {count} of {testid}")
    return texts(page, testid)


def catch_files(page: Console) -> None:
    """What the page offers as a file is kept in `window.files`."""
    page.driver.execute_script(
        "window.files = []; const real = URL.createObjectURL; URL.createObjectURL = (blob) => { blob.text().then((text) => files.push(text)); return real(blob); };")


def caught_file(page: Console) -> str:
    return page.wait(lambda: page.driver.execute_script("return window.files.shift() ?? null"), 10, "no file")


def fill(page: Console, testid: str, text: str) -> None:
    field = page.find(testid)
    field.clear()
    field.send_keys(text)


# The crew log


def test_arrivals_are_newest_first_and_lead_to_their_kiosk(monitor, actors):
    actors.crew("KIOSK_01", "sign-on", "4711", name="Maria Lindqvist", role="driver", train="IC 204")
    monitor.find("nav-crew").click()
    assert fragment(monitor) == "#/crew"
    wait_for(monitor, "arrival")
    # What comes late is on top all the same, and says when it happened.
    actors.crew("KIOSK_02", "sign-off", "4712", ago=3 * 3600, name=HOSTILE)
    late, earlier = wait_for(monitor, "arrival", 2)
    assert HOSTILE in late and "happened" in late and "arrived now" in late and "Platform 4" in late, late
    assert "Maria Lindqvist signed on" in earlier and "Driver · Train IC 204" in earlier and "arrived" not in earlier, earlier
    shoot(monitor, "crew-now")
    # It survives a reload, out of the server's records.
    monitor.driver.refresh()
    monitor.connected()
    assert wait_for(monitor, "arrival", 2)[0].startswith(HOSTILE)
    monitor.find("arrival").find_element(By.LINK_TEXT, "Platform 4").click()
    monitor.wait(lambda: fragment(monitor) == "#/kiosks/KIOSK_02", 5)
    assert monitor.driver.find_element(By.ID, "kiosk-page-title").text == "Platform 4"
    # And from the panel beside the pictures, the log is a click away.
    monitor.driver.back()
    assert fragment(monitor) == "#/crew"


def test_who_is_on_duty(monitor, actors):
    actors.crew("KIOSK_01", "sign-on", "4711", ago=2 * 3600, name="Maria Lindqvist", role="driver", train="IC 204")
    actors.crew("KIOSK_01", "sign-on", "4712", ago=3600, name="Joseph Rao", role="guard")
    go(monitor, "#/crew?tab=duty")
    joseph, maria = wait_for(monitor, "on-duty", 2)
    assert "Joseph Rao" in joseph and "Crew lobby, Central" in joseph and "1 h 0 min" in joseph, joseph
    assert "2 h 0 min" in maria, maria
    assert monitor.find("duty-count").text == "2 people on duty"
    assert "Worked out here" in monitor.find("duty-known").text
    # Signed off elsewhere; then again on, and an old sign-off comes late, which ends nothing.
    actors.crew("KIOSK_02", "sign-off", "4711", name="Maria Lindqvist")
    (only,) = wait_for(monitor, "on-duty")
    assert "Joseph" in only
    actors.crew("KIOSK_02", "sign-on", "4711", name="Maria Lindqvist")
    wait_for(monitor, "on-duty", 2)
    actors.crew("KIOSK_01", "sign-off", "4711", ago=1800, name="Maria Lindqvist")
    time.sleep(1)
    assert len(texts(monitor, "on-duty")) == 2
    shoot(monitor, "crew-duty")


def test_the_history_is_narrowed_kept_in_the_address_and_saved(monitor, actors):
    for number in range(4):
        actors.crew("KIOSK_01" if number % 2 else "KIOSK_02", "sign-on", f"47{number}", name=f"Person {number}")
    actors.crew("KIOSK_01", "sign-off", "470", ago=7200, name="=HYPERLINK(1)")
    go(monitor, "#/crew?tab=history")
    assert "arrived" in wait_for(monitor, "history-line", 5)[0]
    fill(monitor, "crew-filter-person", "470")
    monitor.find("crew-filter-show").click()
    wait_for(monitor, "history-line", 2)
    assert fragment(monitor) == "#/crew?tab=history&person=470"
    Select(monitor.find("crew-filter-kiosk")).select_by_visible_text("Platform 4")
    monitor.find("crew-filter-show").click()
    (line,) = wait_for(monitor, "history-line", 1)
    assert "Person 0" in line
    monitor.driver.refresh()
    monitor.connected()
    wait_for(monitor, "history-line", 1)
    assert monitor.find("crew-filter-person").get_property("value") == "470"
    monitor.wait(lambda: Select(monitor.find("crew-filter-kiosk")).first_selected_option.text == "Platform 4", 5)
    shoot(monitor, "crew-history")
    # The file is the server's, with the same filters.
    catch_files(monitor)
    monitor.find("crew-filter-reset").click()
    wait_for(monitor, "history-line", 5)
    monitor.find("crew-csv").click()
    head, *lines = caught_file(monitor).splitlines()
    assert head.startswith("event,eventId,kioskId") and len(lines) == 5 and any("'=HYPERLINK" in line for line in lines)
    answer_with(monitor, 500, json.dumps({"error": {"code": "internal-error", "message": "x"}}))
    monitor.find("crew-csv").click()
    monitor.wait(lambda: "Its operator finds the reason" in monitor.find("crew-csv-told").text, 5)
    assert monitor.find("crew-csv").is_enabled()
    monitor.driver.execute_script("window.fetch = window.realFetch")
    # Times are those of arrival: nothing has arrived before today.
    go(monitor, "#/crew?tab=history&to=2020-01-01T00:00")
    monitor.wait(lambda: "No event is like this" in texts(monitor, "remote-text")[0], 5)


# The audit


def test_a_session_is_told_from_beginning_to_end_and_can_be_ended(admin, actors):
    session = actors.watch("MONITOR_01", "KIOSK_01")
    admin.find("nav-audit").click()
    assert fragment(admin) == "#/audit"
    (row,) = wait_for(admin, "session")
    for words in ("Asha Rao", "Crew lobby, Central", "after 180 ms", "Goes on"):
        assert words in row, row
    shoot(admin, "audit-sessions")
    admin.find("story-link").click()
    admin.wait(lambda: fragment(admin) == f"#/audit?session={session}", 5)
    admin.wait(lambda: "began to watch" in admin.find("story-steps").text and "first picture after 180 ms" in admin.find("story-steps").text, 5)
    assert "No reason was written down" in admin.find("story-facts").text
    shoot(admin, "audit-story")
    # Thinking better of it changes nothing.
    admin.find("story-end").click()
    assert "Asha Rao" in admin.driver.find_element(By.ID, "ask-title").text
    admin.find("ask-cancel").click()
    assert admin.find("story-end").is_displayed()
    admin.find("story-end").click()
    admin.find("ask-submit").click()
    admin.wait(lambda: "Ended by Dana Iyer" in admin.find("story-facts").text.replace("\n", " "), 10)
    admin.wait(lambda: "An administrator ended the session." in admin.find("story-facts").text, 5)
    assert actors.hears("MONITOR_01", "monitoring-stopped", sessionId=session)["reason"] == "ended-by-admin"
    assert all_of(admin, "story-end") == []
    admin.find("story-back").click()
    admin.wait(lambda: "An administrator ended" in wait_for(admin, "session")[0], 5)
    go(admin, "#/audit?session=no-such-session")
    admin.wait(lambda: "It is not there." in admin.find("story").text, 5)


def test_lines_of_the_audit_are_looked_through_and_saved(admin, actors, server):
    actors.watch("MONITOR_01", "KIOSK_01")
    server.post("/api/auth/login", {"username": "MONITOR_02", "password": "wrong-password"})
    go(admin, "#/audit?tab=lines")
    admin.wait(lambda: len(texts(admin, "audit-line")) > 8, 10)
    everything = len(texts(admin, "audit-line"))
    lines = texts(admin, "audit-line")
    assert any("Sign-in refused: MONITOR_02" in line and "Name or password is not right" in line for line in lines), lines
    assert any("Somebody at the server’s command line added Dana Iyer" in line for line in lines), lines
    assert "looked for in all that is kept" in admin.find("audit-reach").text
    shoot(admin, "audit-lines")
    Select(admin.find("line-filter-group")).select_by_value("watching")
    admin.find("line-filter-show").click()
    assert fragment(admin) == "#/audit?tab=lines&group=watching"
    assert len(wait_for(admin, "audit-line", 2)) < everything
    catch_files(admin)
    admin.find("audit-csv").click()
    head, *rows = caught_file(admin).splitlines()
    assert head == "sequence,at,kind,actor,subject,details" and len(rows) == 2 and "media-started" in rows[0]
    Select(admin.find("line-filter-group")).select_by_value("")
    fill(admin, "line-filter-who", "monitor_02")
    admin.find("line-filter-show").click()
    admin.wait(lambda: 0 < len(texts(admin, "audit-line")) < everything and all("MONITOR_02" in line for line in texts(admin, "audit-line")), 5)


def test_pages_of_other_roles_are_closed_and_say_so(monitor, server):
    add(server, "ADMIN_01")
    assert all_of(monitor, "nav-audit")[0].is_displayed() is False and all_of(monitor, "nav-people")[0].is_displayed() is False
    for address in ("#/audit", "#/people"):
        go(monitor, address)
        monitor.wait(lambda: "Not for this account" in monitor.find("closed").text, 5)
    monitor.find("closed").find_element(By.TAG_NAME, "a").click()
    monitor.wait(lambda: monitor.find("stage-empty").is_displayed(), 5)
    monitor.find("sign-out").click()
    enter(monitor, "ADMIN_01")
    # Whoever watches nobody is not led to a room without pictures.
    monitor.wait(lambda: fragment(monitor) == "#/people", 5)
    assert not all_of(monitor, "nav-room")[0].is_displayed() and not monitor.find("crew-events").is_displayed()
    for key in ("1", "w", "c", "!"):
        monitor.driver.switch_to.active_element.send_keys(key)
    assert fragment(monitor) == "#/people", "a key leads to a room without pictures"
    go(monitor, "#/room?kiosks=KIOSK_01")
    monitor.wait(lambda: "Not for this account" in monitor.find("closed").text, 5)
    assert monitor.driver.execute_script("return kioskConsole.kioskIds") == []


# People and kiosks


def test_an_administrator_is_told_what_to_do_first(page, server):
    add(server, "ADMIN_EAST", "east")
    enter(page, "ADMIN_EAST")
    steps = page.wait(lambda: page.find("first-steps").is_displayed() and page.find("first-steps").text.splitlines(), 10)
    assert steps[0] == "What to do first" and [one.startswith("To do:") for one in steps[1:]] == [True, True, True]
    shoot(page, "people-first")
    # A monitor, with a password that is shown once.
    page.find("add-person").click()
    page.find("ask-submit").click()
    assert "The id is missing" in page.find("ask").text, "sent without a look"
    page.find("ask-id").send_keys("no spaces")
    page.find("ask-submit").click()
    assert "1 to 64 letters" in page.find("ask").text
    fill(page, "ask-id", "MONITOR_EAST")
    fill(page, "ask-displayName", HOSTILE)
    page.find("ask-submit").click()
    password = page.wait(lambda: page.find("ask-secret").text, 20)
    shoot(page, "people-secret")
    assert len(password) == 23
    page.find("ask-cancel").click()
    page.wait(lambda: password not in page.driver.execute_script("return document.documentElement.outerHTML"), 3, "a password stays in the page")
    page.wait(lambda: any(HOSTILE in one for one in texts(page, "account")), 5)
    assert server.login("MONITOR_EAST", password)["user"]["role"] == "monitor"
    page.wait(lambda: page.find("first-steps").text.count("Done:") == 1, 5)
    # A kiosk that connects is the last of it.
    page.find("add-kiosk").click()
    page.find("ask-id").send_keys("KIOSK_EAST")
    page.find("ask-password").clear()
    page.find("ask-password").send_keys(PASSWORD)
    page.find("ask-submit").click()
    page.wait(lambda: page.find("ask-secret").text == PASSWORD, 20)
    page.find("ask-cancel").click()
    page.wait(lambda: page.find("first-steps").text.count("Done:") == 2, 5)
    with Actors(server) as east:
        east.client("KIOSK_EAST")
    page.driver.refresh()
    page.connected()
    wait_for(page, "account", 2)
    page.wait(lambda: not page.find("first-steps").is_displayed(), 5, "told what is done")


def account_row(page: Console, name: str):
    return page.driver.find_element(By.CSS_SELECTOR, f'[data-account-id="{name}"]')


def test_people_are_renamed_disabled_and_get_passwords(admin, server):
    def act(name: str, testid: str) -> None:
        admin.find(testid, account_row(admin, name)).click()

    wait_for(admin, "account", 3)
    # A list that is read again leaves the focus where it is.
    admin.driver.execute_script("arguments[0].focus()", admin.find("account-rename", account_row(admin, "MONITOR_01")))
    go(admin, "#/people?tab=people&again")
    time.sleep(0.7)
    assert admin.driver.switch_to.active_element == admin.find("account-rename", account_row(admin, "MONITOR_01"))
    # Nobody locks themselves out.
    assert account_row(admin, "ADMIN_01").find_elements(By.CSS_SELECTOR, '[data-testid="account-disable"]') == []
    shoot(admin, "people")
    act("MONITOR_02", "account-rename")
    fill(admin, "ask-displayName", "Joseph Rao")
    admin.find("ask-displayName").send_keys(Keys.ENTER)
    admin.wait(lambda: "Joseph Rao" in account_row(admin, "MONITOR_02").text, 10)
    admin.wait(lambda: admin.driver.switch_to.active_element == admin.find("account-rename", account_row(admin, "MONITOR_02")), 3, "the focus is lost")
    act("MONITOR_02", "account-disable")
    admin.find("ask-submit").click()
    admin.wait(lambda: "Disabled" in account_row(admin, "MONITOR_02").text, 10)
    status, answer = server.post("/api/auth/login", {"username": "MONITOR_02", "password": PASSWORD})
    assert (status, answer["error"]["code"]) == (401, "account-disabled")
    act("MONITOR_02", "account-disable")
    admin.find("ask-submit").click()
    admin.wait(lambda: "May sign in" in account_row(admin, "MONITOR_02").text, 10)
    act("MONITOR_02", "account-password")
    fill(admin, "ask-password", "short")
    admin.find("ask-submit").click()
    assert "10 to 256" in admin.find("ask").text
    fill(admin, "ask-password", "correct horse battery")
    admin.find("ask-submit").click()
    assert admin.wait(lambda: admin.find("ask-secret").text, 20) == "correct horse battery"
    admin.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
    assert server.login("MONITOR_02", "correct horse battery")["user"]["displayName"] == "Joseph Rao"
    # What the server refuses is said where it can be mended.
    admin.find("add-person").click()
    fill(admin, "ask-id", "KIOSK_OTHER")
    admin.find("ask-submit").click()
    assert "account with this id already" in admin.wait(lambda: admin.find("ask-error").text, 20)
    admin.find("ask-cancel").click()
    # Kiosks likewise.
    admin.find("tab-kiosks").click()
    wait_for(admin, "account", 2)
    fill(admin, "people-find", "lobby")
    (row,) = wait_for(admin, "account", 1)
    assert "Crew lobby, Central" in row and "Never seen yet" in row
    act("KIOSK_01", "account-rename")
    fill(admin, "ask-displayName", "Crew lobby, West")
    admin.find("ask-submit").click()
    admin.wait(lambda: "Crew lobby, West" in account_row(admin, "KIOSK_01").text, 10)


def test_many_come_out_of_one_file(admin, server, folder):
    wait_for(admin, "account", 3)
    path = folder / "accounts.csv"
    path.write_text(
        "\ufeffid;role;name;password\r\nKIOSK_01;kiosk;;\r\nKIOSK_11;;\"Depot; North\";\r\nKIOSK_11;kiosk;;\r\nKIOSK 12;;;\r\nMONITOR_11;monitor;Asha;short\r\nMONITOR_12;monitor;<b>B</b>;correct horse\r\n\r\n"
        "KIOSK_OTHER;kiosk;;\r\nX;pilot;;\r\n")
    admin.find("add-many").click()
    admin.find("bulk-file").send_keys(str(path))
    lines = wait_for(admin, "bulk-line", 8)
    for line, words in zip(lines, ("account with this id already", "Ready", "twice", "1 to 64 letters", "10 to 256", "Ready", "Ready", "Unknown role"), strict=True):
        assert words in line, lines
    assert lines[1].startswith("3 KIOSK_11 Kiosk Depot; North") and lines[6].startswith("9 KIOSK_OTHER")
    assert admin.find("bulk-told").text == "3 of 8 lines can be added."
    shoot(admin, "people-bulk")
    assert server.post("/api/auth/login", {"username": "MONITOR_12", "password": "correct horse"})[0] == 401, "sent before it was said"
    catch_files(admin)
    admin.find("bulk-send").click()
    admin.wait(lambda: "Finished: 2 added, 1 refused, 0 left." in admin.find("bulk-told").text, 60)
    lines = texts(admin, "bulk-line")
    assert lines[1].endswith("Added") and lines[5].endswith("Added") and not lines[6].endswith("Added"), lines
    # Passwords that are nowhere else are not lost by one key.
    admin.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
    assert "not been saved" in admin.find("bulk-told").text
    admin.find("bulk-save").click()
    saved = caught_file(admin)
    made = next(line for line in saved.splitlines() if line.startswith("3,KIOSK_11")).split(",")[4]
    assert server.login("KIOSK_11", made)["user"]["displayName"] == "Depot; North"
    assert server.login("MONITOR_12", "correct horse")["user"]["displayName"] == "<b>B</b>" and "correct horse" not in saved
    admin.find("bulk-close").click()
    wait_for(admin, "account", 4)
    assert made not in admin.driver.execute_script("return document.documentElement.outerHTML")
    # A file that is none.
    path.write_bytes(b"name,role\nA,kiosk\n")
    admin.find("add-many").click()
    admin.find("bulk-file").send_keys(str(path))
    admin.wait(lambda: "one of them must be id" in admin.find("bulk-told").text, 5)


# A kiosk's own page


def test_a_kiosk_has_a_page_of_its_own(monitor, actors):
    actors.client("KIOSK_01")
    monitor.online("KIOSK_01")
    actors.heartbeat("KIOSK_01", camera="idle", microphone="idle", temperature=48)
    actors.crew("KIOSK_01", "sign-on", "4711", name="Maria Lindqvist")
    actors.crew("KIOSK_02", "sign-on", "4712", name="Elsewhere")
    go(monitor, "#/kiosks/KIOSK_01")
    monitor.wait(lambda: "camera ready" in monitor.find("kiosk-now").text and "48 °C" in monitor.find("kiosk-now").text, 5)
    assert "Administrators see it" in monitor.find("kiosk-facts").text, "a version is invented"
    assert "The server keeps no history" in monitor.find("kiosk-health-hint").text
    actors.heartbeat("KIOSK_01", camera="covered", microphone="idle", temperature=49)
    monitor.wait(lambda: "camera covered" in monitor.find("kiosk-health").text, 5)
    assert "Have somebody look at the lens." in monitor.find("kiosk-now").text
    changes = monitor.find("kiosk-health").text.splitlines()
    assert "(found so)" in changes[-1] and "Offline" in changes[-1] and "All well" in changes[1], changes
    assert "Maria Lindqvist" in monitor.find("kiosk-crew").text and "Elsewhere" not in monitor.find("kiosk-crew").text
    session = actors.watch("MONITOR_02", "KIOSK_01")
    monitor.wait(lambda: "MONITOR_02" in monitor.find("kiosk-facts").text, 5)
    go(monitor, "#/kiosks/KIOSK_02")
    monitor.wait(lambda: monitor.driver.find_element(By.ID, "kiosk-page-title").text == "Platform 4", 5)
    go(monitor, "#/kiosks/KIOSK_01")
    # What the kiosk reports in between is looked for every quarter of a minute.
    monitor.wait(lambda: "MONITOR_02 after 180 ms" in wait_for(monitor, "session")[0], 20)
    assert all_of(monitor, "session")[-1].get_attribute("data-session-id") == session
    shoot(monitor, "kiosk")
    monitor.find("kiosk-all-crew").click()
    monitor.wait(lambda: fragment(monitor) == "#/crew?tab=history&kiosk=KIOSK_01", 5)
    wait_for(monitor, "history-line", 1)
    for unknown in ("KIOSK_OTHER", "NO_SUCH"):
        go(monitor, f"#/kiosks/{unknown}")
        monitor.wait(lambda: unknown in monitor.find("kiosk-unknown").text, 5)
        assert not monitor.find("kiosk-watch").is_displayed()


def test_administrators_see_a_kiosks_version_and_find_it_in_their_list(admin, actors):
    assert actors.do(actors.client("KIOSK_02").call("register-kiosk", {"version": "9.8.7", "hostname": "lobby-pc"}))["ok"]
    admin.driver.refresh()
    admin.connected()
    admin.online("KIOSK_02")
    admin.row("KIOSK_02").click()
    admin.wait(lambda: "9.8.7" in admin.find("kiosk-facts").text and "lobby-pc" in admin.find("kiosk-facts").text, 5)
    assert fragment(admin) == "#/kiosks/KIOSK_02" and not admin.find("kiosk-watch").is_displayed()


def test_a_kiosks_page_is_reached_from_its_row(monitor):
    monitor.wait(lambda: monitor.row("KIOSK_01"), 5)
    monitor.driver.execute_script("arguments[0].focus()", monitor.row("KIOSK_01"))
    monitor.driver.switch_to.active_element.send_keys("i")
    monitor.wait(lambda: fragment(monitor) == "#/kiosks/KIOSK_01", 5)
    monitor.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
    assert fragment(monitor) == "#/room"


# When things go differently


ODD = [
    {"items": [None, 1, "x", [], {}, {"eventId": 5, "event": "crew-sign-on"}, {"sessionId": {}, "kioskId": "K", "monitorId": "M"}, {"sequence": "1", "kind": None}, {"id": []}], "next": 7},
    {"items": [
        {"event": "crew-sign-on", "eventId": "odd", "crewId": None, "name": 7, "occurredAt": "yesterday", "receivedAt": None, "kioskId": {}, "more": {}},
        {"event": "crew-promoted", "eventId": "new"},
        {"sessionId": "odd", "kioskId": "K", "monitorId": "__proto__", "startedAt": "never", "firstFrameMs": "soon", "endedAt": "x", "reason": "constructor"},
        {"sequence": 1, "kind": "__proto__", "at": 5, "actor": None, "subject": [], "details": "none"},
        {"sequence": 2, "kind": "of-a-newer-server", "actor": HOSTILE, "subject": "x", "at": "2026-01-01T00:00:00Z", "details": {"reason": {}, "seconds": "many", "constructor": 1}},
        {"id": "odd", "role": "constructor", "displayName": None, "disabled": "perhaps", "createdAt": "?"},
    ], "next": None},
    {"items": {}}, {}, [], None, 7,
]

PAGES = ("#/crew", "#/crew?tab=duty", "#/crew?tab=history", "#/audit", "#/audit?tab=lines", "#/audit?session=odd", "#/people", "#/people?tab=kiosks", "#/kiosks/KIOSK_01")


def answer_with(page: Console, status: int, body: str, after: int = 0) -> None:
    """All further requests of the API but for a token are answered by this."""
    page.driver.execute_script(
        """const [status, body, after] = arguments, real = window.realFetch ?? window.fetch; window.realFetch = real;
           window.fetch = async (address, what) => {
             if (!String(address).startsWith('/api/') || String(address).startsWith('/api/auth')) return real(address, what);
             await new Promise((resolve) => setTimeout(resolve, after));
             return new Response(body, {status, headers: {'Content-Type': 'application/json'}});
           };""", status, body, after)


def test_odd_answers_break_no_page(admin):
    wait_for(admin, "account", 3)
    admin.driver.execute_script("window.broken = []; addEventListener('error', (event) => broken.push(event.message)); addEventListener('unhandledrejection', (event) => broken.push(String(event.reason?.stack ?? event.reason)));")
    for answer in ODD:
        answer_with(admin, 200, json.dumps(answer))
        for address in PAGES:
            go(admin, address)
            time.sleep(0.12)
    answer_with(admin, 200, "<html>log in to this network</html>")
    for address in PAGES[:7]:
        go(admin, address)
        admin.wait(lambda: any("answer" in one for one in texts(admin, "remote-text")) or "answer" in admin.find("story").text, 5, address)
    assert admin.driver.execute_script("return window.broken") == []
    # A page goes on when the server does.
    admin.driver.execute_script("window.fetch = window.realFetch")
    go(admin, "#/crew")
    go(admin, "#/people")
    wait_for(admin, "account", 3)


def test_every_page_says_that_it_waits_and_what_went_wrong(admin):
    wait_for(admin, "account", 3)
    answer_with(admin, 500, json.dumps({"error": {"code": "internal-error", "message": "x"}}), after=1500)
    for address in ("#/crew?tab=history", "#/audit", "#/audit?tab=lines"):
        go(admin, address)
        admin.wait(lambda: texts(admin, "remote-text") == ["Loading…"], 2, f"{address} says nothing")
        admin.wait(lambda: "cannot read or write its records" in texts(admin, "remote-text")[0] and len(texts(admin, "remote-again")) == 1, 5, address)
    answer_with(admin, 403, json.dumps({"error": {"code": "forbidden", "message": "x"}}))
    admin.find("remote-again", admin.find("audit-page").find_elements(By.TAG_NAME, "section")[1]).click()
    admin.wait(lambda: "not allowed" in texts(admin, "remote-text")[0], 5)
    admin.driver.execute_script("window.fetch = window.realFetch")
    admin.find("remote-again", admin.find("audit-page").find_elements(By.TAG_NAME, "section")[1]).click()
    admin.wait(lambda: len(texts(admin, "audit-line")) > 3, 5)


# Hands, eyes and ears


def furnish(actors) -> str:
    """Something on every page. Gives the id of a session."""
    actors.crew("KIOSK_01", "sign-on", "4711", name="Maria Lindqvist", role="driver", train="IC 204")
    actors.crew("KIOSK_02", "sign-on", "4712", ago=3 * 3600, name="नीलम शर्मा", role="guard")
    actors.crew("KIOSK_01", "sign-off", "4713", ago=90, name="Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch-Donaudampfschiff", role="driver")
    actors.heartbeat("KIOSK_01", camera="covered", microphone="idle", network="narrow", temperature=51)
    return actors.watch("MONITOR_01", "KIOSK_01")


def settled(page: Console) -> None:
    page.wait(lambda: "…" not in " ".join(texts(page, "remote-text")), 10, "still loading")


PAGES_OF_MONITORS = {"crew": "#/crew", "duty": "#/crew?tab=duty", "history": "#/crew?tab=history", "kiosk": "#/kiosks/KIOSK_01", "closed": "#/people"}
PAGES_OF_ADMINISTRATORS = {
    "people": "#/people", "kiosks": "#/people?tab=kiosks", "sessions": "#/audit", "lines": "#/audit?tab=lines", "story": "#/audit?session={session}", "kiosk-admin": "#/kiosks/KIOSK_01",
    "unknown": "#/kiosks/NO_SUCH",
}


def choose(page: Console, **settings: str) -> None:
    go(page, "#/settings")
    for name, value in settings.items():
        page.setting(name, value)


@pytest.mark.parametrize("role", ["monitor", "admin"])
def test_no_rule_of_accessibility_is_broken(request, actors, role, page):
    who = request.getfixturevalue(role)
    session = furnish(actors)
    pages = PAGES_OF_MONITORS if role == "monitor" else PAGES_OF_ADMINISTRATORS
    size = who.driver.get_window_size()
    found = {}
    try:
        for language, appearance, width, height in (("en", "dark", 1366, 768), ("hi", "light", 1920, 1080), ("en", "light", 390, 844), ("hi", "dark", 2560, 1440)):
            who.driver.set_window_size(width, height)
            choose(who, language=language, appearance=appearance)
            for name, address in pages.items():
                go(who, address.format(session=session))
                settled(who)
                time.sleep(0.2)
                shoot(who, f"{width}-{language}-{appearance}-{name}")
                found |= {(name, language, appearance, width): one for one in violations(who)}
                wide = who.driver.execute_script("const [root] = [document.scrollingElement]; return root.scrollWidth - root.clientWidth")
                assert wide <= 1, f"{name} is {wide} px wider than a window of {width} px"
    finally:
        who.driver.set_window_size(size["width"], size["height"])
    assert found == {}


def test_high_contrast_is_seven_to_one_everywhere(monitor, actors):
    furnish(actors)
    choose(monitor, appearance="contrast")
    for name, address in {"settings": "#/settings", "room": "#/room", **PAGES_OF_MONITORS}.items():
        go(monitor, address)
        settled(monitor)
        time.sleep(0.2)
        shoot(monitor, f"contrast-{name}")
        assert violations(monitor, rules=["color-contrast-enhanced"]) == [], name
        assert violations(monitor) == [], name


def test_dialogs_break_no_rule_of_accessibility(admin):
    wait_for(admin, "account", 3)
    for appearance in ("dark", "light"):
        choose(admin, appearance=appearance)
        go(admin, "#/people")
        wait_for(admin, "account", 3)
        for opens, closes in (("add-person", "ask-cancel"), ("account-rename", "ask-cancel"), ("account-password", "ask-cancel"), ("account-disable", "ask-cancel"), ("add-many", "bulk-close")):
            if opens == "add-person":
                admin.find(opens).click()
                admin.find("ask-submit").click()
            else:
                all_of(admin, opens)[0].click()
            assert violations(admin) == [], opens
            admin.find(closes).click()


def test_every_page_is_walked_with_the_tab_key_and_shows_where_it_is(admin, actors):
    session = furnish(actors)
    for name, address in PAGES_OF_ADMINISTRATORS.items():
        go(admin, "#/settings")
        go(admin, address.format(session=session))
        settled(admin)
        time.sleep(0.3)
        # The head of the page has the focus: a screen reader begins there.
        assert admin.driver.execute_script("return document.activeElement.closest('main') !== null"), name
        wanted = admin.driver.execute_script(
            """const main = [...document.querySelectorAll('main')].find((one) => one.offsetParent);
               window.stops = [...main.querySelectorAll('a[href], button, input, select')].filter((one) => one.offsetParent && !one.disabled && one.tabIndex >= 0); return stops.length;""")
        seen = set()
        for _ in range(wanted + 2):
            if len(seen) == wanted:
                # One key further the focus would be the browser's own.
                break
            admin.driver.switch_to.active_element.send_keys(Keys.TAB)
            at, outline, inside = admin.driver.execute_script(
                """const one = document.activeElement, style = getComputedStyle(one), box = one.getBoundingClientRect();
                   return [stops.indexOf(one), `${style.outlineStyle} ${style.outlineWidth}`, box.top >= -1 && box.bottom <= innerHeight + 1];""")
            if at < 0:
                continue
            seen.add(at)
            assert re.match(r"(?!none)\w+ [1-9]", outline), f"{name}: stop {at} does not show that it has the focus: {outline}"
            assert inside, f"{name}: stop {at} is outside the window"
        assert len(seen) == wanted, f"{name}: {len(seen)} of {wanted} stops reached"


def test_the_pages_speak_hindi_and_follow_a_change_of_language(monitor, actors):
    furnish(actors)
    go(monitor, "#/crew")
    assert "signed on" in " ".join(wait_for(monitor, "arrival", 3))
    choose(monitor, language="hi")
    for address in PAGES_OF_MONITORS.values():
        go(monitor, address)
        settled(monitor)
        time.sleep(0.3)
        spoken = monitor.driver.execute_script(
            """const main = [...document.querySelectorAll('main')].find((one) => one.offsetParent), seen = [];
               for (const one of main.querySelectorAll('*')) {
                 if (one.closest('bdi, dd, td > .detail, .log-detail') || one.matches('option')) continue;
                 for (const name of ['aria-label', 'placeholder', 'data-head']) if (one.hasAttribute(name)) seen.push(one.getAttribute(name));
                 for (const node of one.childNodes) if (node.nodeType === 3 && one.offsetParent) seen.push(node.data);
               } return seen.filter((text) => /[a-z]{4,}/i.test(text));""")
        assert [one for one in spoken if "kiosk-agent" not in one and "Crew lobby" not in one and "Platform" not in one] == [], address
