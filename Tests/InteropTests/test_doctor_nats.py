"""What doctor says of NATs, and of a relay that does not take the server's credentials."""

from harness.clinic import examine, place
from harness.programs import running


def test_a_symmetric_nat(folder):
    with place(folder, "symmetric") as one:
        server = one.server()
        with running(one.coturn, server):
            report = examine(one.agent(server.address), "--only", "stun,nat,turn-udp")
    assert report["nat"]["status"] == "warning" and report["nat"]["facts"]["mapping"] != "endpoint-independent", report.show()
    assert report["turn-udp"]["status"] == "ok"
    assert report.status == 3


def test_no_nat(folder):
    with place(folder, "none") as one:
        server = one.server()
        with running(one.coturn, server):
            report = examine(one.agent(server.address), "--only", "nat")
    assert report["nat"]["status"] == "ok" and report["nat"]["facts"]["translated"] is False, report.show()


def test_a_relay_with_another_secret(folder):
    with place(folder) as one:
        server = one.server(ice=one.coturn.settings().replace("a secret the servers share", "another secret altogether"))
        with running(one.coturn, server):
            report = examine(one.agent(server.address), "--only", "stun,turn-udp,turn-tcp,turn-tls")
    assert report.failed() == {"turn-udp", "turn-tcp", "turn-tls"}, report.show()
    assert "credentials" in report["turn-tcp"]["seen"] and report["stun"]["status"] == "ok"
