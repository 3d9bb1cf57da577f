// The kiosks of the organization, as a list to choose from.

import { nameOf } from '../state/kiosks.js';
import { compareNames, say } from '../words/language.js';
import { ago, statusTroubles, timeOfDay } from '../words/texts.js';

/** What is said of a kiosk that is watched, by the phase of its session. */
const PHASES = new Map([['live', 'list.watched'], ['interrupted', 'list.interrupted']]);

export class KioskList {
  #list; #template; #search; #count; #none; #chosen;
  #kiosks = null;
  #rows = new Map();

  constructor({ list, template, search, count, none, chosen }) {
    this.#list = list;
    this.#template = template;
    this.#search = search;
    this.#count = count;
    this.#none = none;
    this.#chosen = chosen;
    search.addEventListener('input', () => this.#filter());
    search.addEventListener('keydown', (event) => this.#searchKey(event));
    list.addEventListener('keydown', (event) => this.#listKey(event));
    list.addEventListener('click', (event) => {
      const row = event.target.closest('.kiosk');
      if (row) this.#chosen(row.dataset.kioskId);
    });
  }

  show(kiosks, { isReachable }) {
    this.#list.classList.toggle('stale', !isReachable);
    const before = this.#kiosks;
    if (before === kiosks) return;
    this.#kiosks = kiosks;
    const isReordered = before?.byId !== kiosks.byId && this.#order(before);
    for (const kioskId of kiosks.byId.keys()) {
      const isChanged = before?.byId.get(kioskId) !== kiosks.byId.get(kioskId) || before?.watching.get(kioskId) !== kiosks.watching.get(kioskId);
      if (isChanged) this.#show(kioskId);
    }
    if (isReordered) this.#filter(); else this.#total();
  }

  /** Rows come, go and move only where kiosks or their names do. Whether any did. */
  #order(before) {
    const { byId } = this.#kiosks;
    const isSame = ({ kioskId, displayName }) => before?.byId.get(kioskId)?.displayName === displayName;
    if (before && before.byId.size === byId.size && [...byId.values()].every(isSame)) return false;
    for (const [kioskId, row] of this.#rows) {
      if (byId.has(kioskId)) continue;
      row.parentElement.remove();
      this.#rows.delete(kioskId);
    }
    const order = [...byId.keys()].sort((a, b) => compareNames(nameOf(this.#kiosks, a), nameOf(this.#kiosks, b)));
    for (const [index, kioskId] of order.entries()) {
      const item = this.#row(kioskId).parentElement;
      if (this.#list.children[index] !== item) this.#list.insertBefore(item, this.#list.children[index] ?? null);
    }
    return true;
  }

  /** In another language. */
  relabel(kiosks, state) {
    this.#kiosks = null;
    this.show(kiosks, state);
  }

  focus(kioskId) {
    this.#rows.get(kioskId)?.focus({ preventScroll: true });
  }

  /** "5 min ago" grows older by itself. */
  tick() {
    for (const kiosk of this.#kiosks?.byId.values() ?? []) if (!kiosk.online) this.#show(kiosk.kioskId);
  }

  #row(kioskId) {
    let row = this.#rows.get(kioskId);
    if (!row) {
      const item = this.#template.content.firstElementChild.cloneNode(true);
      row = item.querySelector('.kiosk');
      row.dataset.kioskId = kioskId;
      row.id = `kiosk-${kioskId}`;
      this.#rows.set(kioskId, row);
    }
    return row;
  }

  #show(kioskId) {
    const kiosk = this.#kiosks.byId.get(kioskId);
    const row = this.#rows.get(kioskId);
    const phase = this.#kiosks.watching.get(kioskId);
    const busy = kiosk.monitoredBy && !phase;
    const troubles = kiosk.online ? statusTroubles(kiosk.status) : [];
    const state = phase ? 'watched' : !kiosk.online ? 'offline' : busy ? 'busy' : 'online';
    row.dataset.state = state;
    row.dataset.online = String(kiosk.online);
    row.dataset.troubled = String(troubles.length > 0);
    const { lastSeen } = kiosk;
    const note = {
      watched: () => say(PHASES.get(phase) ?? 'list.connecting'),
      offline: () => (lastSeen ? say('list.seen', { when: ago(lastSeen) }) : say('list.never')),
      busy: () => say('list.busy', { who: kiosk.monitoredBy }),
      online: () => say('list.online'),
    }[state]();
    const set = (selector, text) => {
      const element = row.querySelector(selector);
      if (element.textContent !== text) element.textContent = text;
    };
    set('.kiosk-name', kiosk.displayName || kioskId);
    set('.kiosk-id', kiosk.displayName && kiosk.displayName !== kioskId ? kioskId : '');
    set('.kiosk-note', note);
    set('.kiosk-trouble', troubles.map(({ text }) => text).join(' · '));
    const seen = lastSeen && !kiosk.online ? say('list.seen', { when: timeOfDay(lastSeen, { seconds: true }) }) : '';
    row.title = [seen, ...troubles.map(({ todo }) => todo)].filter(Boolean).join('\n');
  }

  // Finding and keys

  #filter() {
    const words = this.#search.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const [kioskId, row] of this.#rows) {
      const text = `${kioskId} ${nameOf(this.#kiosks, kioskId)}`.toLowerCase();
      row.parentElement.hidden = !words.every((word) => text.includes(word));
    }
    this.#total();
  }

  #total() {
    const all = [...this.#kiosks.byId.values()];
    this.#count.textContent = all.length > 0 ? say('list.count', { online: all.filter((kiosk) => kiosk.online).length, count: all.length }) : '';
    const visible = this.#visible().length;
    this.#none.hidden = visible > 0 || (!this.#kiosks.isLoaded && !this.#search.value);
    this.#none.textContent = say(all.length > 0 ? 'list.noName' : 'list.none');
  }

  #visible() {
    return [...this.#list.querySelectorAll('li:not([hidden]) > .kiosk')];
  }

  #searchKey(event) {
    const rows = this.#visible();
    if (event.key === 'ArrowDown') rows[0]?.focus();
    else if (event.key === 'Enter' && rows.length === 1) this.#chosen(rows[0].dataset.kioskId);
    else if (event.key === 'Escape') { this.#search.value = ''; this.#filter(); rows[0]?.focus(); }
    else return;
    event.preventDefault();
  }

  #listKey(event) {
    const rows = this.#visible();
    const at = rows.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    if (to < 0) this.#search.focus(); else rows[Math.min(to, rows.length - 1)]?.focus();
  }
}
