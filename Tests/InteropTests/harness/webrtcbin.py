"""GStreamer's webrtcbin as a monitor. Run by Debian's Python, which has Debian's bindings:

    /usr/bin/python3 webrtcbin.py [--bundle-policy POLICY] [--direction recvonly|sendrecv] KIND…

It offers one transceiver for each KIND (`video`, `audio`), in this order, and counts what it decodes. Without a POLICY webrtcbin has its own
default. Signaling is its starter's: one JSON object a line, out `offer` and `candidate`, later `decoded` (frames of each kind) twice a
second; in `answer` and `candidate`. It ends with its input."""

import argparse
import json
import sys
import threading

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

ELEMENTS = ("webrtcbin", "nicesrc", "dtlsdec", "srtpdec", "rtpbin", "rtpvp8depay", "vp8dec", "rtpopusdepay", "opusdec")
CAPS = {
    "video": "application/x-rtp,media=video,encoding-name=VP8,clock-rate=90000,payload=96",
    "audio": "application/x-rtp,media=audio,encoding-name=OPUS,clock-rate=48000,encoding-params=(string)2,payload=97",
}
DIRECTIONS = {"recvonly": GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY, "sendrecv": GstWebRTC.WebRTCRTPTransceiverDirection.SENDRECV}
DECODERS = {"video": "rtpvp8depay ! vp8dec", "audio": "rtpopusdepay ! opusdec"}


def say(**message) -> None:
    print(json.dumps(message), flush=True)


class Monitor:
    def __init__(self, kinds: list[str], direction: GstWebRTC.WebRTCRTPTransceiverDirection, policy: str | None) -> None:
        self.fault: str | None = None
        self.loop = GLib.MainLoop()
        self.pipeline = Gst.Pipeline.new()
        self.bin = Gst.ElementFactory.make("webrtcbin", "monitor")
        if policy:
            Gst.util_set_object_arg(self.bin, "bundle-policy", policy)
        self.pipeline.add(self.bin)
        self.decoded = dict.fromkeys(kinds, 0)
        for kind in kinds:
            self.bin.emit("add-transceiver", direction, Gst.Caps.from_string(CAPS[kind]))
        self.bin.connect("on-negotiation-needed", self.negotiate)
        self.bin.connect("on-ice-candidate", self.found)
        self.bin.connect("pad-added", self.arrives)
        bus = self.pipeline.get_bus()
        bus.add_signal_watch()
        bus.connect("message::error", self.failed)

    def run(self) -> None:
        threading.Thread(target=self.listen, daemon=True).start()
        GLib.timeout_add(500, self.count)
        self.pipeline.set_state(Gst.State.PLAYING)
        self.loop.run()
        self.pipeline.set_state(Gst.State.NULL)
        if self.fault:
            sys.exit(self.fault)

    def listen(self) -> None:
        for line in sys.stdin:
            GLib.idle_add(self.told, json.loads(line))
        GLib.idle_add(self.loop.quit)

    def told(self, message: dict) -> None:
        if "answer" in message:
            _, text = GstSdp.SDPMessage.new_from_text(message["answer"])
            answer = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, text)
            self.bin.emit("set-remote-description", answer, Gst.Promise.new_with_change_func(self.taken))
        elif message["candidate"]["candidate"]:
            self.bin.emit("add-ice-candidate", message["candidate"]["sdpMLineIndex"], message["candidate"]["candidate"])

    def taken(self, promise) -> None:
        promise.wait()
        reply = promise.get_reply()
        if reply and reply.has_field("error"):
            self.fails(f"the answer is refused: {reply.get_value('error')}")

    def negotiate(self, _) -> None:
        self.bin.emit("create-offer", None, Gst.Promise.new_with_change_func(self.offers))

    def offers(self, promise) -> None:
        promise.wait()
        # What it gives lives as long as it does.
        reply = promise.get_reply()
        offer = reply.get_value("offer")
        self.bin.emit("set-local-description", offer, Gst.Promise.new())
        say(offer=offer.sdp.as_text())

    def found(self, _, section: int, candidate: str) -> None:
        say(candidate={"candidate": candidate, "sdpMLineIndex": section})

    def arrives(self, _, pad) -> None:
        if pad.get_direction() != Gst.PadDirection.SRC:
            return
        kind = pad.get_current_caps().get_structure(0).get_string("media")
        decoder = Gst.parse_bin_from_description(f"queue ! {DECODERS[kind]} ! fakesink name=end sync=false signal-handoffs=true", True)
        decoder.get_by_name("end").connect("handoff", self.decodes, kind)
        self.pipeline.add(decoder)
        decoder.sync_state_with_parent()
        pad.link(decoder.get_static_pad("sink"))

    def decodes(self, _sink, _buffer, _pad, kind: str) -> None:
        self.decoded[kind] += 1

    def count(self) -> bool:
        say(decoded=self.decoded)
        return True

    def failed(self, _, message) -> None:
        self.fails(f"{message.src.get_name()}: {message.parse_error()}")

    def fails(self, why: str) -> None:
        self.fault = why
        self.loop.quit()


def main() -> None:
    Gst.init(None)
    absent = [name for name in ELEMENTS if not Gst.ElementFactory.find(name)]
    if absent:
        sys.exit(f"missing: {', '.join(absent)}")
    parser = argparse.ArgumentParser()
    parser.add_argument("kinds", nargs="+", choices=tuple(DECODERS), metavar="KIND")
    parser.add_argument("--bundle-policy")
    parser.add_argument("--direction", choices=tuple(DIRECTIONS), default="recvonly")
    arguments = parser.parse_args()
    Monitor(arguments.kinds, DIRECTIONS[arguments.direction], arguments.bundle_policy).run()


if __name__ == "__main__":
    main()
