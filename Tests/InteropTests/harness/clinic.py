"""A kiosk behind a router, its servers on a small internet, and the doctor's report about them."""

import contextlib
import datetime
import ipaddress
import json
import pathlib
import shutil
import ssl
import subprocess
import time
import urllib.request

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from conftest import peer_missing, populate

from . import network
from .programs import BIN, Agent, Server, eventually
from .turn import Coturn

#: A second address for the STUN server: with it NATs can be asked about.
SECOND = "198.51.100.2"


class Authority:
    """Signs certificates for the server's address, with the validity a test wants."""

    def __init__(self, folder: pathlib.Path, name: str = "Railway CA") -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.file = folder / f"{name.replace(' ', '-')}.pem"
        own = self._certificate(self.name, self.key.public_key(), -30, 3000, authority=True)
        self.file.write_bytes(own.public_bytes(serialization.Encoding.PEM))

    def _certificate(self, subject, key, start: int, end: int, authority: bool = False, address: str | None = None):
        now = datetime.datetime.now(datetime.timezone.utc)
        builder = (
            x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + datetime.timedelta(days=start, minutes=-5)).not_valid_after(now + datetime.timedelta(days=end, minutes=5))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )
        if address:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def issue(self, start: int = -1, end: int = 90, address: str = network.INTERNET) -> str:
        """The `tls` section of the server's configuration."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "signaling")])
        certificate = self._certificate(subject, key.public_key(), start, end, address=address)
        chain, private = self.folder / f"server{start}.{end}.pem", self.folder / f"server{start}.{end}.key"
        chain.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        private.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        private.chmod(0o600)
        return f"tls: {{ certificateFile: {chain}, privateKeyFile: {private} }}\n"


class SecureServer(Server):
    """The server over TLS; the tests do not judge its certificate, the kiosk does."""

    def __init__(self, folder: pathlib.Path, settings: str, port: int, prefix: list[str]) -> None:
        super().__init__(folder, network.INTERNET, settings, port=port, prefix=prefix)
        self.address = self.address.replace("http://", "https://")

    def answers(self) -> bool:
        assert self.alive(), f"{self.name} ended:\n{self.tail()}"
        try:
            urllib.request.urlopen(self.address, timeout=2, context=ssl._create_unverified_context()).read()
            return True
        except OSError:
            return False


class Place:
    """A kiosk behind a router, and the servers on the internet."""

    def __init__(self, net: network.Internet, folder: pathlib.Path) -> None:
        self.net = net
        self.folder = folder
        self.coturn = Coturn(folder, net.servers.prefix, second_address=SECOND)
        self.authority = Authority(folder)
        # One file for both: the relay has an authority of its own.
        self.trust = folder / "trust.pem"
        self.trust.write_bytes(self.authority.file.read_bytes() + self.coturn.ca.read_bytes())

    def server(self, certificate: str | None = None, ice: str | None = None, folder: pathlib.Path | None = None, port: int = 8443) -> SecureServer:
        settings = (self.coturn.settings() if ice is None else ice) + (certificate or self.authority.issue())
        one = SecureServer(folder or self.folder, settings, port, self.net.servers.prefix)
        if not one.database.exists():
            populate(one)
        return one

    def agent(self, server: str, **options) -> Agent:
        options.setdefault("settings", f"tls: {{ caFile: {self.trust} }}\n")
        one = Agent(self.folder, server, prefix=self.net.kiosk_side.prefix, **options)
        one.state.chmod(0o700)
        return one


class Report:
    def __init__(self, done: subprocess.CompletedProcess, seconds: float) -> None:
        assert done.returncode in (0, 1, 3), done
        self.status = done.returncode
        self.seconds = seconds
        self.json = json.loads(done.stdout)
        self.checks = {check["id"]: check for check in self.json["checks"]}
        for check in self.json["checks"]:
            if check["status"] in ("failed", "warning"):
                assert check.get("why") and check.get("remedy"), f"a finding without cause or remedy: {check}"

    def __getitem__(self, name: str) -> dict:
        return self.checks[name]

    def failed(self) -> set[str]:
        return {name for name, check in self.checks.items() if check["status"] == "failed"}

    def show(self) -> str:
        return "\n".join(f"{check['status']:8} {name:20} {check['seen']}" for name, check in self.checks.items())


def examine(agent: Agent, *arguments: str, prefix: list[str] = ()) -> Report:
    command = [*agent.prefix, *prefix, str(BIN / "kiosk-agent"), "doctor", "--format", "json", "--config", str(agent.config), *arguments]
    began = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    report = Report(done, time.monotonic() - began)
    print(f"{report.seconds:.1f} s\n{report.show()}\n{done.stderr}")
    assert report.seconds < 30, "the technician has ten minutes, doctor half of one"
    return report


def registered(agent: Agent, timeout: float = 20) -> None:
    eventually(agent.socket.exists, 10)
    eventually(lambda: agent.status()["state"] == "idle", timeout)


@contextlib.contextmanager
def place(folder: pathlib.Path, kiosk: str = "cone"):
    if not shutil.which("turnserver"):
        peer_missing("coturn")
    with network.internet("none", kiosk) as net:
        yield Place(net, folder)
