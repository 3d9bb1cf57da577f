// The crew log as the server writes it for spreadsheets, all pieces of it.

/** Lines of one piece, and pieces at most. */
const PIECE = 10_000;
const MOST_PIECES = 30;

/**
 * `{ok: true, value: {text, isWhole}}`, or `{ok: false, error}`. - query: which events. `isWhole`: nothing older was left out.
 */
export async function fetchCrewCSV(api, query) {
  const pieces = [];
  let cursor = null;
  do {
    const more = cursor === null ? {} : { cursor };
    const result = await api.call('listCrewEvents', { query: { ...query, format: 'csv', limit: PIECE, ...more }, isText: true });
    if (!result.ok) return result;
    // Each piece has a head of its own.
    pieces.push(pieces.length === 0 ? result.value.text : result.value.text.slice(result.value.text.indexOf('\n') + 1));
    cursor = result.value.next;
  } while (cursor !== null && pieces.length < MOST_PIECES);
  return { ok: true, value: { text: pieces.join(''), isWhole: cursor === null } };
}
