// The streams of a media section that rests.
//
// A kiosk whose picture is not asked for answers `a=inactive` without naming the streams that it will send again, as JSEP (RFC 8829, section 5.3.1)
// has it. Chromium then forgets the stream but not that its receiver is connected to it: when the same SSRC comes back, pictures are decoded and
// shown nowhere. With the streams named all along there is nothing to forget.

const STREAM = /^a=(?:msid|ssrc|ssrc-group):/;

/** The sections of a session description: the part before the first `m=`, then one for each. */
function sections(sdp) {
  return sdp.split(/^(?=m=)/m);
}

function mid(section) {
  return /^a=mid:(.*?)\r?$/m.exec(section)?.[1] ?? null;
}

export class StreamLines {
  /** By mid, the lines that named its streams last. */
  #known = new Map();

  /** The answer, in which inactive sections name the streams that they had. */
  kept(sdp) {
    return sections(sdp).map((section) => {
      const lines = section.split(/\r?\n/).filter((line) => STREAM.test(line));
      if (lines.length > 0) {
        this.#known.set(mid(section), lines);
        return section;
      }
      const before = this.#known.get(mid(section));
      if (!before || !/^a=inactive\r?$/m.test(section)) return section;
      return `${section}${section.endsWith('\n') ? '' : '\r\n'}${before.join('\r\n')}\r\n`;
    }).join('');
  }
}
