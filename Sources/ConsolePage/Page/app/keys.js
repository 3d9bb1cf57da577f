// Single keys, for hands that know the page.

/**
 * - isOn(): whether keys mean something now.
 * - actions: by key; one that gives false did nothing, and the key keeps its usual meaning.
 * - goTo(place): for the digits 1 to 9. - showSet(place): for those with Shift, wherever the keyboard has them.
 */
export function listenToKeys({ isOn, actions, goTo, showSet }) {
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !isOn() || document.querySelector('dialog[open]')) return;
    if (event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement) return;
    const digit = /^Digit([1-9])$/.exec(event.code);
    const set = event.shiftKey && digit ? () => showSet(Number(digit[1]) - 1) : null;
    const action = set ?? (/^[1-9]$/.test(event.key) ? () => goTo(Number(event.key) - 1) : actions.get(event.key));
    if (!action || action() === false) return;
    event.preventDefault();
  });
}
