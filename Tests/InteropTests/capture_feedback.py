#!/usr/bin/env python3
"""Writes down transport-wide feedback as Chromium really sends it: the fixture of RTPTests.

    Scripts/interop .cache/venv/bin/python Tests/InteropTests/capture_feedback.py > Tests/RTPTests/ChromiumFeedback.swift

aiortc sends a picture with transport-wide sequence numbers, leaves some packets out, sends some late, and pauses twice; what Chromium
says of it arrives decrypted."""

import asyncio
import random
import sys

import aiortc.codecs
import aiortc.rtcdtlstransport
import aiortc.rtp
from aiortc import RTCPeerConnection, RTCSessionDescription, VideoStreamTrack
from aiortc.rtcrtpparameters import RTCRtcpFeedback, RTCRtpHeaderExtensionParameters

from harness import browser, network

URI = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"


async def main() -> None:
    aiortc.codecs.HEADER_EXTENSIONS["video"].append(RTCRtpHeaderExtensionParameters(id=3, uri=URI))
    for codec in aiortc.codecs.CODECS["video"]:
        codec.rtcpFeedback.append(RTCRtcpFeedback(type="transport-cc"))
    rolls = random.Random(7)
    number, dropped, messages, late = 0, [], [], []

    plain = aiortc.rtp.RtpPacket.serialize

    def serialize(self, extensions=aiortc.rtp.HeaderExtensionsMap()):
        nonlocal number
        number = (number + 1) & 0xFFFF
        self.extensions.transport_sequence_number = number
        return plain(self, extensions)

    aiortc.rtp.RtpPacket.serialize = serialize
    dtls = aiortc.rtcdtlstransport.RTCDtlsTransport
    send, handle = dtls._send_rtp, dtls._handle_rtcp_data

    async def send_some(self, data):
        if not aiortc.rtp.is_rtcp(data):
            mine = number
            if mine % 50 > 45 or rolls.random() < 0.1:
                dropped.append(mine)
                return
            if rolls.random() < 0.05:
                late.append(data)
                return
        await send(self, data)
        while late:
            await send(self, late.pop())
        if number in (120, 260):
            await asyncio.sleep(0.8)

    async def handle_and_note(self, data):
        at = 0
        while at + 4 <= len(data):
            length = 4 * (1 + int.from_bytes(data[at + 2 : at + 4], "big"))
            if data[at + 1] == 205 and data[at] & 31 == 15:
                messages.append(data[at : at + length].hex())
            at += length
        await handle(self, data)

    dtls._send_rtp, dtls._handle_rtcp_data = send_some, handle_and_note
    page = (browser.pathlib.Path(__file__).parent / "harness" / "receiver.html").as_uri()
    with network.wire(), browser.started("chromium", extra=("--disable-features=WebRtcHideLocalIpsWithMdns",)) as driver:
        driver.get(page)
        version = driver.capabilities["browserVersion"]
        call = lambda text, *values: driver.execute_async_script(
            f"const done = arguments[arguments.length - 1]; {text}.then(done, (error) => done(String(error)))", *values
        )
        pc = RTCPeerConnection(aiortc.RTCConfiguration(iceServers=[]))
        offer = await asyncio.to_thread(call, "offer('one', false)")
        await pc.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        pc.addTrack(VideoStreamTrack())
        await pc.setLocalDescription(await pc.createAnswer())
        await asyncio.to_thread(call, "accept('one', arguments[0])", pc.localDescription.sdp)
        for _ in range(150):
            await asyncio.sleep(0.1)
            if number > 400:
                break
        await asyncio.sleep(0.5)
        await pc.close()
    last = number
    print("/// Transport-wide feedback as Chromium sends it, written down by Tests/InteropTests/capture_feedback.py from Chromium")
    print(f"/// {version}: aiortc sent packets 1 to {last} and more, left `dropped` out, sent some late, and paused for 0.8 s after 120 and 260.")
    print("enum ChromiumFeedback {")
    print("    static let dropped: Set<UInt16> = [")
    for start in range(0, len(dropped), 16):
        print("        " + ", ".join(map(str, dropped[start : start + 16])) + ",")
    print("    ]\n\n    static let messages: [String] = [")
    for message in messages:
        if len(message) <= 90:
            print(f'        "{message}",')
        else:
            print('        "' + '"\n            + "'.join(message[i : i + 90] for i in range(0, len(message), 90)) + '",')
    print("    ]\n}")
    print(f"{number} packets, {len(dropped)} left out, {len(messages)} messages", file=sys.stderr)


asyncio.run(main())
