"""A kiosk with real drivers: the virtual machine of Scripts/machine with the packages installed, told what to do over a port."""

import contextlib
import json
import pathlib
import shutil
import socket
import subprocess
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGES = ROOT / ".build/deb"
HOST = "10.9.0.1"
GUEST = "10.9.0.2"
TAP = "kiosk-machine"
CONFIGURATION = "/etc/kiosk-agent/kiosk-agent.yaml"


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr.strip()}"
    return done.stdout


@contextlib.contextmanager
def tap():
    """The wire to the machine. Scripts/interop has given us a network of our own to put it in."""
    run("ip", "tuntap", "add", "dev", TAP, "mode", "tap")
    run("ip", "addr", "add", f"{HOST}/24", "dev", TAP)
    run("ip", "link", "set", TAP, "up")
    # Firefox gathers no candidate without a default route.
    run("ip", "route", "add", "default", "via", GUEST)
    try:
        yield
    finally:
        run("ip", "link", "del", TAP)


def bundle(program: pathlib.Path, folder: pathlib.Path) -> None:
    """Copies a program and the libraries that no Debian package in the machine brings: those of the Swift toolchain."""
    folder.mkdir(exist_ok=True)
    shutil.copy(program, folder / program.name)
    for line in run("ldd", str(program)).splitlines():
        parts = line.split()
        if len(parts) > 2 and parts[1] == "=>":
            assert parts[2] != "not", f"{program.name} needs {parts[0]}"
            if not parts[2].startswith(("/lib", "/usr/lib")):
                shutil.copy(parts[2], folder / parts[0])


class Answer(str):
    """What a command printed, and its exit status."""

    status: int


class Machine:
    """The booted machine, with systemd. Commands run one after the other, as root."""

    def __init__(self, share: pathlib.Path) -> None:
        self.share = share
        self.socket = share / "control"
        self.monitor = share / "qmp"
        self.log = share / "machine.log"
        self.process: subprocess.Popen | None = None
        self.port: socket.socket | None = None
        self.lines = None
        self.commands = 0
        self.lock = threading.Lock()

    def boot(self, timeout: float = 240) -> "Machine":
        with open(self.log, "wb") as output:
            self.process = subprocess.Popen(
                [ROOT / "Scripts/machine/boot", "--init", "systemd", "--share", self.share, "--tap", TAP, "--reboot",
                 "--control", self.socket, "--qmp", self.monitor, "--device", "qemu-xhci",
                 "--device", "usb-kbd,id=reader", "--timeout", "1800", ROOT / "Scripts/machine/serve"],
                stdout=output, stderr=output, stdin=subprocess.DEVNULL,
            )
        end = time.monotonic() + timeout
        self.port = socket.socket(socket.AF_UNIX)
        while True:
            try:
                self.port.connect(str(self.socket))
                break
            except (FileNotFoundError, ConnectionRefusedError):
                assert self.process.poll() is None, self.log.read_text()
                assert time.monotonic() < end, "the machine does not start"
                time.sleep(0.2)
        self.lines = self.port.makefile("r")
        self.ready(timeout)
        return self

    def ready(self, timeout: float) -> None:
        self.port.settimeout(timeout)
        assert self.lines.readline().split() == ["ready", "0"], self.log.read_text()

    def run(self, command: str, check: bool = True, timeout: float = 60) -> Answer:
        """Runs a shell command of one line and gives what it printed."""
        assert "\n" not in command
        with self.lock:
            self.commands += 1
            name = f"command{self.commands}"
            self.port.settimeout(timeout)
            self.port.sendall(f"{name} {command}\n".encode())
            identifier, status = self.lines.readline().split()
        assert identifier == name
        answer = Answer((self.share / "answers" / name).read_text(errors="replace"))
        answer.status = int(status)
        assert not check or answer.status == 0, f"{command}: {answer}"
        return answer

    def eventually(self, command: str, timeout: int = 30, what: str = "") -> Answer:
        """Runs a command in the machine until it succeeds."""
        answer = self.run(
            f"end=$(($(cut -d. -f1 /proc/uptime) + {timeout})); until {{ {command}; }}; do "
            "[ $(cut -d. -f1 /proc/uptime) -lt $end ] || exit 1; sleep 0.3; done", check=False, timeout=timeout * 3 + 60)
        assert answer.status == 0, f"{what or command}, not after {timeout} s: {answer}"
        return answer

    def write(self, path: str, text: str) -> None:
        """A file in the machine, by way of the shared folder."""
        (self.share / "transfer").write_text(text)
        # Contents only: who owns the file and who may read it stays as it is.
        self.run(f"cat /mnt/share/transfer >{path}")

    def reboot(self, timeout: float = 300) -> None:
        self.run("(sleep 1; systemctl reboot) >/dev/null 2>&1 &")
        self.ready(timeout)

    def keys(self, names: list[str]) -> None:
        """Presses keys of the badge reader, one after the other; names as QEMU's `QKeyCode` has them."""
        with socket.socket(socket.AF_UNIX) as port:
            port.settimeout(20)
            port.connect(str(self.monitor))
            lines = port.makefile("r")

            def tell(command: str, **arguments) -> None:
                port.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
                while True:
                    answer = json.loads(lines.readline())
                    assert "error" not in answer, answer
                    if "return" in answer:
                        return

            lines.readline()
            tell("qmp_capabilities")
            for name in names:
                for down in (True, False):
                    key = {"type": "key", "data": {"down": down, "key": {"type": "qcode", "data": name}}}
                    tell("input-send-event", events=[key])
                    # The emulated keyboard has room for a few.
                    time.sleep(0.05)

    def stop(self) -> None:
        if self.process is None:
            return
        with contextlib.suppress(OSError):
            self.port.sendall(b"last stop\n")
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.terminate()
            self.process.wait(30)
        self.process = None
        self.port.close()


#: Which of the guest's devices are the kiosk's.
RULES = """\
SUBSYSTEM=="video4linux", ATTR{name}=="vivid-001-*", ENV{KIOSK_CAMERA}="1"
SUBSYSTEM=="sound", KERNEL=="card*", DEVPATH=="*/snd_aloop.*", ENV{KIOSK_MICROPHONE}="1"
SUBSYSTEM=="input", KERNEL=="event*", ATTRS{product}=="QEMU USB Keyboard", ENV{KIOSK_BADGE_READER}="1"
"""

#: What the microphone hears: the loopback's other end.
TONE = """\
[Unit]
Description=A tone for the loopback
[Service]
ExecStart=/bin/sh -c 'while cat /var/lib/tone.raw; do :; done | aplay -q -D plughw:CARD=KioskMic,DEV=0 -f S16_LE -r 48000 -c 2'
Restart=always
RestartSec=1
[Install]
WantedBy=multi-user.target
"""


class Kiosk:
    """The service of the installed package, with vivid as its camera, the loopback as its microphone and a badge reader."""

    def __init__(self, machine: Machine, server: str, kiosk: str, password: str) -> None:
        self.machine = machine
        self.kiosk = kiosk
        self.password = password
        self.configuration = (
            f"server: {server}\nallowInsecure: true\n"
            f"kiosk: {{ id: {kiosk} }}\n"
            "camera: { device: /dev/kiosk/camera, width: 320, height: 180, frameRate: 15 }\n"
            'microphone: { device: "plughw:CARD=KioskMic,DEV=1" }\n'
            "video: { maxBitrate: 400000 }\n"
            'badgeReader: { device: /dev/kiosk/badge-reader, pattern: "[0-9]{4,10}", action: toggle }\n'
            "log: { level: debug }\n"
        )

    def install(self) -> "Kiosk":
        """As a technician does: devices, package, one file, the password."""
        machine = self.machine
        machine.run("mkdir -p /etc/modprobe.d && echo 'options vivid n_devs=2 num_inputs=2,1 input_types=0x0c,0x00 node_types=0x1,0x1' >/etc/modprobe.d/kiosk.conf")
        machine.run("printf 'vivid\\nsnd-aloop\\n' >/etc/modules-load.d/kiosk.conf")
        machine.write("/etc/udev/rules.d/80-kiosk.rules", RULES)
        machine.write("/etc/systemd/system/tone.service", TONE)
        machine.run("LD_LIBRARY_PATH=/mnt/share/programs /mnt/share/programs/capture-probe tone 10 >/var/lib/tone.raw", timeout=120)
        machine.run("dpkg -i /mnt/share/kiosk-agent_*.deb", timeout=120)
        machine.run("modprobe vivid && modprobe snd-aloop && udevadm settle -t 30")
        machine.eventually("test -e /dev/kiosk/camera && test -e /proc/asound/KioskMic && test -e /dev/kiosk/badge-reader", 20)
        machine.run("systemctl enable -q --now tone")
        machine.write(CONFIGURATION, self.configuration)
        # Whoever sees the command line of a shell in the machine may know this password.
        machine.run(f"umask 077 && echo '{self.password}' >/etc/kiosk-agent/password")
        machine.run("systemctl restart kiosk-agent", timeout=120)
        self.registered()
        return self

    def registered(self, timeout: int = 60) -> None:
        self.machine.eventually(
            "systemctl show -P StatusText kiosk-agent | grep -q '^registered'", timeout, "the agent is not registered")

    def configure(self, configuration: str) -> None:
        self.machine.write(CONFIGURATION, configuration)

    @property
    def pid(self) -> int:
        return int(self.machine.run("systemctl show -P MainPID kiosk-agent"))

    def alive(self) -> bool:
        return self.machine.run("systemctl -q is-active kiosk-agent", check=False).status == 0

    def holds(self, pattern: str) -> list[str]:
        """The device nodes the agent has open."""
        listing = self.machine.run(f"ls -l /proc/{self.pid}/fd | grep -o '{pattern}' | sort -u", check=False)
        return listing.split()

    def crew(self, arguments: str) -> Answer:
        return self.machine.run(f"kiosk-agent crew {arguments}")

    def status(self) -> dict:
        return json.loads(self.machine.run("kiosk-agent status --format json"))

    def doctor(self, arguments: str = "", prefix: str = "") -> dict[str, dict]:
        """The findings of `kiosk-agent doctor`, by id."""
        answer = self.machine.run(f"{prefix} kiosk-agent doctor --format json {arguments}", check=False, timeout=120)
        assert answer.status in (0, 1, 3), answer
        return {one["id"]: one for one in json.loads(answer)["checks"]}

    def journal(self, lines: int = 60) -> str:
        return self.machine.run(f"journalctl -u kiosk-agent --no-pager -o cat -n {lines}")
