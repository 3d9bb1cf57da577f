"""`kiosk-agent doctor` names each of the faults that a technician meets, provoked one at a time on real drivers."""

import contextlib

import machine as virtual
import pytest
from harness.browser import say


def hidden(*nodes: str):
    """Devices that nobody may open."""

    @contextlib.contextmanager
    def fault(machine, kiosk):
        paths = " ".join(nodes)
        modes = machine.run(f"stat -L -c '%a %n' {paths}").splitlines()
        machine.run(f"chmod 000 {paths}")
        try:
            yield
        finally:
            for line in modes:
                machine.run("chmod " + line)

    return fault


def unbound(driver: str, *devices: str, stop: str = ""):
    """Unplugged devices."""

    @contextlib.contextmanager
    def fault(machine, kiosk):
        if stop:
            machine.run(f"systemctl stop {stop}")
        for device in devices:
            machine.run(f"echo {device} >/sys/bus/platform/drivers/{driver}/unbind", check=False)
        machine.run("udevadm settle -t 20")
        try:
            yield
        finally:
            for device in devices:
                machine.run(f"echo {device} >/sys/bus/platform/drivers/{driver}/bind", check=False)
            machine.run("udevadm settle -t 20")
            if stop:
                machine.run(f"systemctl start {stop}")

    return fault


def commands(before: str, after: str):
    @contextlib.contextmanager
    def fault(machine, kiosk):
        machine.run(before)
        try:
            yield
        finally:
            machine.run(after)

    return fault


def configured(old: str, new: str):
    """Another line in the configuration, as a technician mistypes it; the running agent keeps the right one."""

    @contextlib.contextmanager
    def fault(machine, kiosk):
        assert old in kiosk.configuration
        kiosk.configure(kiosk.configuration.replace(old, new))
        try:
            yield
        finally:
            kiosk.configure(kiosk.configuration)

    return fault


@contextlib.contextmanager
def no_server(machine, kiosk):
    machine.run(f"ip route add blackhole {virtual.HOST}/32")
    try:
        yield
    finally:
        machine.run(f"ip route del blackhole {virtual.HOST}/32")


@contextlib.contextmanager
def wrong_password(machine, kiosk):
    machine.run("cp -p /etc/kiosk-agent/password /root/password && echo 'not the password' >/etc/kiosk-agent/password")
    try:
        yield
    finally:
        machine.run("cp -p /root/password /etc/kiosk-agent/password && rm /root/password")


#: What is broken, the check that must say so, how badly, and a word that must stand in what it saw.
FAULTS = {
    "a misspelt key": (configured("frameRate", "framRate"), "configuration", ("failed",), "framRate"),
    "the service is stopped": (
        commands("systemctl stop kiosk-agent", "systemctl start kiosk-agent"), "service", ("failed",), "inactive"),
    "the disk is full": (
        commands("fallocate -l $(($(df --output=avail -B1 /var/lib/kiosk-agent | tail -n 1) - 100000)) /var/lib/ballast",
                 "rm /var/lib/ballast"),
        "disk", ("failed",), "0 MiB free"),
    "the server is not reachable": (no_server, "server", ("failed",), "answer"),
    "no name is resolved": (configured("server: http://10.9.0.1", "server: http://signaling.example"),
                            "name-resolution", ("failed",), "name server"),
    "the password is wrong": (wrong_password, "login", ("failed",), "password"),
    "the clock is two hours fast": (commands("date -s '+2 hours'", "date -s '-2 hours'"), "clock", ("failed",), "ahead of the server"),
    "the camera is unplugged": (unbound("vivid", "vivid.0", "vivid.1"), "camera-devices", ("failed",), "no camera found"),
    "the camera may not be opened": (hidden("/dev/kiosk/camera"), "camera-picture", ("failed",), "permi"),
    "the camera is black": (
        commands("v4l2-ctl -d /dev/kiosk/camera -c test_pattern=7,brightness=0,osd_text_mode=2",
                 "v4l2-ctl -d /dev/kiosk/camera -c test_pattern=0,brightness=128,osd_text_mode=0"),
        "camera-picture", ("failed", "warning"), "black"),
    "the microphone is unplugged": (unbound("snd_aloop", "snd_aloop.0", stop="tone"), "microphone", ("failed",), "no such device"),
    "the microphone is silent": (
        commands("systemctl stop tone", "systemctl start tone"), "microphone", ("failed", "warning"), "silen"),
}

#: What an unbroken kiosk of this test has to say nothing against.
CHECKS = {check for _, check, _, _ in FAULTS.values()}


def test_a_sound_kiosk_has_none_of_the_faults(kiosk):
    # Whatever was killed before is no fault of now.
    kiosk.machine.run("systemctl restart kiosk-agent", timeout=120)
    kiosk.registered()
    findings = kiosk.doctor()
    for check in CHECKS:
        # The server's address needs no resolving.
        fine = "skipped" if check == "name-resolution" else "ok"
        assert findings[check]["status"] == fine, findings[check]


@pytest.mark.parametrize("name", FAULTS)
def test_the_fault_is_named(name, kiosk, machine):
    fault, check, states, word = FAULTS[name]
    with fault(machine, kiosk):
        # What root may do says nothing of the agent.
        prefix = "runuser -u kiosk-agent -g kiosk-agent -G video -G audio --" if "may not" in name else ""
        finding = kiosk.doctor(f"--only {check}", prefix)[check]
    say(f"{name}: {finding['status']}: {finding['seen']}")
    assert finding["status"] in states, finding
    assert word in finding["seen"], finding
    assert finding["remedy"], finding
