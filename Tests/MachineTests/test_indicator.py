"""The lamp beside the camera, through the service's sandbox: a LED of the keyboard stands in for it."""

from harness.browser import Console, say
from harness.programs import PASSWORD, eventually


def test_the_lamp_is_lit_exactly_while_media_leaves(console: Console, kiosk, machine):
    lamp = machine.run("basename $(ls -d /sys/class/leds/*::capslock | head -n 1)").strip()
    try:
        # The rule that a technician writes for a lamp of another name.
        machine.run("grep -q capslock /etc/udev/rules.d/80-kiosk.rules || echo 'SUBSYSTEM==\"leds\", KERNEL==\"*::capslock\", ENV{KIOSK_INDICATOR}=\"1\"' >>/etc/udev/rules.d/80-kiosk.rules")
        machine.run("udevadm control --reload && udevadm trigger --action=add --subsystem-match=leds && udevadm settle -t 20")
        kiosk.configure(f'{kiosk.configuration}indicator: {{ led: "{lamp}" }}\nrequireIndicator: true\n')
        machine.run("systemctl restart kiosk-agent", timeout=120)
        kiosk.registered()

        def brightness() -> int:
            return int(machine.run(f"cat /sys/class/leds/{lamp}/brightness"))

        assert brightness() == 0
        console.sign_in("MONITOR_01", PASSWORD)
        console.online("KIOSK_01", 60)
        console.watch("KIOSK_01")
        console.decoded("KIOSK_01", 30, 40)
        assert brightness() > 0
        assert kiosk.status()["indicator"] == {"state": "lit"}
        console.stop("KIOSK_01")
        eventually(lambda: brightness() == 0, 10, "the lamp stays lit")

        # A lamp that cannot be switched: no media.
        machine.run(f"chmod g-w /sys/class/leds/{lamp}/brightness")
        console.watch("KIOSK_01")
        eventually(lambda: kiosk.status().get("indicator", {}).get("state") == "failed", 30, "the failure is not told")
        assert "permission denied" in kiosk.status()["indicator"]["message"]
        assert console.frames("KIOSK_01") == 0
        say(f"{lamp}: lit while live, and without it: {kiosk.status()['indicator']['message']}")
        console.stop("KIOSK_01")
    finally:
        kiosk.configure(kiosk.configuration)
        machine.run("systemctl restart kiosk-agent", timeout=120)
