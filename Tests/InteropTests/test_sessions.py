"""What a monitor is told when a session cannot be what it asked for."""

import asyncio

import pytest
from harness.monitor import Client, asynchronous

#: A peer that speaks none of the kiosk's codecs; its transport is a real one.
OFFER = """v=0
o=- 1 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE {mids}
{sections}"""
SECTION = """m={kind} 9 UDP/TLS/RTP/SAVPF {type}
c=IN IP4 0.0.0.0
a=mid:{mid}
a=recvonly
a=rtcp-mux
a=ice-ufrag:abcd
a=ice-pwd:0123456789abcdef01234567
a=fingerprint:sha-256 AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89
a=setup:actpass
a=rtpmap:{type} {codec}
"""


def offer(*sections: tuple[str, str]) -> dict:
    texts = [SECTION.format(kind=kind, type=100 + mid, mid=mid, codec=codec) for mid, (kind, codec) in enumerate(sections)]
    text = OFFER.format(mids=" ".join(map(str, range(len(sections)))), sections="".join(texts))
    return {"type": "offer", "sdp": text.replace("\n", "\r\n")}


async def watch(client: Client) -> None:
    await client.kiosk_online()
    assert (await client.call("start-monitoring", {"kioskId": "KIOSK_01"}))["ok"]


@asynchronous
async def test_no_common_codec_at_all_is_an_error_and_no_silent_black_picture(server, agent):
    async with Client(server, "MONITOR_01") as client:
        await watch(client)
        await client.emit("offer", {"targetId": "KIOSK_01", "offer": offer(("video", "H264/90000"), ("audio", "PCMU/8000"))})
        error = await client.expect("session-error")
        assert error["error"]["code"] == "no-common-codec", error
        assert error["error"]["message"]


@asynchronous
async def test_one_kind_without_a_common_codec_is_named_and_the_other_is_answered(server, agent):
    async with Client(server, "MONITOR_01") as client:
        await watch(client)
        await client.emit("offer", {"targetId": "KIOSK_01", "offer": offer(("video", "AV1/90000"), ("audio", "opus/48000/2"))})
        answer = (await client.expect("answer"))["answer"]["sdp"]
        assert "m=video 0 " in answer and "m=audio 9 " in answer
        error = await client.expect("session-error")
        assert error["error"]["code"] == "no-common-codec" and "video" in error["error"]["message"], error


@pytest.mark.parametrize("sdp", [
    "nonsense", "v=0\r\n", offer(("video", "VP8/90000"))["sdp"].replace("a=ice-pwd:0123456789abcdef01234567\r\n", ""),
    offer(("video", "VP8/90000"))["sdp"].replace("a=fingerprint", "a=other"),
], ids=["no-sdp", "no-media", "no-password", "no-fingerprint"])
def test_an_offer_that_cannot_be_read_is_named(server, agent, sdp):
    async def told() -> None:
        async with Client(server, "MONITOR_01") as client:
            await watch(client)
            await client.emit("offer", {"targetId": "KIOSK_01", "offer": {"type": "offer", "sdp": sdp}})
            error = await client.expect("session-error")
            assert error["error"]["code"] == "bad-offer" and "sdp" in error["error"]["message"].lower(), error
            # The session is there for a better one.
            await client.emit("offer", {"targetId": "KIOSK_01", "offer": offer(("video", "VP8/90000"))})
            assert "m=video 9 " in (await client.expect("answer"))["answer"]["sdp"]

    asyncio.run(told())
    assert "offer refused: " in agent.log.read_text()
