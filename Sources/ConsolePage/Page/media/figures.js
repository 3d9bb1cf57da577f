// What a viewer wants to know, out of the W3C WebRTC statistics.

/**
 * One reading. Rates are over the time since `before` (the reading before this one, or null); what a browser does not tell is null.
 *
 * `{at, framesDecoded, width, height, frameRate, videoPacketRate (both a second), bitrate (bit/s), roundTrip (ms), jitter (ms), packetsLost, lossRate (0…1 since `before`), path, audioLevel (0…1)}`
 */
export function readFigures(report, before) {
  const figures = {
    at: performance.now(),
    framesDecoded: 0, width: null, height: null, frameRate: null, bitrate: null, roundTrip: null, jitter: null,
    packetsLost: 0, packetsReceived: 0, videoPackets: 0, videoPacketRate: null, audioPackets: 0, lossRate: null, path: null, audioLevel: null, audioEnergy: 0, bytes: 0,
  };
  for (const entry of report.values()) {
    if (entry.type !== 'inbound-rtp') continue;
    figures.bytes += (entry.bytesReceived ?? 0) + (entry.headerBytesReceived ?? 0);
    figures.packetsLost += Math.max(0, entry.packetsLost ?? 0);
    figures.packetsReceived += entry.packetsReceived ?? 0;
    if (entry.kind === 'video') {
      figures.framesDecoded += entry.framesDecoded ?? 0;
      figures.videoPackets += entry.packetsReceived ?? 0;
      figures.width = entry.frameWidth ?? null;
      figures.height = entry.frameHeight ?? null;
      if (entry.jitter !== undefined) figures.jitter = entry.jitter * 1000;
    } else {
      figures.audioPackets += entry.packetsReceived ?? 0;
      figures.audioLevel = entry.audioLevel ?? null;
      figures.audioEnergy += entry.totalAudioEnergy ?? 0;
    }
  }
  const pair = selectedPair(report);
  if (pair) {
    if (pair.currentRoundTripTime !== undefined) figures.roundTrip = pair.currentRoundTripTime * 1000;
    const kinds = [report.get(pair.localCandidateId), report.get(pair.remoteCandidateId)].map((one) => one?.candidateType);
    figures.path = kinds.includes('relay') ? 'relayed' : 'direct';
  }
  if (before) {
    const seconds = (figures.at - before.at) / 1000;
    figures.frameRate = Math.max(0, figures.framesDecoded - before.framesDecoded) / seconds;
    figures.videoPacketRate = Math.max(0, figures.videoPackets - before.videoPackets) / seconds;
    figures.bitrate = Math.max(0, figures.bytes - before.bytes) * 8 / seconds;
    const lost = Math.max(0, figures.packetsLost - before.packetsLost);
    const received = Math.max(0, figures.packetsReceived - before.packetsReceived);
    figures.lossRate = lost + received > 0 ? lost / (lost + received) : null;
    figures.audioLevel ??= Math.min(1, Math.sqrt(Math.max(0, figures.audioEnergy - before.audioEnergy) / seconds));
  }
  return figures;
}

/** The candidate pair that carries the media: named by the transport, or (Firefox) marked on the pair. */
function selectedPair(report) {
  for (const entry of report.values()) {
    if (entry.type === 'transport' && entry.selectedCandidatePairId) return report.get(entry.selectedCandidatePairId);
  }
  for (const entry of report.values()) {
    if (entry.type === 'candidate-pair' && (entry.selected || (entry.nominated && entry.state === 'succeeded'))) return entry;
  }
  return null;
}
