"""The HTTP API against its own OpenAPI document: schemathesis makes requests from it, good and bad, and judges the answers by it."""

import json
import os
import pathlib
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

from harness.monitor import Client, asynchronous
from harness.programs import PASSWORD, eventually

# Requests made for each operation and phase.
EXAMPLES = os.environ.get("SCHEMATHESIS_EXAMPLES", "10")


def closed_document(server, folder) -> pathlib.Path:
    """The server's document with answers that may hold nothing but what it names. The published one leaves answers open, for what later servers add."""
    document = json.loads(ask(server, "GET", "/api/openapi.json", None)[1])
    asked = {reference(body["schema"]) for path in document["paths"].values() for operation in path.values()
             for body in operation.get("requestBody", {}).get("content", {}).values()}
    schemas = document["components"]["schemas"]
    assert asked < set(schemas)
    for name in set(schemas) - asked:
        for schema in (schemas[name], *schemas[name]["properties"].values()):
            if "properties" in schema:
                schema["additionalProperties"] = False
    path = folder / "closed.json"
    path.write_text(json.dumps(document))
    return path


def reference(schema) -> str:
    return schema["$ref"].rpartition("/")[2]


def schemathesis(server, folder, *arguments: str) -> None:
    # A null byte in an address is closed by the transport without an answer, so none is made.
    command = [
        str(pathlib.Path(sys.executable).parent / "schemathesis"), "run", str(closed_document(server, folder)), "--url", server.address, "--max-examples", EXAMPLES,
        "--generation-deterministic", "--generation-allow-x00", "false", "--no-color", "--continue-on-failure", "--request-timeout", "10", *arguments,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=folder)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "Errors:" not in done.stdout, done.stdout[-6000:]


@pytest.mark.parametrize("role", ["admin", "monitor", "nobody"])
def test_the_document_is_true(server, folder, role):
    server.add("ADMIN_01", "admin")
    who = {"admin": "ADMIN_01", "monitor": "MONITOR_01", "nobody": None}[role]
    token = ["-H", f"Authorization: Bearer {server.login(who)['token']}"] if who else []
    phases = "examples,coverage,fuzzing,stateful" if role == "admin" else "coverage"
    # Logging out makes the token void that all others need.
    schemathesis(server, folder, *token, "--phases", phases, "--exclude-path", "/api/auth/logout")


def test_logging_out(server, folder):
    server.add("ADMIN_01", "admin")
    schemathesis(
        server, folder, "-H", f"Authorization: Bearer {server.login('ADMIN_01')['token']}", "--phases", "coverage", "--include-path", "/api/auth/logout"
    )


def test_every_answer_of_an_error_has_a_code(server):
    for method, path, body, status, code in (
        ("GET", "/api/nothing", None, 404, "not-found"),
        ("GET", "/api/me", None, 401, "token-missing"),
        ("POST", "/api/auth/login", b"{", 400, "bad-request"),
        ("POST", "/api/auth/login", json.dumps({"username": "MONITOR_01", "password": PASSWORD[1:]}).encode(), 401, "invalid-credentials"),
        ("POST", "/api/auth/login", b'{"username":"' + b"x" * 100_000 + b'"}', 413, "too-large"),
        ("POST", "/api/auth/login", b"x" * 1_100_000, 413, "too-large"),
        ("TRACE", "/api/me", None, 405, "bad-request"),
        ("DELETE", "/api/me", None, 405, "bad-request"),
    ):
        answered, answer = ask(server, method, path, body)
        assert (answered, json.loads(answer)["error"]["code"]) == (status, code), (method, path, answered, answer)


def ask(server, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
    import http.client

    line = http.client.HTTPConnection(server.host, server.port, timeout=10)
    try:
        line.request(method, path, body, {"Content-Type": "application/json"})
        answer = line.getresponse()
        return answer.status, answer.read()
    finally:
        line.close()


def call(server, token: str, method: str, path: str, body=None, headers: dict = {}) -> tuple[int, dict, object]:
    """Status, header fields and JSON of an answer, refusals too."""
    data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    fields = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", **headers}
    request = urllib.request.Request(server.address + path, data, fields, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, dict(answer.headers), json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers), json.loads(error.read() or b"null")


def administrator(server) -> str:
    """The token of an administrator who has just been added, once the running server knows of the account."""
    server.add("ADMIN_01", "admin")
    token = server.login("ADMIN_01")["token"]
    eventually(lambda: call(server, token, "GET", "/api/me")[0] == 200)
    return token


@asynchronous
async def test_an_administrator_says_why_it_ends_a_session(server):
    admin = administrator(server)
    async with Client(server, "KIOSK_01") as kiosk, Client(server, "MONITOR_01") as monitor:
        assert (await kiosk.call("register-kiosk", {}))["ok"]
        assert (await monitor.call("register-monitor", {}))["ok"]
        session = (await monitor.call("start-monitoring", {"kioskId": "KIOSK_01"}))["sessionId"]
        path = f"/api/sessions/{session}"
        status, _, answer = call(server, admin, "DELETE", path, {"reason": "x" * 201})
        assert status == 400 and answer["error"]["message"].startswith("reason: "), answer
        assert call(server, admin, "DELETE", path, {"reason": "the wrong kiosk"})[0] == 204
        assert call(server, admin, "DELETE", path)[0] == 404

    def line():
        lines = call(server, admin, "GET", "/api/audit?limit=20")[2]["items"]
        return next((line for line in lines if line["kind"] == "monitoring-stopped"), None)

    details = eventually(line)["details"]
    assert (details["reason"], details["statedReason"]) == ("ended-by-admin", "the wrong kiosk")


def test_two_windows_do_not_overwrite_each_others_preferences(server):
    token = server.login("MONITOR_01")["token"]
    path = "/api/me/preferences"
    status, fields, answer = call(server, token, "GET", path)
    assert (status, answer) == (200, {})
    known = {"If-Match": fields["ETag"]}
    status, fields, _ = call(server, token, "PUT", path, {"rooms": ["a"]}, known)
    assert status == 204 and fields["ETag"] != known["If-Match"]
    status, _, answer = call(server, token, "PUT", path, {"rooms": ["b"]}, known)
    assert (status, answer["error"]["code"]) == (412, "conflict")
    assert call(server, token, "GET", path)[2] == {"rooms": ["a"]}
    status, _, answer = call(server, token, "PUT", path, {"a": "x" * 65536})
    assert (status, answer["error"]["code"]) == (413, "too-large")
    assert call(server, token, "PUT", path, [])[0] == 400


@asynchronous
async def test_the_audit_and_the_crew_log_are_filtered(server):
    admin = administrator(server)
    async with Client(server, "KIOSK_01") as kiosk:
        assert (await kiosk.call("register-kiosk", {}))["ok"]
        for number, name in enumerate(("crew-sign-on", "crew-sign-off")):
            assert (await kiosk.call(name, {"eventId": f"e{number}", "crewId": "4711", "occurredAt": "2026-01-01T00:00:00Z"}))["ok"]

    def items(query: str) -> list[dict]:
        status, _, answer = call(server, admin, "GET", f"/api/{query}")
        assert status == 200, answer
        return answer["items"]

    assert {line["eventId"] for line in items("crew-events?kiosk=KIOSK_01&actor=4711&kind=crew-sign-off")} == {"e1"}
    assert items("crew-events?kiosk=KIOSK_02") == []
    logins = items("audit?kind=login&actor=ADMIN_01&kiosk=ADMIN_01&from=2020-01-01T00:00:00Z")
    assert len(logins) == 1 and logins[0]["actor"] == "ADMIN_01"
    assert items("audit?to=2020-01-01T00:00:00Z") == []
    for query in ("audit?from=noon", "audit?kind=nothing", "audit?crew=4711", "crew-events?kind=login"):
        status, _, answer = call(server, admin, "GET", f"/api/{query}")
        name = query.partition("?")[2].partition("=")[0]
        assert status == 400 and answer["error"]["message"].startswith(f"{name}: "), answer
    request = urllib.request.Request(f"{server.address}/api/audit?format=csv&kind=login", headers={"Authorization": f"Bearer {admin}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.headers["Content-Disposition"] == 'attachment; filename="audit.csv"'
        assert answer.read().startswith(b"sequence,at,kind,actor,subject,details\r\n")


@asynchronous
async def test_a_query_loses_nothing(server):
    """What a filter says is what is shown: empty parts hide nothing behind them, and an encoded line end is part of its value."""
    async with Client(server, "KIOSK_01") as kiosk:
        assert (await kiosk.call("register-kiosk", {}))["ok"]
        assert (await kiosk.call("crew-sign-on", {"eventId": "e", "crewId": "4711", "occurredAt": "2026-01-01T00:00:00Z"}))["ok"]
    token = server.login("MONITOR_01")["token"]

    def shown(query: str) -> int:
        request = urllib.request.Request(f"{server.address}/api/crew-events?{query}", headers={"Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return len(json.loads(answer.read())["items"])

    for query in ("kioskId=KIOSK_01", "&kioskId=KIOSK_01", "limit=5&&kioskId=KIOSK_01", "&&kioskId=KIOSK%5F01&"):
        assert shown(query) == 1, query
    for query in ("kioskId=KIOSK_02", "&kioskId=KIOSK_02", "limit=5&&kioskId=KIOSK_02", "crewId=4711%0a", "crewId=%0d4711", "crewId=4711%0d%0a&limit=5"):
        assert shown(query) == 0, query
    for query in ("&EIO=4&transport=polling", "EIO=4&&transport=polling", "EIO=4&transport=polling&note=%0a%0d"):
        status, answer = ask(server, "GET", f"/socket.io/?{query}", None)
        assert status == 200 and answer.startswith(b'0{"sid"'), (query, answer)


def test_the_server_as_a_whole_is_a_target(server):
    """RFC 9110 section 9.3.7: an OPTIONS for `*` is understood, and answered as everything else that is not served."""
    status, answer = ask(server, "OPTIONS", "*", None)
    assert (status, json.loads(answer)["error"]["code"]) == (405, "bad-request"), answer
    assert ask(server, "GET", "*", None)[0] == 400
