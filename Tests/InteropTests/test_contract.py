"""The signaling contract's refusals and rules, against the real server with python-socketio."""

import asyncio

import pytest
import socketio

from harness.monitor import Client, Watch, asynchronous
from harness.programs import PASSWORD

SDP = {"type": "offer", "sdp": "v=0\r\n"}


def refused(answer: dict, code: str, *words: str) -> dict:
    assert answer["ok"] is False, answer
    assert answer["error"]["code"] == code, answer
    for word in words:
        assert word in answer["error"]["message"], answer
    return answer["error"]


class Kiosk(Client):
    """A kiosk by hand: registered, answers nothing."""

    async def __aenter__(self):
        await self.connect()
        answer = await self.call("register-kiosk", {"version": "1", "hostname": "bench", "media": {"video": True, "audio": True}})
        assert answer["ok"], answer
        registered = await self.expect("kiosk-registered")
        assert registered["kioskId"] == self.name
        assert registered["heartbeatInterval"] > 0
        assert isinstance(registered["iceServers"], list)
        return self


@asynchronous
async def test_a_session_from_start_to_stop(server):
    async with Kiosk(server, "KIOSK_01") as kiosk, Client(server, "MONITOR_01") as monitor:
        (entry,) = [one for one in await monitor.register_monitor() if one["kioskId"] == "KIOSK_01"]
        assert entry["online"] is True and entry["displayName"] == "Crew lobby, Central" and entry["monitoredBy"] is None
        assert (await monitor.call("start-monitoring", {"kioskId": "KIOSK_01"}))["ok"]
        session = await monitor.expect("monitoring-started", kioskId="KIOSK_01")
        warm = await kiosk.expect("monitoring-started", monitorId="MONITOR_01")
        assert session["sessionId"] == warm["sessionId"]
        # From the same monitor again it is the same session.
        assert (await monitor.call("start-monitoring", {"kioskId": "KIOSK_01"}))["ok"]
        assert (await monitor.expect("monitoring-started"))["sessionId"] == session["sessionId"]

        assert (await monitor.call("offer", {"targetId": "KIOSK_01", "offer": SDP}))["ok"]
        offer = await kiosk.expect("offer", fromId="MONITOR_01")
        assert offer["offer"] == SDP and offer["sessionId"] == session["sessionId"]
        assert (await kiosk.call("answer", {"targetId": "MONITOR_01", "answer": {**SDP, "type": "answer"}}))["ok"]
        assert (await monitor.expect("answer", fromId="KIOSK_01"))["answer"] == {**SDP, "type": "answer"}
        candidate = {"candidate": "candidate:1 1 udp 1 192.0.2.1 9 typ host", "sdpMid": "0", "sdpMLineIndex": 0}
        for sender, receiver, target in ((monitor, kiosk, "KIOSK_01"), (kiosk, monitor, "MONITOR_01")):
            assert (await sender.call("ice-candidate", {"targetId": target, "candidate": candidate}))["ok"]
            came = await receiver.expect("ice-candidate", fromId=sender.name)
            assert came["candidate"]["candidate"] == candidate["candidate"] and came["candidate"]["sdpMid"] == "0"
            assert (await sender.call("ice-candidate", {"targetId": target, "candidate": None}))["ok"]
            came = await receiver.expect("ice-candidate", fromId=sender.name)
            assert not came["candidate"] or not came["candidate"]["candidate"]
        assert (await kiosk.call("restart-request", {"targetId": "MONITOR_01"}))["ok"]
        assert (await monitor.expect("restart-request"))["fromId"] == "KIOSK_01"
        fault = {"code": "camera-missing", "message": "no camera"}
        assert (await kiosk.call("session-error", {"targetId": "MONITOR_01", "error": fault}))["ok"]
        assert (await monitor.expect("session-error"))["error"] == fault
        assert (await kiosk.call("session-report", {"sessionId": session["sessionId"], "state": "media-started", "firstFrameMs": 12}))["ok"]

        assert (await monitor.call("stop-monitoring", {"kioskId": "KIOSK_01"}))["ok"]
        for side in (monitor, kiosk):
            stopped = await side.expect("monitoring-stopped", sessionId=session["sessionId"])
            assert stopped["reason"] == "stopped-by-monitor" and stopped["kioskId"] == "KIOSK_01"


@asynchronous
async def test_refusals_of_start_monitoring(server):
    async with Kiosk(server, "KIOSK_01"), Kiosk(server, "KIOSK_OTHER"), Client(server, "MONITOR_01") as first, Client(server, "MONITOR_02") as second:
        refused(await first.call("start-monitoring", {"kioskId": "KIOSK_01"}), "not-registered")
        await first.register_monitor()
        await second.register_monitor()
        unknown = refused(await first.call("start-monitoring", {"kioskId": "KIOSK_99"}), "unknown-kiosk")
        other = refused(await first.call("start-monitoring", {"kioskId": "KIOSK_OTHER"}), "unknown-kiosk")
        assert unknown["message"].replace("KIOSK_99", "") == other["message"].replace("KIOSK_OTHER", "")
        refused(await first.call("start-monitoring", {"kioskId": "KIOSK_02"}), "kiosk-offline")
        assert (await first.call("start-monitoring", {"kioskId": "KIOSK_01"}))["ok"]
        busy = await second.call("start-monitoring", {"kioskId": "KIOSK_01"})
        refused(busy, "kiosk-busy")
        assert "since" in str(busy), busy
        await second.expect("kiosk-status", kioskId="KIOSK_01", monitoredBy="MONITOR_01")


@asynchronous
async def test_an_organization_sees_only_its_own(server):
    async with Client(server, "MONITOR_01") as north, Client(server, "MONITOR_OTHER") as south:
        assert {one["kioskId"] for one in await north.register_monitor()} == {"KIOSK_01", "KIOSK_02"}
        assert {one["kioskId"] for one in await south.register_monitor()} == {"KIOSK_OTHER"}
        async with Kiosk(server, "KIOSK_01") as kiosk:
            await north.expect("kiosk-online", kioskId="KIOSK_01")
            event = {"eventId": "e1", "crewId": "4711", "name": "Maria", "role": "driver", "train": "IC 204", "occurredAt": "2026-11-21T08:00:00Z"}
            assert (await kiosk.call("crew-sign-on", event))["ok"]
            came = await north.expect("crew-sign-on", eventId="e1")
            assert came["kioskId"] == "KIOSK_01" and came["receivedAt"] and came["name"] == "Maria"
            # The same event twice is one event.
            assert (await kiosk.call("crew-sign-on", event))["ok"]
            await north.nothing("crew-sign-on", 0.5)
        await north.expect("kiosk-offline", 20, kioskId="KIOSK_01")
        assert [name for name, _ in south.events] == []


@asynchronous
async def test_only_the_parties_of_a_session_speak_in_it(server):
    async with Kiosk(server, "KIOSK_01"), Kiosk(server, "KIOSK_02") as stranger, Client(server, "MONITOR_01") as monitor, Client(server, "MONITOR_02") as other:
        await monitor.register_monitor()
        await other.register_monitor()
        refused(await monitor.call("offer", {"targetId": "KIOSK_01", "offer": SDP}), "no-session")
        assert (await monitor.call("start-monitoring", {"kioskId": "KIOSK_01"}))["ok"]
        for name, payload in (("offer", {"offer": SDP}), ("ice-candidate", {"candidate": None})):
            answer = await other.call(name, {"targetId": "KIOSK_01", **payload})
            assert answer["ok"] is False and answer["error"]["code"] in ("not-your-session", "no-session"), answer
        answer = await stranger.call("answer", {"targetId": "MONITOR_01", "answer": {**SDP, "type": "answer"}})
        assert answer["ok"] is False and answer["error"]["code"] in ("not-your-session", "no-session"), answer
        answer = await other.call("stop-monitoring", {"kioskId": "KIOSK_01"})
        assert answer["ok"] is False and answer["error"]["code"] in ("not-your-session", "no-session"), answer


@asynchronous
async def test_roles_keep_to_their_events(server):
    async with Kiosk(server, "KIOSK_01") as kiosk, Client(server, "MONITOR_01") as monitor:
        await monitor.register_monitor()
        for name, payload in (
            ("register-monitor", None), ("start-monitoring", {"kioskId": "KIOSK_01"}), ("stop-monitoring", {"kioskId": "KIOSK_01"}),
            ("offer", {"targetId": "KIOSK_01", "offer": SDP}),
        ):
            refused(await kiosk.call(name, payload), "forbidden")
        for name, payload in (
            ("register-kiosk", {}), ("heartbeat-ping", {"status": {}}), ("answer", {"targetId": "KIOSK_01", "answer": {**SDP, "type": "answer"}}),
            ("restart-request", {"targetId": "KIOSK_01"}),
            ("crew-sign-on", {"eventId": "e", "crewId": "1", "occurredAt": "2026-11-21T08:00:00Z"}),
        ):
            refused(await monitor.call(name, payload), "forbidden")
    async with Client(server, "KIOSK_02") as unregistered:
        refused(await unregistered.call("heartbeat-ping", {"status": {}}), "not-registered")
        refused(await unregistered.call("crew-sign-on", {"eventId": "e", "crewId": "1", "occurredAt": "2026-11-21T08:00:00Z"}), "not-registered")


BAD = [
    ("start-monitoring", {}, "kioskId"),
    ("start-monitoring", {"kioskId": 7}, "kioskId"),
    ("start-monitoring", None, "payload"),
    ("start-monitoring", "KIOSK_01", "payload"),
    ("stop-monitoring", {}, "kioskId"),
    ("offer", {"offer": SDP}, "targetId"),
    ("offer", {"targetId": "KIOSK_01"}, "offer"),
    ("offer", {"targetId": "KIOSK_01", "offer": {"type": "offer"}}, "sdp"),
    ("offer", {"targetId": "KIOSK_01", "offer": {"type": "sesame", "sdp": ""}}, "type"),
    ("offer", {"targetId": "KIOSK_01", "offer": {"type": "offer", "sdp": "x" * 65_537}}, "sdp"),
    ("ice-candidate", {"targetId": "KIOSK_01", "candidate": {"candidate": "x" * 2_049}}, "candidate"),
    ("ice-candidate", {"targetId": "KIOSK_01", "candidate": 5}, "candidate"),
    ("register-monitor", {"sessions": "all"}, "sessions"),
]


@asynchronous
async def test_bad_payloads_are_named_and_the_connection_lives_on(server):
    async with Client(server, "MONITOR_01") as monitor:
        await monitor.register_monitor()
        for name, payload, field in BAD:
            refused(await monitor.call(name, payload), "bad-request", field)
        # Without acknowledgement the same comes as an event.
        await monitor.emit("start-monitoring", {})
        error = await monitor.expect("error", event="start-monitoring")
        assert error["code"] == "bad-request" and "kioskId" in error["message"]
        unknown = await monitor.call("open-sesame", {})
        assert unknown["ok"] is False, unknown
        assert await monitor.register_monitor()


@asynchronous
async def test_too_many_messages_are_throttled(server):
    async with Client(server, "MONITOR_01") as monitor:
        await monitor.register_monitor()
        answers = await asyncio.gather(*(monitor.call("stop-monitoring", {"kioskId": "KIOSK_01"}) for _ in range(200)))
        codes = {answer["error"]["code"] for answer in answers if not answer["ok"]}
        assert "throttled" in codes, codes
        await asyncio.sleep(1.5)
        assert (await monitor.call("register-monitor"))["ok"]


@asynchronous
async def test_a_second_socket_of_a_kiosk_replaces_the_first(server):
    async with Client(server, "MONITOR_01") as monitor:
        await monitor.register_monitor()
        async with Kiosk(server, "KIOSK_01") as old:
            assert (await monitor.call("start-monitoring", {"kioskId": "KIOSK_01"}))["ok"]
            session = await monitor.expect("monitoring-started")
            new = Client(server, "KIOSK_01")
            await new.connect()
            assert (await new.call("register-kiosk", {"sessions": []}))["ok"]
            stopped = await monitor.expect("monitoring-stopped", sessionId=session["sessionId"])
            assert stopped["reason"] == "kiosk-replaced"
            assert (await monitor.call("start-monitoring", {"kioskId": "KIOSK_01"}))["ok"]
            await new.expect("monitoring-started", monitorId="MONITOR_01")
            await new.close()
            await asyncio.sleep(0)
            assert not any(name == "monitoring-started" for name, _ in old.events[1:])


@asynchronous
async def test_a_kiosk_that_comes_back_within_the_grace_period_goes_on(server):
    async with Client(server, "MONITOR_01") as monitor:
        await monitor.register_monitor()
        async with Kiosk(server, "KIOSK_01"):
            assert (await monitor.call("start-monitoring", {"kioskId": "KIOSK_01"}))["ok"]
            session = await monitor.expect("monitoring-started")
        back = await Client(server, "KIOSK_01").connect()
        assert (await back.call("register-kiosk", {"sessions": [session["sessionId"]]}))["ok"]
        assert (await monitor.call("offer", {"targetId": "KIOSK_01", "offer": SDP}))["ok"]
        assert (await back.expect("offer"))["sessionId"] == session["sessionId"]
        await monitor.nothing("monitoring-stopped", 0.5)
        await back.close()
        stopped = await monitor.expect("monitoring-stopped", 20)
        assert stopped["reason"] == "kiosk-disconnected"


@asynchronous
async def test_heartbeats_answer_and_status_reaches_monitors(server):
    async with Kiosk(server, "KIOSK_01") as kiosk, Client(server, "MONITOR_01") as monitor:
        await monitor.register_monitor()
        assert (await kiosk.call("heartbeat-ping", {"status": {"camera": "missing"}}))["ok"]
        assert (await kiosk.expect("heartbeat-pong"))["serverTime"]
        entry = await monitor.expect("kiosk-status", kioskId="KIOSK_01")
        assert entry["status"]["camera"] == "missing"


@asynchronous
async def test_a_connection_needs_a_good_token(server):
    for auth, code in ((None, "token-missing"), ({}, "token-missing"), ({"token": "x.y.z"}, "token-invalid"), ({"token": 5}, None)):
        client = socketio.AsyncClient(reconnection=False)
        errors = []
        client.on("connect_error", errors.append)
        with pytest.raises(socketio.exceptions.ConnectionError):
            await client.connect(server.address, auth=auth, transports=["websocket"], wait_timeout=5)
        assert errors, auth
        if code:
            assert errors[0]["data"]["code"] == code, errors
        await client.disconnect()


def test_logging_in(server):
    answer = server.login("MONITOR_01")
    assert answer["user"] == {"id": "MONITOR_01", "role": "monitor", "organization": "north", "displayName": "Asha Rao"}
    assert answer["token"].count(".") == 2 and answer["refreshToken"] and answer["expiresAt"]

    wrong = server.post("/api/auth/login", {"username": "MONITOR_02", "password": "wrong"})
    nobody = server.post("/api/auth/login", {"username": "NOBODY", "password": "wrong"})
    assert wrong == nobody and wrong[0] == 401 and wrong[1]["error"]["code"] == "invalid-credentials"
    for body in (b"", b"{", b"[]", {"username": "MONITOR_01"}, {"username": 1, "password": PASSWORD}):
        status, answer = server.post("/api/auth/login", body)
        assert status == 400 and answer["error"]["code"] == "bad-request", (body, status, answer)
    status, answer = server.post("/api/auth/login", b'{"username":"' + b"x" * 2_000_000 + b'"}')
    assert status == 413, (status, answer)


def test_refreshing_rotates_and_reuse_is_refused(server):
    first = server.login("MONITOR_01")
    status, second = server.post("/api/auth/refresh", {"refreshToken": first["refreshToken"]})
    assert status == 200 and second["refreshToken"] != first["refreshToken"] and second["user"]["id"] == "MONITOR_01"
    # The answer was lost: the same token once more brings another pair, as long as nobody uses the first.
    status, third = server.post("/api/auth/refresh", {"refreshToken": first["refreshToken"]})
    assert status == 200 and third["refreshToken"] not in (first["refreshToken"], second["refreshToken"])
    status, fourth = server.post("/api/auth/refresh", {"refreshToken": third["refreshToken"]})
    assert status == 200
    # From now on the first one is in other hands; all tokens of the log-in end.
    status, _ = server.post("/api/auth/refresh", {"refreshToken": first["refreshToken"]})
    assert status == 401
    status, _ = server.post("/api/auth/refresh", {"refreshToken": fourth["refreshToken"]})
    assert status == 401


def test_who_uses_a_token_whose_place_was_taken_ends_the_log_in(server):
    first = server.login("MONITOR_01")
    _, second = server.post("/api/auth/refresh", {"refreshToken": first["refreshToken"]})
    _, third = server.post("/api/auth/refresh", {"refreshToken": first["refreshToken"]})
    assert server.post("/api/auth/refresh", {"refreshToken": second["refreshToken"]})[0] == 401
    assert server.post("/api/auth/refresh", {"refreshToken": third["refreshToken"]})[0] == 401


@asynchronous
async def test_the_contracts_version_is_told(server):
    async with Kiosk(server, "KIOSK_02"), Client(server, "KIOSK_01") as kiosk, Client(server, "MONITOR_01") as monitor:
        assert (await kiosk.call("register-kiosk", {"newer": {"than": "this"}}))["ok"]
        assert (await kiosk.expect("kiosk-registered"))["protocol"] == 1
        assert (await monitor.call("register-monitor"))["ok"]
        assert (await monitor.expect("kiosk-list"))["protocol"] == 1


@asynchronous
async def test_a_kiosk_that_leaves_on_purpose_says_so(server, agent):
    async with Client(server, "MONITOR_01") as client:
        await client.kiosk_online()
        watch = await Watch(client).start()
        await watch.frames(video=10)
        # What an upgrade does first: it waits, and then goes on anyway.
        waited = await asyncio.to_thread(agent.control, "status", "--until-idle", "1s", check=False)
        assert waited.returncode == 3 and "somebody watches this kiosk" in waited.stderr
        assert agent.stop() == 0
        stopped = await client.expect("monitoring-stopped", 5, kioskId="KIOSK_01")
        assert stopped["reason"] == "kiosk-restarting"
        agent.start()
        await client.expect("kiosk-online", 20, kioskId="KIOSK_01")
        await client.nothing("monitoring-stopped", 0.5)
        await watch.close()


@asynchronous
async def test_times_are_checked(server):
    async with Kiosk(server, "KIOSK_01") as kiosk:
        for time in ("yesterday", "2026-11-21T08:00:00", "2026-11-31T08:00:00Z", "2026-11-21 08:00:00Z", ""):
            answer = await kiosk.call("crew-sign-on", {"eventId": "e", "crewId": "1", "occurredAt": time})
            refused(answer, "bad-request", "occurredAt")
        assert (await kiosk.call("crew-sign-on", {"eventId": "e", "crewId": "1", "occurredAt": "2026-11-21T13:30:00.5+05:30"}))["ok"]


def test_a_disabled_account_gets_no_token(server):
    server.account("disable", "MONITOR_02")
    status, answer = server.post("/api/auth/login", {"username": "MONITOR_02", "password": PASSWORD})
    assert status in (401, 403), answer
    server.account("enable", "MONITOR_02")
    server.account("set-password", "MONITOR_02", password="another long password")
    assert server.login("MONITOR_02", "another long password")["user"]["id"] == "MONITOR_02"
    listed = server.account("list")
    assert "MONITOR_02" in listed and "KIOSK_01" in listed
    server.account("remove", "MONITOR_02")
    assert "MONITOR_02" not in server.account("list")
