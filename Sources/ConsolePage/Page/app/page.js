// The page's own document.

/** An element of it, of whatever kind that says.
 * @type {(id: string) => any} */
export const $ = (id) => document.getElementById(id);

/** How long a notice stays, in milliseconds. */
const NOTICE_STAYS = 8_000;

/** One sentence to the operator, for a while; one that could not be seen then stays for another. */
export function notice(text, tone) {
  const line = document.createElement('p');
  line.className = 'notice';
  line.dataset.tone = tone;
  line.textContent = text;
  $('notices').replaceChildren(line);
  const fade = () => setTimeout(() => { if (line.isConnected && line.offsetParent === null) fade(); else line.remove(); }, NOTICE_STAYS);
  fade();
}
