// Single keys, for hands that know the page.

import { $ } from './page.js';

/**
 * - isOn(): whether keys mean something now.
 * - actions: by key; one that gives false did nothing, and the key keeps its usual meaning.
 * - goTo(place): for the digits 1 to 9.
 */
export function listenToKeys({ isOn, actions, goTo }) {
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !isOn() || $('help').open) return;
    if (event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement) return;
    const action = /^[1-9]$/.test(event.key) ? () => goTo(Number(event.key) - 1) : actions.get(event.key);
    if (!action || action() === false) return;
    event.preventDefault();
  });
}
