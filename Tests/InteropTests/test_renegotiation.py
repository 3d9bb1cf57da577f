"""What a monitor asks for in the middle of a session: a browser's own offers, carried by hand."""

import asyncio
import contextlib
import pathlib
import time

from harness.monitor import Client, asynchronous

KIOSK = "KIOSK_01"
PAGE = pathlib.Path(__file__).with_name("harness").joinpath("receiver.html").as_uri()


class Call:
    """One session between the page in a browser and the kiosk."""

    def __init__(self, driver, client: Client) -> None:
        self.driver, self.client = driver, client

    async def page(self, function: str, *arguments):
        answer = await asyncio.to_thread(
            self.driver.execute_async_script,
            "const done = arguments[arguments.length - 1];"
            f"Promise.resolve({function}(...[...arguments].slice(0, -1))).then(done, (error) => done({{failed: String(error)}}))",
            *arguments,
        )
        assert not (isinstance(answer, dict) and "failed" in answer), answer
        return answer

    async def negotiate(self, sdp: str) -> str:
        answer = await self.client.call("offer", {"targetId": KIOSK, "offer": {"type": "offer", "sdp": sdp}})
        assert answer["ok"], answer
        reply = (await self.client.expect("answer", 15, fromId=KIOSK))["answer"]["sdp"]
        await self.page("accept", "call", reply)
        return reply

    async def candidates(self) -> None:
        while True:
            event = await self.client.expect("ice-candidate", 3600, fromId=KIOSK)
            await self.page("candidate", "call", event["candidate"])

    async def counted(self, kind: str, name: str) -> float:
        """What the newest sample says; a receiver that is off has none."""
        samples = (await self.page("take", "call"))["samples"]
        return samples[-1].get(kind, {}).get(name, 0) if samples else 0

    async def grows(self, kind: str, name: str, by: float, seconds: float = 15) -> None:
        least, end = await self.counted(kind, name), time.monotonic() + seconds
        while (now := await self.counted(kind, name)) < least + by:
            # A receiver that is made anew counts anew.
            least = min(least, now)
            assert time.monotonic() < end, f"{kind} {name} stays at {now}"
            await asyncio.sleep(0.1)


@contextlib.asynccontextmanager
async def calling(driver, server):
    driver.get(PAGE)
    async with Client(server, "MONITOR_01") as client:
        await client.kiosk_online(KIOSK)
        answer = await client.call("start-monitoring", {"kioskId": KIOSK})
        assert answer["ok"], answer
        call = Call(driver, client)
        await call.negotiate(await call.page("offer", "call", True))
        trickle = asyncio.ensure_future(call.candidates())
        try:
            await call.grows("video", "framesDecoded", 30)
            yield call
        finally:
            trickle.cancel()
            await asyncio.gather(trickle, return_exceptions=True)
            await call.page("end", "call")
            await client.call("stop-monitoring", {"kioskId": KIOSK})


def test_a_picture_that_is_not_wanted_for_a_while_stops_and_comes_back(driver, server, agent):
    @asynchronous
    async def pause():
        async with calling(driver, server) as call:
            for _ in range(2):
                await call.negotiate(await call.page("offerDirection", "call", "video", "inactive"))
                # The status tells of the last second.
                await asyncio.sleep(2.5)
                encoded = agent.status()["video"]["encoded"]
                await call.grows("audio", "packetsReceived", 100)
                assert agent.status()["video"]["encoded"] == encoded, "pictures are encoded for nobody"
                kinds = {one["kind"] for one in agent.status()["stats"] if one["type"] == "outbound-rtp"}
                assert kinds == {"audio"}, kinds
                await call.negotiate(await call.page("offerDirection", "call", "video", "recvonly"))
                await call.grows("video", "framesDecoded", 60)
                assert agent.status()["video"]["encoded"] > encoded + 5

    pause()


def test_sound_that_is_not_wanted_for_a_while_leaves_the_picture(driver, server, agent):
    @asynchronous
    async def pause():
        async with calling(driver, server) as call:
            await call.negotiate(await call.page("offerDirection", "call", "audio", "inactive"))
            await asyncio.sleep(2.5)
            encoded = agent.status()["audio"]["encoded"]
            await call.grows("video", "framesDecoded", 60)
            assert agent.status()["audio"]["encoded"] == encoded
            await call.negotiate(await call.page("offerDirection", "call", "audio", "recvonly"))
            await call.grows("audio", "packetsReceived", 100)

    pause()


def test_the_sound_goes_on_when_the_section_that_carried_it_is_stopped(driver, server, agent):
    """Chromium and Firefox open a new transport then, with other ICE credentials and another DTLS association."""

    @asynchronous
    async def stop():
        async with calling(driver, server) as call:
            await call.grows("audio", "packetsReceived", 50)
            await call.negotiate(await call.page("offerStopped", "call", "video"))
            await call.grows("audio", "packetsReceived", 300, 20)
            assert agent.status()["session"]["phase"] == "live"
            # Longer than the consent to the old path lasts.
            await asyncio.sleep(35)
            await call.grows("audio", "packetsReceived", 100)
            assert "session-error" not in [event for event, _ in call.client.events]

    stop()
