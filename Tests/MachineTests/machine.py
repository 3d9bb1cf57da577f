"""A kiosk with real drivers: the virtual machine of Scripts/machine, told what to do over a port."""

import contextlib
import pathlib
import shutil
import socket
import subprocess
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
HOST = "10.9.0.1"
GUEST = "10.9.0.2"
TAP = "kiosk-machine"


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
    """The booted machine. Commands run one after the other, as root."""

    def __init__(self, share: pathlib.Path) -> None:
        self.share = share
        self.socket = share / "control"
        self.log = share / "machine.log"
        self.process: subprocess.Popen | None = None
        self.port: socket.socket | None = None
        self.lines = None
        self.commands = 0
        self.lock = threading.Lock()

    def boot(self, timeout: float = 180) -> "Machine":
        with open(self.log, "wb") as output:
            self.process = subprocess.Popen(
                [ROOT / "Scripts/machine/boot", "--share", self.share, "--tap", TAP, "--control", self.socket,
                 "--timeout", "900", ROOT / "Scripts/machine/serve"],
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
        self.port.settimeout(timeout)
        self.lines = self.port.makefile("r")
        assert self.lines.readline().split() == ["ready", "0"], self.log.read_text()
        return self

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


class Kiosk:
    """`kiosk-agent run` in the machine, with vivid as its camera and the loopback as its microphone."""

    def __init__(self, machine: Machine, server: str, kiosk: str, password: str) -> None:
        self.machine = machine
        self.kiosk = kiosk
        self.log = machine.share / "agent.log"
        (machine.share / "agent.yaml").write_text(
            f"server: {server}\n"
            f"kiosk: {{ id: {kiosk}, passwordFile: /run/kiosk/password }}\n"
            "camera: { device: auto, width: 320, height: 180, frameRate: 15 }\n"
            'microphone: { device: "hw:Loopback,1,0" }\n'
            "video: { maxBitrate: 400000 }\n"
            "controlSocket: /run/kiosk/control.sock\nstateDirectory: /run/kiosk\nlog: { level: debug }\n"
        )
        machine.run(f"mkdir -p /run/kiosk && umask 077 && echo '{password}' >/run/kiosk/password")

    def program(self, arguments: str) -> str:
        return f"LD_LIBRARY_PATH=/mnt/share/programs /mnt/share/programs/kiosk-agent {arguments}"

    def start(self) -> "Kiosk":
        self.machine.run(
            f"({self.program('run --config /mnt/share/agent.yaml')} >/mnt/share/agent.log 2>&1; echo $? >/run/kiosk/status) &"
            " for i in $(seq 60); do pid=$(pidof kiosk-agent) && echo $pid >/run/kiosk/pid && exit 0; sleep 0.5; done; exit 1")
        return self

    def alive(self) -> bool:
        return self.machine.run("kill -0 $(cat /run/kiosk/pid)", check=False).status == 0

    def holds(self, pattern: str) -> list[str]:
        """The device nodes the agent has open."""
        listing = self.machine.run(f"ls -l /proc/$(cat /run/kiosk/pid)/fd | grep -o '{pattern}' | sort -u", check=False)
        return listing.split()

    def crew(self, arguments: str) -> Answer:
        return self.machine.run(self.program(f"crew {arguments} --socket /run/kiosk/control.sock"))

    def stop(self) -> int:
        """SIGTERM; gives the exit status."""
        self.machine.run(
            "kill -TERM $(cat /run/kiosk/pid); for i in $(seq 60); do [ -s /run/kiosk/status ] && exit 0; sleep 0.5; done; exit 1",
            check=False)
        status = self.machine.run("cat /run/kiosk/status", check=False)
        assert status.status == 0, f"the agent did not end:\n{self.tail()}"
        return int(status)

    def tail(self, lines: int = 40) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:]) if self.log.exists() else ""
