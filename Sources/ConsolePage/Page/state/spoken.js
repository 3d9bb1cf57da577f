// What a screen reader is told: in one breath, however much happens at once.

/** So many changes are told one by one; of more, only how many there are. */
export const MOST_SPOKEN = 2;

/**
 * Changes that wait to be told: `{line, pictures, crew}`
 * - line: the connection to the server, or empty.
 * - pictures: by kiosk, its name and what it shows now; only the latest counts. - crew: the events, in the order in which they came.
 */
export const NOTHING = Object.freeze({ line: '', pictures: new Map(), crew: [] });

export function isEmpty({ line, pictures, crew }) { return line === '' && pictures.size === 0 && crew.length === 0; }

export function withLine(waiting, line) { return { ...waiting, line }; }

export function withPicture(waiting, kioskId, name, text) {
  return { ...waiting, pictures: new Map(waiting.pictures).set(kioskId, { name, text }) };
}

export function withCrew(waiting, text) { return { ...waiting, crew: [...waiting.crew, text] }; }

/** The sentences. - say(key, values): the page's words. */
export function sentences({ line, pictures, crew }, say) {
  const told = line ? [line] : [];
  told.push(...(pictures.size <= MOST_SPOKEN
    ? [...pictures.values()].map(({ name, text }) => say('spoken.picture', { name, text }))
    : [say('spoken.pictures', { count: pictures.size })]));
  told.push(...(crew.length <= MOST_SPOKEN ? crew : [say('spoken.crew', { count: crew.length })]));
  return told;
}
