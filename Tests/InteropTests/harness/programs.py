"""The real programs, as an operator would run them."""

import contextlib
import dataclasses
import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

BIN = pathlib.Path(os.environ.get("BIN", ""))
PASSWORD = "a password of some length"


def eventually(condition, timeout: float = 10, what: str = ""):
    """Waits until `condition()` is truthy and gives it; fails with `what` (or its last value) after `timeout` seconds."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, what or f"still {value!r} after {timeout} s"
        time.sleep(0.05)


def free_port(host: str) -> int:
    """A port that nothing has on any address of the host's family, below those that the system takes for outgoing connections: between this and the
    program's start none of them can get it."""
    family, every = (socket.AF_INET6, "::") if ":" in host else (socket.AF_INET, "0.0.0.0")
    while True:
        port = random.randrange(10_000, 30_000)
        with socket.socket(family) as probe, contextlib.suppress(OSError):
            probe.bind((every, port))
            return port


@dataclasses.dataclass
class Usage:
    """What a process holds and has used."""

    descriptors: int
    threads: int
    resident: int
    peak: int
    cpu: float


class Program:
    """One running program. Its output goes to a file; a test that fails shows the end of it."""

    def __init__(self, name: str, folder: pathlib.Path, prefix: list[str] = ()) -> None:
        self.name = name
        self.folder = folder
        self.prefix = list(prefix)
        self.log = folder / f"{name}.log"
        self.process: subprocess.Popen | None = None

    def command(self) -> list[str]:
        raise NotImplementedError

    def start(self):
        assert self.process is None
        with open(self.log, "ab") as output:
            self.process = subprocess.Popen(
                [*self.prefix, *self.command()], stdout=output, stderr=output, stdin=subprocess.DEVNULL, cwd=self.folder
            )
        return self

    @property
    def pid(self) -> int:
        return self.process.pid

    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def stop(self, timeout: float = 10) -> int:
        """SIGTERM; gives the exit status. Killing is a failure."""
        process, self.process = self.process, None
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            return process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"{self.name} did not end within {timeout} s of SIGTERM:\n{self.tail()}")

    def kill(self) -> None:
        process, self.process = self.process, None
        process.kill()
        process.wait()

    def tail(self, lines: int = 40) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:]) if self.log.exists() else ""

    def usage(self) -> Usage:
        proc = pathlib.Path("/proc") / str(self.pid)
        status = dict(line.split(":", 1) for line in (proc / "status").read_text().splitlines())
        fields = (proc / "stat").read_text().rsplit(")", 1)[1].split()
        ticks = os.sysconf("SC_CLK_TCK")
        return Usage(
            descriptors=len(os.listdir(proc / "fd")),
            threads=int(status["Threads"]),
            resident=int(status["VmRSS"].split()[0]) * 1024,
            peak=int(status["VmHWM"].split()[0]) * 1024,
            cpu=(int(fields[11]) + int(fields[12])) / ticks,
        )


class Server(Program):
    """`kiosk-signaling serve` on an address and port of its own, with a database in `folder`."""

    def __init__(self, folder: pathlib.Path, host: str, settings: str = "", port: int | None = None, prefix: list[str] = ()) -> None:
        super().__init__("kiosk-signaling", folder, prefix)
        self.host = host
        self.port = port or free_port(host)
        self.address = f"http://{f'[{host}]' if ':' in host else host}:{self.port}"
        self.database = folder / "signaling.db"
        self.config = folder / "signaling.yaml"
        listen = self.address.removeprefix("http://")
        self.config.write_text(f'listen: "{listen}"\ndatabase: {self.database}\n{settings}')
        # Some settings hold a secret.
        self.config.chmod(0o600)

    def command(self) -> list[str]:
        return [str(BIN / "kiosk-signaling"), "serve", "--config", str(self.config)]

    def start(self):
        super().start()
        eventually(self.answers, 15, f"{self.name} does not answer:\n{self.tail()}")
        return self

    def answers(self) -> bool:
        assert self.alive(), f"{self.name} ended:\n{self.tail()}"
        try:
            urllib.request.urlopen(self.address, timeout=2).read()
            return True
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def account(self, *arguments: str, password: str | None = None) -> str:
        """Runs `kiosk-signaling account …`; the password goes through standard input."""
        command = [str(BIN / "kiosk-signaling"), "account", *arguments, "--database", str(self.database)]
        if password is not None:
            command += ["--password-file", "-"]
        done = subprocess.run(command, input=f"{password}\n" if password else None, text=True, capture_output=True, timeout=30)
        assert done.returncode == 0, f"account {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def add(self, name: str, role: str, organization: str = "north", display_name: str | None = None) -> None:
        extra = ["--display-name", display_name] if display_name else []
        self.account("add", name, "--role", role, "--organization", organization, *extra, password=PASSWORD)

    def post(self, path: str, body, headers: dict = {}) -> tuple[int, dict]:
        """POSTs JSON; gives status and answer, for refusals too."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(self.address + path, data, {"Content-Type": "application/json", **headers})
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return response.status, json.loads(response.read() or b"null")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read() or b"null")

    def login(self, name: str, password: str = PASSWORD) -> dict:
        status, answer = self.post("/api/auth/login", {"username": name, "password": password})
        assert status == 200, answer
        return answer


class Agent(Program):
    """`kiosk-agent run` with a test picture and a test tone unless told otherwise."""

    def __init__(
        self, folder: pathlib.Path, server: str, *, kiosk: str = "KIOSK_01", password: str = PASSWORD,
        camera: str = "test-pattern", microphone: str = "test-tone", width: int = 640, height: int = 480, rate: int = 30,
        max_bitrate: int = 1_500_000, settings: str = "", prefix: list[str] = (),
    ) -> None:
        super().__init__(f"kiosk-agent-{kiosk}", folder, prefix)
        self.kiosk = kiosk
        self.socket = folder / f"{kiosk}.sock"
        self.state = folder / f"{kiosk}.state"
        self.state.mkdir(exist_ok=True)
        self.password_file = folder / f"{kiosk}.password"
        self.password_file.write_text(password + "\n")
        self.password_file.chmod(0o600)
        self.config = folder / f"{kiosk}.yaml"
        self.config.write_text(
            f"server: {server}\n"
            f"allowInsecure: {str(server.startswith('http://')).lower()}\n"
            f"kiosk: {{ id: {kiosk}, passwordFile: {self.password_file} }}\n"
            f'camera: {{ device: "{camera}", width: {width}, height: {height}, frameRate: {rate} }}\n'
            f'microphone: {{ device: "{microphone}" }}\n'
            f"video: {{ maxBitrate: {max_bitrate} }}\n"
            f"controlSocket: {self.socket}\nstateDirectory: {self.state}\n{settings}"
        )

    def command(self) -> list[str]:
        return [str(BIN / "kiosk-agent"), "run", "--config", str(self.config)]

    def control(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess:
        """Runs a `kiosk-agent` command against the running agent."""
        command = [str(BIN / "kiosk-agent"), *arguments, "--socket", str(self.socket)]
        done = subprocess.run(command, text=True, capture_output=True, timeout=30)
        assert not check or done.returncode == 0, f"{' '.join(arguments)}: {done.stderr}\n{self.tail()}"
        return done

    def status(self) -> dict:
        return json.loads(self.control("status", "--format", "json").stdout)

    def crew(self, event: str, crew_id: str, **fields: str) -> str:
        extra = [part for name, value in fields.items() for part in (f"--{name}", value)]
        return self.control("crew", event, "--id", crew_id, *extra).stdout


@contextlib.contextmanager
def running(*programs: Program):
    """Starts programs in order and ends them in reverse; says what they logged when the body fails."""
    started = []
    try:
        for program in programs:
            started.append(program.start())
        yield
    except BaseException:
        for program in started:
            print(f"--- {program.name}\n{program.tail()}")
        raise
    finally:
        for program in reversed(started):
            if program.process is not None:
                with contextlib.suppress(AssertionError):
                    program.stop()
