// Single keys, for hands that know the page.

/** Keys that are no characters mean something also where single keys are turned off (WCAG 2.1.4). */
const NO_CHARACTER = new Set(['Escape']);

/**
 * - isOn(): whether keys mean something now. - hasSingle(): whether single characters do.
 * - actions: by key; one that gives false did nothing, and the key keeps its usual meaning.
 * - goTo(place): for the digits 1 to 9. - showSet(place): for those with Shift, wherever the keyboard has them.
 */
export function listenToKeys({ isOn, hasSingle, actions, goTo, showSet }) {
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !isOn() || document.querySelector('dialog[open]')) return;
    if (event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement) return;
    if (!hasSingle() && !NO_CHARACTER.has(event.key)) return;
    const digit = /^Digit([1-9])$/.exec(event.code);
    const set = event.shiftKey && digit ? () => showSet(Number(digit[1]) - 1) : null;
    const action = set ?? (/^[1-9]$/.test(event.key) ? () => goTo(Number(event.key) - 1) : actions.get(event.key));
    if (!action || action() === false) return;
    event.preventDefault();
  });
}
