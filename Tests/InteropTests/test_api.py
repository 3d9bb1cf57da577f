"""The HTTP API against its own OpenAPI document: schemathesis makes requests from it, good and bad, and judges the answers by it."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

from harness.programs import PASSWORD

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
