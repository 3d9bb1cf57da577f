"""A real coturn on the small internet."""

import base64
import hashlib
import pathlib
import re
import subprocess
import time

from . import network
from .programs import Program, eventually

SECRET = "a secret the servers share"
#: What its certificate calls it, beside its addresses.
NAME = "turn.kiosk.test"


class Coturn(Program):
    """STUN and TURN over UDP and TCP on 3478, over TLS on 443, with a certificate of an authority made for the run."""

    def __init__(
        self, folder: pathlib.Path, prefix: list[str], second_address: str | None = None, alternate: "Coturn | None" = None,
        ports: tuple[int, int] = (3478, 443), relays: tuple[int, int] = (50000, 50200), quota: int = 0,
    ) -> None:
        """With a second address it answers RFC 5780's questions about NATs. It sends everybody on to `alternate`, whose certificate is of the
        same authority. `ports`: plain and TLS; it takes the one after each too. `quota`: as many allocations a user may have; 0 for any number."""
        super().__init__(f"turnserver-{ports[0]}", folder, prefix)
        self.port, self.tls_port = ports
        self.ca = folder / "ca.pem"
        if not self.ca.exists():
            self._certificate()
        self.config = folder / f"{self.name}.conf"
        name = f"{network.INTERNET}:{{}}".format
        self.config.write_text(
            f"listening-ip={network.INTERNET}\nlistening-ip={network.INTERNET_6}\nrelay-ip={network.INTERNET}\nrelay-ip={network.INTERNET_6}\n"
            f"listening-port={self.port}\ntls-listening-port={self.tls_port}\nmin-port={relays[0]}\nmax-port={relays[1]}\n"
            f"use-auth-secret\nstatic-auth-secret={SECRET}\nrealm=kiosk.test\nfingerprint\nno-cli\nno-dtls\n"
            + (f"user-quota={quota}\n" if quota else "")
            + (f"listening-ip={second_address}\n" if second_address else "")
            + (f"alternate-server={name(alternate.port)}\ntls-alternate-server={name(alternate.tls_port)}\n" if alternate else "")
            + f"cert={folder}/turn.pem\npkey={folder}/turn.key\n"
            f"log-file=stdout\nsimple-log\nverbose\npidfile={folder}/{self.name}.pid\nuserdb={folder}/{self.name}.db\n"
        )

    def command(self) -> list[str]:
        return ["turnserver", "-c", str(self.config)]

    def start(self):
        super().start()
        time.sleep(0.3)
        eventually(lambda: self.alive() and self._listens(), 10, f"coturn does not listen:\n{self.tail()}")
        return self

    def _listens(self) -> bool:
        sockets = subprocess.run([*self.prefix, "ss", "-Hlun"], capture_output=True, text=True).stdout
        return f"{network.INTERNET}:{self.port}" in sockets

    def _certificate(self) -> None:
        folder = self.folder
        for command in (
            f"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test-authority -keyout {folder}/ca.key -out {self.ca}",
            f"req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=turn -addext subjectAltName=IP:{network.INTERNET},IP:{network.INTERNET_6},DNS:{NAME} -keyout {folder}/turn.key -out {folder}/turn.csr",
            f"x509 -req -in {folder}/turn.csr -CA {self.ca} -CAkey {folder}/ca.key -CAcreateserial -days 2 -copy_extensions copy -out {folder}/turn.pem",
        ):
            done = subprocess.run(["openssl", *command.split()], capture_output=True, text=True)
            assert done.returncode == 0, done.stderr

    def settings(self, host: str = network.INTERNET, tls_host: str | None = None, secret: str = SECRET) -> str:
        """The `ice` section of a server's configuration that hands this TURN server out."""
        host = f"[{host}]" if ":" in host else host
        return (
            f'ice:\n  stun: ["stun:{host}:3478"]\n'
            f'  turn: ["turn:{host}:3478?transport=udp", "turn:{host}:3478?transport=tcp", "turns:{tls_host or host}:443?transport=tcp"]\n'
            f'  sharedSecret: "{secret}"\n'
        )

    def key_digest(self) -> str:
        """The SHA-256 of its certificate's public key, in Base64."""
        key = subprocess.run(["openssl", "pkey", "-in", f"{self.folder}/turn.key", "-pubout", "-outform", "der"], capture_output=True, check=True)
        return base64.b64encode(hashlib.sha256(key.stdout).digest()).decode()

    def relayed(self, account: str, since: int = 0) -> dict[str, int]:
        """Bytes that went over the account's allocations which have ended, by the transport the account reached them over; of the log
        from byte `since` on.

        What was allocated and not used is not in it: coturn counts the requests themselves too, hence a picture's worth and no less."""
        log = self.log.read_bytes()[since:].decode(errors="replace")
        streams = set(re.findall(r"tcp or tls connected to: (\S+)", log))
        carried: dict[str, int] = {}
        for session, local, remote in re.findall(rf"session (\d+): closed .*?user <\d+:{account}> .*?local (\S+), remote (\S+), reason", log):
            transport = "udp" if remote.replace("[", "").replace("]", "") not in streams else "tls" if local.endswith(f":{self.tls_port}") else "tcp"
            usage = re.findall(rf"session {session}: usage: .*?rb=(\d+), sp=\d+, sb=(\d+)", log)
            carried[transport] = carried.get(transport, 0) + sum(int(one) + int(other) for one, other in usage)
        return {transport: size for transport, size in carried.items() if size > 100_000}
