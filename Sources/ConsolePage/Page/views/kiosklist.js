// The kiosks of the organization, as a list to choose from.

import { nameOf } from '../state/kiosks.js';
import { countKinds, isOfKind, KIND_NAMES, ordered } from '../state/listing.js';
import { writeRoute } from '../state/routes.js';
import { compareNames, say } from '../words/language.js';
import { ago, statusTroubles, timeOfDay } from '../words/texts.js';

/** What is said of a kiosk that is watched, by the phase of its session. */
const PHASES = new Map([['live', 'list.watched'], ['interrupted', 'list.interrupted']]);

/** In milliseconds. */
const DRAWN_EVERY = 200;

export class KioskList {
  #list; #template; #search; #count; #none; #kinds; #chosen; #asked;
  #kiosks = null;
  #rows = new Map();
  /** The kind that the list is narrowed to; null for all. */
  #kind = null;
  #isOrderOld = false;
  /** What is drawn next, and when. */
  #next = null;
  #timer = 0;
  /** The row that the Tab key stops at. */
  #stop = null;

  /** - kinds: the element for the counts. - chosen(kioskId): a row was clicked. - asked(kioskId): more of it is to be told. */
  constructor({ list, template, search, count, none, kinds, chosen, asked }) {
    this.#list = list;
    this.#template = template;
    this.#search = search;
    this.#count = count;
    this.#none = none;
    this.#kinds = kinds;
    this.#chosen = chosen;
    this.#asked = asked;
    search.addEventListener('input', () => this.#filter());
    search.addEventListener('keydown', (event) => this.#searchKey(event));
    list.addEventListener('keydown', (event) => this.#listKey(event));
    list.addEventListener('focusin', (event) => this.#stopAt(event.target.closest('.kiosk')));
    list.addEventListener('click', (event) => {
      const row = event.target.closest('.kiosk');
      if (row) this.#chosen(row.dataset.kioskId);
    });
    kinds.addEventListener('click', (event) => {
      const kind = event.target.closest('button')?.dataset.kind;
      if (!kind) return;
      this.#kind = this.#kind === kind ? null : kind;
      this.#filter();
    });
  }

  /** Drawn at once, as the first list always is, or with what comes within the next fifth of a second: a thousand kiosks have fifty changes a second. */
  show(kiosks, { isReachable }) {
    this.#list.classList.toggle('stale', !isReachable);
    this.#next = kiosks;
    const isFirst = kiosks.isLoaded && !this.#kiosks?.isLoaded;
    if (this.#timer !== 0 && !isFirst) return;
    this.#draw();
    if (this.#timer !== 0) return;
    this.#timer = setTimeout(() => {
      this.#timer = 0;
      this.#draw();
    }, DRAWN_EVERY);
  }

  #draw() {
    const [before, kiosks] = [this.#kiosks, this.#next];
    if (before === kiosks) return;
    this.#kiosks = kiosks;
    const isAnother = before?.byId !== kiosks.byId && this.#members(before);
    for (const kioskId of kiosks.byId.keys()) {
      const isChanged = before?.byId.get(kioskId) !== kiosks.byId.get(kioskId) || before?.watching.get(kioskId) !== kiosks.watching.get(kioskId);
      if (isChanged) this.#show(kioskId);
    }
    this.#isOrderOld = true;
    if (isAnother) this.#order();
    this.#filter();
  }

  /** Rows come and go with their kiosks. Whether any did, or has another name. */
  #members(before) {
    const { byId } = this.#kiosks;
    const isSame = ({ kioskId, displayName }) => before?.byId.get(kioskId)?.displayName === displayName;
    if (before && before.byId.size === byId.size && [...byId.values()].every(isSame)) return false;
    for (const [kioskId, row] of this.#rows) {
      if (byId.has(kioskId)) continue;
      row.parentElement.remove();
      this.#rows.delete(kioskId);
    }
    return true;
  }

  #order() {
    this.#isOrderOld = false;
    for (const [index, kioskId] of ordered(this.#kiosks, compareNames).entries()) {
      const item = this.#row(kioskId).parentElement;
      if (this.#list.children[index] !== item) this.#list.insertBefore(item, this.#list.children[index] ?? null);
    }
  }

  /** In another language. */
  relabel(kiosks, state) {
    this.#kiosks = null;
    this.show(kiosks, state);
    this.#draw();
  }

  focus(kioskId) {
    this.#rows.get(kioskId)?.focus({ preventScroll: true });
  }

  /** "5 min ago" grows older by itself. Rows change their places at most once a second, and never under a hand. */
  tick() {
    if (!this.#kiosks) return;
    for (const kiosk of this.#kiosks.byId.values()) if (!kiosk.online) this.#show(kiosk.kioskId);
    if (this.#isOrderOld && !this.#list.matches(':hover, :focus-within')) this.#order();
  }

  #row(kioskId) {
    let row = this.#rows.get(kioskId);
    if (!row) {
      const item = this.#template.content.firstElementChild.cloneNode(true);
      row = item.querySelector('.kiosk');
      row.dataset.kioskId = kioskId;
      row.id = `kiosk-${kioskId}`;
      const about = item.querySelector('.kiosk-about');
      about.href = writeRoute({ page: 'kiosk', kioskId });
      this.#rows.set(kioskId, row);
    }
    return row;
  }

  #show(kioskId) {
    const kiosk = this.#kiosks.byId.get(kioskId);
    const row = this.#row(kioskId);
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
    const about = row.nextElementSibling;
    const label = say('about.open', { name: kiosk.displayName || kioskId });
    if (about.getAttribute('aria-label') !== label) about.setAttribute('aria-label', label);
    set('.kiosk-id', kiosk.displayName && kiosk.displayName !== kioskId ? kioskId : '');
    set('.kiosk-note', note);
    const faults = troubles.map(({ text }) => text).join(' · ');
    set('.kiosk-trouble', faults);
    const seen = lastSeen && !kiosk.online ? say('list.seen', { when: timeOfDay(lastSeen, { seconds: true }) }) : '';
    const title = [seen, faults, ...troubles.map(({ todo }) => todo)].filter(Boolean).join('\n');
    if (row.title !== title) row.title = title;
  }

  // Finding and keys

  #filter() {
    if (!this.#kiosks) return;
    const words = this.#search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let visible = 0;
    for (const [kioskId, row] of this.#rows) {
      const text = `${kioskId} ${nameOf(this.#kiosks, kioskId)}`.toLowerCase();
      const isShown = isOfKind(this.#kiosks, kioskId, this.#kind) && words.every((word) => text.includes(word));
      if (row.parentElement.hidden === isShown) row.parentElement.hidden = !isShown;
      if (isShown) visible += 1;
    }
    this.#total(visible);
    if (!this.#stop || this.#stop.parentElement.hidden || !this.#stop.isConnected) this.#stopAt(this.#visible()[0]);
  }

  #total(visible) {
    const all = this.#kiosks.byId.size;
    const counts = countKinds(this.#kiosks);
    this.#count.textContent = all > 0 ? say('list.count', { online: counts.online, count: all }) : '';
    for (const kind of KIND_NAMES) {
      const button = this.#kinds.querySelector(`[data-kind="${kind}"]`);
      const count = String(counts[kind]);
      if (button.lastElementChild.textContent !== count) button.lastElementChild.textContent = count;
      button.setAttribute('aria-pressed', String(kind === this.#kind));
    }
    this.#none.hidden = visible > 0 || (!this.#kiosks.isLoaded && !this.#search.value);
    this.#none.textContent = say(all === 0 ? 'list.none' : this.#search.value ? 'list.noName' : 'list.noKind');
  }

  #visible() {
    return [...this.#list.querySelectorAll('li:not([hidden]) > .kiosk')];
  }

  /** The list is one stop of the Tab key: at the row that had the focus last. */
  #stopAt(row) {
    if (row === this.#stop) return;
    this.#stop?.setAttribute('tabindex', '-1');
    this.#stop = row ?? null;
    row?.setAttribute('tabindex', '0');
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
    const { kioskId } = event.target.closest('.kiosk')?.dataset ?? {};
    if (event.key === 'i' && kioskId && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      this.#asked(kioskId);
      return;
    }
    const at = rows.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    if (to < 0) this.#search.focus(); else rows[Math.min(to, rows.length - 1)]?.focus();
  }
}
