"""aiortc and python-socketio as the monitor."""

import asyncio
import gc
import re

from harness.browser import say
from harness.monitor import Client, LiteWatch, Watch, asynchronous
from harness.programs import eventually


@asynchronous
async def test_vp8_and_opus_are_decoded(server, agent):
    async with Client(server, "MONITOR_01") as client:
        await client.kiosk_online()
        watch = await Watch(client).start()
        await watch.frames(video=90, audio=150)
        video, audio = watch.received["video"], watch.received["audio"]
        assert (640, 480) in video.sizes
        assert video.changed > 45, f"only {video.changed} of {video.frames} pictures differ from the one before"
        assert 16 < sum(video.means) / len(video.means) < 240
        assert audio.peak > 1000, "silence"
        # The test tone, whatever its pitch, is one tone.
        assert 100 < audio.tone < 4000, audio.tone
        stopped = await watch.stop()
        assert stopped["reason"] == "stopped-by-monitor"
        assert stopped["sessionId"] == watch.session["sessionId"]


@asynchronous
async def test_towards_an_ice_lite_monitor_the_kiosk_controls(server, agent):
    async with Client(server, "MONITOR_01") as client:
        await client.kiosk_online()
        watch = await LiteWatch(client).start()
        await watch.frames(video=90, audio=150)
        assert watch.requests == [], "it is no lite agent"
        await watch.stop()


class PassiveWatch(Watch):
    """A monitor that says it opens DTLS itself: the kiosk has to be the server, whose ClientHello comes from aiortc."""

    def offer(self, sdp: str) -> str:
        assert "a=setup:actpass" in sdp
        return sdp.replace("a=setup:actpass", "a=setup:active")


@asynchronous
async def test_towards_a_monitor_that_opens_dtls_the_kiosk_is_the_server(server, agent):
    async with Client(server, "MONITOR_01") as client:
        await client.kiosk_online()
        watch = await PassiveWatch(client).start()
        assert "a=setup:passive" in watch.pc.remoteDescription.sdp
        await watch.frames(video=60, audio=100)
        await watch.stop()


@asynchronous
async def test_the_kiosk_says_that_no_more_candidates_come(server, agent):
    async with Client(server, "MONITOR_01") as client:
        await client.kiosk_online()
        watch = await Watch(client).start()
        await watch.until(lambda: watch.has_all_candidates, 10, "no end of candidates")
        await watch.frames(video=30)
        await watch.stop()


@asynchronous
async def test_a_kiosk_that_has_lost_its_path_asks_for_another(wire, server, agent):
    async with Client(server, "MONITOR_01") as client:
        await client.kiosk_online()
        watch = await Watch(client).start()
        await watch.frames(video=30)
        await client.nothing("restart-request", 1)
        wire.nft("table inet cut {\nchain input { type filter hook input priority 0; meta l4proto udp drop\n}\n}")
        try:
            request = await client.expect("restart-request", 20, fromId="KIOSK_01")
        finally:
            wire.nft("delete table inet cut")
        assert request["sessionId"] == watch.session["sessionId"]
        seen = watch.received["video"].frames
        await watch.frames(video=seen + 30)
        await watch.stop()


@asynchronous
async def test_a_kiosk_that_gets_another_address_asks_for_an_offer(wire, server, agent):
    async with Client(server, "MONITOR_01") as client:
        await client.kiosk_online()
        watch = await Watch(client).start()
        await watch.frames(video=30)
        wire.ip("addr", "add", "10.77.0.9/24", "dev", "kiosk0")
        try:
            await client.expect("restart-request", 5, fromId="KIOSK_01")
        finally:
            wire.ip("addr", "del", "10.77.0.9/24", "dev", "kiosk0")
        await watch.stop()


@asynchronous
async def test_the_status_counts_what_the_monitor_receives(server, agent):
    """The kiosk's numbers under the W3C's names, beside what arrived here; and the last of them in the log."""
    async with Client(server, "MONITOR_01") as client:
        await client.kiosk_online()
        watch = await Watch(client).start()
        await watch.frames(video=90, audio=150)

        def entries() -> dict:
            return {entry["id"]: entry for entry in agent.status().get("stats", [])}

        def caught_up() -> bool:
            # The numbers are a second or two old.
            now = entries()
            return "remote-video" in now and now["outbound-video"]["framesSent"] >= 90

        await asyncio.to_thread(eventually, caught_up, 10, "what the monitor got was not counted")
        stats = entries()
        video, pair = stats["outbound-video"], stats[stats["transport"]["selectedCandidatePairId"]]
        assert video["type"] == "outbound-rtp" and video["kind"] == "video"
        # Which size it is, a busy machine decides.
        assert (video["frameWidth"], video["frameHeight"]) in watch.received["video"].sizes and video["framesEncoded"] >= video["framesSent"]
        source = stats["source-video"]
        assert source["frames"] >= video["framesEncoded"]
        assert (source["width"], source["height"]) == (640, 480)
        assert 0 < video["qpSum"] <= 127 * video["framesEncoded"] and video["totalEncodeTime"] > 0
        assert sum(video["qualityLimitationDurations"].values()) > 1
        assert stats["outbound-audio"]["packetsSent"] >= 100
        assert stats["remote-video"]["fractionLost"] == 0
        assert pair["nominated"] and pair["localCandidateId"] in stats and pair["remoteCandidateId"] in stats
        assert stats["transport"]["packetsSent"] > video["packetsSent"] and stats["transport"]["packetsReceived"] > 0
        assert stats["transport"]["dtlsState"] == "connected"
        assert stats["transport"]["srtpCipher"].startswith("SRTP_")
        first = agent.status()["peer"]["timeToFirstFrame"]
        assert set(first) >= {"signalingMs", "iceMs", "dtlsMs", "firstFrameMs", "totalMs"}, first
        say(f"time to the first picture: {first}")
        await watch.stop()
        await asyncio.to_thread(eventually, lambda: "session over" in agent.log.read_text(), 5, "no summary in the log")
        summary = next(line for line in agent.log.read_text().splitlines() if "session over" in line)
        say(summary)
        assert "first picture" in summary and "pictures" in summary
        # All that the status had, with nothing that tells where somebody is.
        field = re.search(r' stats="([^"]*)"', summary)
        assert field, f"no numbers in {summary}"
        logged = dict(part.split(": ", 1) for part in field[1].split("; "))
        assert set(logged) == set(stats), summary
        members = {name: dict(re.findall(r"(\w+)=(\S+)", text)) for name, text in logged.items()}
        assert int(members["outbound-video"]["framesSent"]) >= 90
        assert int(members["outbound-video"]["framesEncoded"]) >= int(members["outbound-video"]["framesSent"])
        assert members["outbound-video"]["qualityLimitationReason"] in ("none", "bandwidth", "cpu")
        assert members["source-video"]["width"] == "640"
        local = stats[pair["localCandidateId"]]
        assert local["address"] and "address" not in members[pair["localCandidateId"]], summary
        sent = int(members["outbound-video"]["framesSent"])
        assert f"{sent} pictures" in summary


@asynchronous
async def test_each_session_is_counted_from_its_beginning(server, agent):
    async with Client(server, "MONITOR_01") as client:
        await client.kiosk_online()

        def encoded() -> int:
            stats = {entry["id"]: entry for entry in agent.status().get("stats", [])}
            return stats.get("outbound-video", {}).get("framesEncoded", 0)

        watch = await Watch(client).start()
        await watch.frames(video=120)
        await asyncio.to_thread(eventually, lambda: encoded() >= 120, 10, "what was encoded was not counted")
        total = agent.status()["video"]["encoded"]
        await watch.stop()
        watch = await Watch(client).start()
        await watch.frames(video=10)
        first = await asyncio.to_thread(eventually, encoded, 10, "what was encoded was not counted")
        assert first < 100, "the session before counts as well"
        assert agent.status()["video"]["encoded"] >= total + 10, "the agent's own counters go on"
        await watch.stop()


@asynchronous
async def test_video_alone_and_audio_alone(server, agent):
    async with Client(server, "MONITOR_01") as client:
        await client.kiosk_online()
        for kind in ("video", "audio"):
            watch = await Watch(client, audio=kind == "audio", video=kind == "video").start()
            await watch.frames(**{kind: 25})
            await watch.stop()


@asynchronous
async def test_fifty_sessions_leave_nothing_behind(server, agent):
    """No growth in file descriptors, threads, pool slots; memory flat after the tenth."""
    async with Client(server, "MONITOR_01") as client:
        await client.kiosk_online()
        usage, slots, server_usage = [], [], []
        for _ in range(50):
            watch = await Watch(client).start()
            await watch.frames(video=3, audio=3)
            await watch.stop()
            gc.collect()
            await asyncio.to_thread(eventually, lambda: agent.status()["session"] is None, 5, "session still there")
            # The camera's threads end behind the session.
            await asyncio.sleep(0.1)
            usage.append(agent.usage())
            server_usage.append(server.usage())
            slots.append(agent.status()["pool"]["inUse"])
        for name, series in (("agent", usage), ("server", server_usage)):
            rest = series[10:]
            assert max(one.descriptors for one in rest) <= series[9].descriptors, [one.descriptors for one in series]
            assert max(one.threads for one in rest) <= series[9].threads, [one.threads for one in series]
            early = sum(one.resident for one in series[10:20]) / 10
            late = sum(one.resident for one in series[40:]) / 10
            say(f"{name}: resident {early / 1e6:.1f} MB after 10, {late / 1e6:.1f} MB after 50 sessions")
            assert late < early + 1_000_000, f"{name} grew from {early / 1e6:.2f} to {late / 1e6:.2f} MB"
        assert len(set(slots[1:])) == 1, slots


@asynchronous
async def test_a_missing_camera_is_named_and_sound_flows(wire, server, folder):
    from harness.programs import Agent, running

    blind = Agent(folder, server.address, camera="/dev/video99", prefix=wire.prefix)
    with running(blind):
        async with Client(server, "MONITOR_01") as client:
            await client.kiosk_online()
            watch = await Watch(client).start()
            error = await client.expect("session-error", fromId="KIOSK_01")
            assert error["error"]["code"] == "camera-missing", error
            assert error["sessionId"] == watch.session["sessionId"]
            await watch.frames(audio=50)
            assert watch.received["audio"].peak > 1000
            assert watch.received["video"].frames == 0
            await watch.stop()


@asynchronous
async def test_the_agent_comes_back_when_the_server_restarts(server, agent):
    async with Client(server, "MONITOR_01") as client:
        await client.kiosk_online()
    assert server.stop() == 0
    await asyncio.sleep(1)
    assert agent.alive()
    server.start()
    async with Client(server, "MONITOR_01") as client:
        await client.kiosk_online(timeout=40)
        watch = await Watch(client).start()
        await watch.frames(video=10)
        await watch.stop()


def test_a_wrong_password_is_said_and_tried_again_slowly(wire, server, folder):
    from harness.programs import Agent, running
    import time

    wrong = Agent(folder, server.address, password="this is not it at all", prefix=wire.prefix)
    with running(wrong):
        eventually(lambda: "password" in wrong.tail().lower() or "credentials" in wrong.tail().lower(), 10, "nothing said")
        began = wrong.usage().cpu
        time.sleep(3)
        assert wrong.usage().cpu - began < 0.3, "busy while it waits"
        assert wrong.alive()
        assert "this is not it at all" not in wrong.log.read_text()


@asynchronous
async def test_a_monitor_that_begins_anew_goes_on_with_its_session(server, agent):
    """Its application dies without a word and starts again: other keys and other addresses, and the same session."""
    async with Client(server, "MONITOR_01") as client:
        await client.kiosk_online()
        watch = await Watch(client).start()
        await watch.frames(video=30, audio=30)
        await watch.vanish()
        again = await Watch(client).start()
        assert again.session["sessionId"] == watch.session["sessionId"]
        await again.frames(video=60, audio=60)
        assert agent.status()["session"]["phase"] == "live"
        await again.stop()


@asynchronous
async def test_a_monitor_that_vanishes_frees_the_camera(wire, server, agent):
    client = await Client(server, "MONITOR_01").connect()
    await client.kiosk_online()
    watch = await Watch(client).start()
    await watch.frames(video=5)
    # No word, no close: the socket is simply gone, and so is the peer.
    await client.socket.eio.ws.close()
    await watch.close()
    async with Client(server, "MONITOR_02") as other:
        await other.register_monitor()
        await asyncio.to_thread(eventually, lambda: agent.status()["session"] is None, 20, "session outlives the grace period")
        again = await Watch(other).start()
        await again.frames(video=5)
        await again.stop()
