// How much of the line one picture may take: what the browser says that it takes at most, which a sender keeps to (RFC 8834, section 7.1).

/** Bits per second of the picture; none for the best. */
const LIMITS = new Map([['medium', 600_000], ['low', 200_000]]);

/** The offer with a limit for its pictures (`b=TIAS`, RFC 3890), where the quality has one. */
export function limited(sdp, quality) {
  const limit = LIMITS.get(quality);
  if (limit === undefined) return sdp;
  // RFC 8866, section 5: behind the section's `c=` and before its attributes.
  return sdp.replace(/^m=video [^\n]*\n(?:[ic]=[^\n]*\n)*/m, (head) => `${head}b=TIAS:${limit}\r\n`);
}
