// The server's time. The computer of a control room may be minutes off, and "arrived now" is said by the clock that wrote down the arrival.

/** Milliseconds that the server is ahead of this computer. */
let ahead = 0;

/** - date: the header of an answer that has just come, which counts in whole seconds. Null where there is none. */
export function heardDate(date, now = Date.now()) {
  const said = Date.parse(date ?? '');
  if (Number.isNaN(said)) return;
  const [least, most] = [said - now, said + 1_000 - now];
  if (ahead < least - 1_000 || ahead > most + 1_000) ahead = (least + most) / 2;
}

/** Milliseconds since 1970. */
export const serverNow = (now = Date.now()) => now + ahead;
