"""What a kiosk on a wall goes through: badges, crashes, a frozen thread, a power cycle."""

import json
import time
import urllib.parse
import urllib.request

import pytest
from harness.browser import Console, say
from harness.programs import PASSWORD, eventually

CHROMIUM = pytest.mark.parametrize("driver", ["chromium"], indirect=True)


def crew_events(server) -> list[dict]:
    """All crew events of the server, the first received first."""
    token = server.login("MONITOR_01")["token"]
    events, cursor = [], None
    while True:
        query = {"limit": "500"} | ({"cursor": cursor} if cursor else {})
        request = urllib.request.Request(
            f"{server.address}/api/crew-events?{urllib.parse.urlencode(query)}", headers={"Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(request, timeout=20) as response:
            page = json.load(response)
        events += page["items"]
        cursor = page.get("next")
        if not cursor:
            return events[::-1]


@CHROMIUM
def test_badges_reach_the_monitors_page(console: Console, kiosk, machine):
    console.sign_in("MONITOR_01", PASSWORD)
    console.online("KIOSK_01", 60)
    for kind in ("sign-on", "sign-off"):
        machine.keys([*"80472", "ret"])
        console.wait(
            lambda: any(one["crewId"] == "80472" and one["kind"] == kind for one in console.crew()), 15,
            f"no {kind} on the page: {console.crew()}")
        # The same badge within three seconds is the same swipe.
        time.sleep(4)
    # What does not match the pattern is no badge.
    machine.keys([*"12", "ret", *"80473", "ret"])
    console.wait(lambda: any(one["crewId"] == "80473" for one in console.crew()), 15, "the second badge is missing")
    assert not any(one["crewId"] == "12" for one in console.crew())


def test_killed_again_and_again_no_crew_event_is_lost_or_doubled(kiosk, machine, server):
    """200 crew events from the command line while the agent and the server are killed: what was accepted arrives once, in order."""
    machine.write(
        "/root/crew.sh",
        "for number in $(seq 2000 2199); do\n"
        "  until kiosk-agent crew sign-on --id $number >>/root/accepted 2>>/root/refused; do sleep 0.3; done\n"
        "done\n"
        "touch /root/crew.done\n")
    machine.run("rm -f /root/accepted /root/crew.done; (setsid bash /root/crew.sh >/dev/null 2>&1 &)")
    kills = 0
    began = time.monotonic()
    while machine.run("test -e /root/crew.done", check=False).status != 0:
        assert time.monotonic() - began < 600, machine.run("wc -l /root/accepted; tail -n 3 /root/refused", check=False)
        if kills < 8 and time.monotonic() - began > 6 * (kills + 1):
            if kills % 2:
                server.kill()
                time.sleep(1)
                server.start()
            else:
                # Of one that is just being started again there is no process; a signal to process 0 would end the machine's own shell.
                machine.run("systemctl kill --kill-who=main --signal=KILL kiosk-agent", check=False)
            kills += 1
        time.sleep(0.5)
    assert kills >= 4, "over before it was interesting"
    kiosk.registered(120)
    eventually(lambda: kiosk.status()["outbox"]["waiting"] == 0, 120, "crew events still wait")

    accepted = [line.split()[1] for line in machine.run("cat /root/accepted").splitlines() if line.startswith("accepted ")]
    assert len(accepted) == 200
    arrived = [one["eventId"] for one in crew_events(server)]
    assert len(arrived) == len(set(arrived)), "doubled"
    # An event whose caller never heard of it, because the agent died in between, may have arrived besides.
    assert [one for one in arrived if one in set(accepted)] == accepted, "lost or out of order"
    say(f"200 events, {kills} kills, {time.monotonic() - began:.0f} s")


@CHROMIUM
def test_a_stopped_video_thread_is_restarted_by_the_watchdog(console: Console, kiosk, machine):
    console.sign_in("MONITOR_01", PASSWORD)
    console.online("KIOSK_01", 60)
    console.watch("KIOSK_01")
    console.decoded("KIOSK_01", 30, 40)
    before = kiosk.pid
    threads = machine.run(f"cd /proc/{before}/task && grep -H . */comm")
    video = next(line.split("/")[0] for line in threads.splitlines() if line.endswith(":video"))
    # The thread's next system call takes ten minutes.
    machine.run(f"(setsid strace -qq -o /dev/null -p {video} -e inject=all:delay_enter=600000000 >/dev/null 2>&1 &)")
    machine.eventually("journalctl -u kiosk-agent --no-pager -o cat | grep -q 'Watchdog timeout'", 90, "the watchdog does not bite")
    # A thread that is traced does not even die.
    machine.run("pkill -KILL strace")
    machine.eventually(f"[ $(systemctl show -P MainPID kiosk-agent) != {before} ]", 60, "the service is not restarted")
    assert "not alive: " in kiosk.journal(400)
    kiosk.registered(120)
    # It can be watched again.
    console.driver.refresh()
    console.online("KIOSK_01", 60)
    if console.session("KIOSK_01") is None:
        console.watch("KIOSK_01")
    console.decoded("KIOSK_01", 30, 40)
    console.stop("KIOSK_01")


@CHROMIUM
def test_it_comes_back_by_itself_after_a_reboot(console: Console, kiosk, machine):
    machine.run("kiosk-agent crew sign-on --id 7001")
    machine.reboot()
    kiosk.registered(120)
    machine.eventually("systemctl -q is-active tone", 30)
    console.sign_in("MONITOR_01", PASSWORD)
    console.online("KIOSK_01", 60)
    console.watch("KIOSK_01")
    console.decoded("KIOSK_01", 30, 40)
    console.stop("KIOSK_01")
