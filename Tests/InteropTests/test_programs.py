"""The command lines, and configurations with mistakes in them."""

import pathlib
import re
import subprocess

import pytest

from harness.programs import BIN, PASSWORD

COMMANDS = {
    "kiosk-signaling": [
        [], ["serve"], *([["account", one] for one in ("add", "list", "set-password", "disable", "enable", "remove")]), ["version"],
    ],
    "kiosk-agent": [[], ["run"], ["crew", "sign-on"], ["crew", "sign-off"], ["status"], ["version"]],
}


def call(program: str, *arguments: str, text: str | None = None) -> subprocess.CompletedProcess:
    return subprocess.run([str(BIN / program), *arguments], input=text, capture_output=True, text=True, timeout=20)


@pytest.mark.parametrize("program,command", [(program, command) for program, all in COMMANDS.items() for command in all])
def test_every_command_explains_itself(program, command):
    done = call(program, *command, "--help")
    assert done.returncode == 0 and "Usage:" in done.stdout and done.stderr == "", done


@pytest.mark.parametrize("only,word", [(",", "no check"), ("camera-picture,fly", "fly")])
def test_a_check_that_does_not_exist(only, word):
    done = call("kiosk-agent", "doctor", "--only", only)
    assert done.returncode == 2 and word in done.stderr and not done.stdout, done


@pytest.mark.parametrize("program", COMMANDS)
def test_versions_and_mistakes(program):
    done = call(program, "version")
    assert done.returncode == 0 and done.stdout.strip()
    for arguments in (["fly"], ["--fly"], ["version", "--fly"], ["version", "more"]):
        done = call(program, *arguments)
        assert done.returncode == 2 and done.stderr, (arguments, done)


AGENT = "server: http://127.0.0.1:1\nkiosk: { id: KIOSK_01, passwordFile: %s }\n"


@pytest.mark.parametrize("program,command,text,line,key", [
    ("kiosk-agent", "run", AGENT + "camra: { device: auto }\n", 3, "camra"),
    ("kiosk-agent", "run", AGENT + "camera:\n  device: auto\n  widht: 640\n", 5, "widht"),
    ("kiosk-agent", "run", AGENT + "camera:\n  width: wide\n", 4, "width"),
    ("kiosk-agent", "run", AGENT + "camera: { frameRate: 0 }\n", 3, "frameRate"),
    ("kiosk-agent", "run", AGENT + "microphone: [none]\n", 3, "microphone"),
    ("kiosk-agent", "run", "server: nonsense\nkiosk: { id: K, passwordFile: %s }\n", 1, "server"),
    ("kiosk-agent", "run", "server: http://127.0.0.1:1\nkiosk: { id: K, passwordFile: /nowhere/at/all }\n", 2, "passwordFile"),
    ("kiosk-agent", "run", AGENT + "camera: { device: file:/nowhere.y4m }\n", 3, "device"),
    ("kiosk-signaling", "serve", "listen: 127.0.0.1:0\nlissten: 1\n", 2, "lissten"),
    ("kiosk-signaling", "serve", "listen: somewhere\n", 1, "listen"),
    ("kiosk-signaling", "serve", "sessions:\n  gracePeriod: soon\n", 2, "gracePeriod"),
    ("kiosk-signaling", "serve", "limits: { messagesPerSecond: many }\n", 1, "messagesPerSecond"),
])
def test_a_mistake_in_a_configuration_is_one_line(tmp_path, program, command, text, line, key):
    password = tmp_path / "password"
    password.write_text(PASSWORD)
    password.chmod(0o600)
    config = tmp_path / "config.yaml"
    config.write_text(text % password if "%s" in text else text)
    done = call(program, command, "--config", str(config))
    assert done.returncode == 2, done
    (said,) = done.stderr.strip().splitlines()
    assert f"{config}:{line}" in said and key in said, said


@pytest.mark.parametrize("program,command", [("kiosk-agent", "run"), ("kiosk-signaling", "serve")])
def test_a_missing_configuration_is_named(program, command):
    done = call(program, command, "--config", "/nowhere/config.yaml")
    assert done.returncode == 2 and "/nowhere/config.yaml" in done.stderr and len(done.stderr.splitlines()) == 1, done


def test_accounts_of_the_command_line(tmp_path):
    database = ["--database", str(tmp_path / "signaling.db")]
    add = ["account", "add", "MONITOR_01", "--role", "monitor", "--organization", "north", "--password-file", "-"]
    assert call("kiosk-signaling", *add, *database, text=f"{PASSWORD}\n").returncode == 0
    again = call("kiosk-signaling", *add, *database, text=f"{PASSWORD}\n")
    assert again.returncode == 1 and "MONITOR_01" in again.stderr
    short = call("kiosk-signaling", "account", "set-password", "MONITOR_01", "--password-file", "-", *database, text="short\n")
    assert short.returncode in (1, 2) and short.stderr
    nobody = call("kiosk-signaling", "account", "disable", "NOBODY", *database)
    assert nobody.returncode == 1 and "NOBODY" in nobody.stderr
    role = call("kiosk-signaling", "account", "add", "X", "--role", "king", "--organization", "north", "--password-file", "-", *database, text=PASSWORD)
    assert role.returncode == 2 and "king" in role.stderr


def test_status_without_an_agent_fails(tmp_path):
    done = call("kiosk-agent", "status", "--socket", str(tmp_path / "nothing.sock"))
    assert done.returncode == 1 and "nothing.sock" in done.stderr, done


ROOT = pathlib.Path(__file__).resolve().parents[2]


def uncommented(text: str) -> str:
    """An annotated example with its commented-out keys put in: every key it shows must be one the program knows."""
    return re.sub(r"^( *)# ?( *)(?=[a-zA-Z]+:(?: |$))", r"\1\2", text, flags=re.MULTILINE)


def test_the_annotated_example_of_the_agent_is_true(tmp_path):
    password = tmp_path / "password"
    password.write_text(PASSWORD)
    password.chmod(0o600)
    text = (ROOT / "Config" / "kiosk-agent.yaml").read_text()
    text = uncommented(text).replace("/etc/kiosk-agent/password", str(password))
    config = tmp_path / "config.yaml"
    config.write_text(text + "\nsurplus: true\n")
    done = call("kiosk-agent", "run", "--config", str(config))
    # The one mistake is ours, at the very end.
    assert done.returncode == 2 and "surplus" in done.stderr and len(done.stderr.splitlines()) == 1, done


def test_the_annotated_example_of_the_server_is_true(tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text((ROOT / "Config" / "kiosk-signaling.yaml").read_text() + "\nsurplus: true\n")
    done = call("kiosk-signaling", "serve", "--config", str(config))
    assert done.returncode == 2 and "surplus" in done.stderr and len(done.stderr.splitlines()) == 1, done
