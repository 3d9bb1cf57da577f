"""A TURN server that refuses, on a path that needs one."""

import asyncio
import shutil

import pytest
from conftest import peer_missing, populate
from harness import network
from harness.clinic import registered
from harness.monitor import Client
from harness.programs import Agent, Server, running
from harness.turn import Coturn
from test_sessions import offer, watch


@pytest.mark.parametrize("code,quota,secret", [(401, 0, "another secret"), (486, 1, None)], ids=["401-wrong-secret", "486-quota"])
def test_what_a_turn_server_refuses_is_told(folder, code, quota, secret):
    """A path that needs a relay, and a relay that refuses: the log and the monitor hear what it said."""
    if not shutil.which("turnserver"):
        peer_missing("coturn")
    with network.internet("none", "none") as net:
        coturn = Coturn(folder, net.servers.prefix, quota=quota)
        settings = coturn.settings(secret=secret) if secret else coturn.settings()
        server = Server(folder, network.INTERNET, settings, port=8080, prefix=net.servers.prefix)
        populate(server)
        agent = Agent(folder, server.address, prefix=net.kiosk_side.prefix, settings=f"tls: {{ caFile: {coturn.ca} }}\n")

        async def told() -> dict:
            async with Client(server, "MONITOR_01") as client:
                await watch(client)
                # Its only address answers nobody.
                unreachable = "a=candidate:1 1 udp 2122260223 203.0.113.77 40000 typ host\r\na=end-of-candidates\r\na=setup"
                wanted = offer(("video", "VP8/90000"))
                wanted["sdp"] = wanted["sdp"].replace("a=setup", unreachable)
                await client.emit("offer", {"targetId": "KIOSK_01", "offer": wanted})
                return (await client.expect("session-error", 60))["error"]

        with running(coturn, server, agent):
            registered(agent)
            error = asyncio.run(told())
            assert error["code"] == "ice-failed" and f"turn server {network.INTERNET}:3478 over " in error["message"], error
            assert str(code) in error["message"], error
            lines = [line for line in agent.log.read_text().splitlines() if "gives no relay: " in line]
            assert any(str(code) in line for line in lines), agent.tail()
            # Addresses are not for the log.
            assert not any(network.INTERNET in line for line in lines), lines
