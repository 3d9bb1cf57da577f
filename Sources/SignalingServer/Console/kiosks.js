// The kiosks of the organization, as a list to choose from.

import { milliseconds } from './auth.js';
import { ago, statusTroubles, timeOfDay } from './words.js';

/** Whether it is a kiosk's entry at all. */
function isEntry(kiosk) {
  return typeof kiosk === 'object' && kiosk !== null && typeof kiosk.kioskId === 'string' && kiosk.kioskId !== '';
}

export class KioskList {
  #list; #template; #search; #count; #none; #chosen;
  #kiosks = new Map();
  #rows = new Map();
  #watched = new Map();
  #loaded = false;

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

  replace(kiosks) {
    this.#loaded = kiosks.length > 0 || this.#loaded;
    this.#kiosks = new Map(kiosks.filter(isEntry).map((kiosk) => [kiosk.kioskId, kiosk]));
    for (const [kioskId, row] of this.#rows) {
      if (this.#kiosks.has(kioskId)) continue;
      row.parentElement.remove();
      this.#rows.delete(kioskId);
    }
    const order = [...this.#kiosks.keys()].sort((a, b) => this.name(a).localeCompare(this.name(b), undefined, { numeric: true }));
    for (const [index, kioskId] of order.entries()) {
      const item = this.#row(kioskId).parentElement;
      if (this.#list.children[index] !== item) this.#list.insertBefore(item, this.#list.children[index] ?? null);
    }
    this.#filter();
  }

  /** One entry changed; what it does not name stays. */
  update(kiosk) {
    if (!isEntry(kiosk)) return;
    if (!this.#kiosks.has(kiosk.kioskId)) {
      this.replace([...this.#kiosks.values(), kiosk]);
      return;
    }
    this.#kiosks.set(kiosk.kioskId, { ...this.#kiosks.get(kiosk.kioskId), ...kiosk });
    this.#show(kiosk.kioskId);
    this.#total();
  }

  name(kioskId) {
    return String(this.#kiosks.get(kioskId)?.displayName || kioskId);
  }

  /** What the server last told of a kiosk; undefined where it told nothing. */
  entry(kioskId) { return this.#kiosks.get(kioskId); }

  /** What this console does with a kiosk: a session's phase, or null. */
  setWatched(kioskId, phase) {
    if ((this.#watched.get(kioskId) ?? null) === phase) return;
    if (phase) this.#watched.set(kioskId, phase); else this.#watched.delete(kioskId);
    if (this.#rows.has(kioskId)) this.#show(kioskId);
  }

  setReachable(reachable) {
    this.#list.classList.toggle('stale', !reachable);
  }

  focus(kioskId) {
    this.#rows.get(kioskId)?.focus({ preventScroll: true });
  }

  /** "5 min ago" grows older by itself. */
  tick() {
    for (const kiosk of this.#kiosks.values()) if (!kiosk.online) this.#show(kiosk.kioskId);
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
    this.#show(kioskId);
    return row;
  }

  #show(kioskId) {
    const kiosk = this.#kiosks.get(kioskId);
    const row = this.#rows.get(kioskId);
    const phase = this.#watched.get(kioskId);
    const busy = kiosk.monitoredBy && !phase;
    const troubles = kiosk.online ? statusTroubles(kiosk.status) : [];
    const state = phase ? 'watched' : !kiosk.online ? 'offline' : busy ? 'busy' : 'online';
    row.dataset.state = state;
    row.dataset.online = String(Boolean(kiosk.online));
    row.dataset.troubled = String(troubles.length > 0);
    const lastSeen = kiosk.lastSeen ? milliseconds(kiosk.lastSeen) : 0;
    const note = {
      watched: phase === 'live' ? 'You are watching' : 'Connecting…',
      offline: lastSeen ? `Last seen ${ago(lastSeen)}` : 'Never seen yet',
      busy: `Watched by ${kiosk.monitoredBy}`,
      online: 'Online',
    }[state];
    const set = (selector, text) => {
      const element = row.querySelector(selector);
      if (element.textContent !== text) element.textContent = text;
    };
    set('.kiosk-name', kiosk.displayName || kioskId);
    set('.kiosk-id', kiosk.displayName && kiosk.displayName !== kioskId ? kioskId : '');
    set('.kiosk-note', note);
    set('.kiosk-trouble', troubles.join(' · '));
    row.title = lastSeen && !kiosk.online ? `Last seen ${timeOfDay(lastSeen, { seconds: true })}` : '';
  }

  // Finding and keys

  #filter() {
    const words = this.#search.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const [kioskId, row] of this.#rows) {
      const text = `${kioskId} ${this.name(kioskId)}`.toLowerCase();
      row.parentElement.hidden = !words.every((word) => text.includes(word));
    }
    this.#total();
  }

  #total() {
    const all = [...this.#kiosks.values()];
    this.#count.textContent = all.length > 0 ? `${all.filter((kiosk) => kiosk.online).length} of ${all.length} online` : '';
    const visible = this.#visible().length;
    this.#none.hidden = visible > 0 || (!this.#loaded && all.length === 0 && !this.#search.value);
    this.#none.textContent = all.length > 0 ? 'No kiosk has this name.' : 'Your organization has no kiosks yet.';
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
