// The kiosks of the organization, as a list to choose from.

import { nameOf } from '../state/kiosks.js';
import { arranged, countKinds, isOfKind, KIND_NAMES } from '../state/listing.js';
import { compareNames, say } from '../words/language.js';
import { KioskRow } from './kioskrow.js';

/** What heads the parts of the list that have no name of their own. */
const HEADS = new Map([['faulty', 'heads.faulty'], ['mine', 'heads.mine'], ['others', 'heads.others'], ['nowhere', 'heads.nowhere']]);

/** In milliseconds. */
const DRAWN_EVERY = 200;

/** How often rows are drawn again that nothing has changed, in seconds: midnight makes a day of a time. */
const REDRAWN_EVERY = 60;

export class KioskList {
  #list; #template; #search; #count; #none; #kinds; #on;
  /** What is drawn: `{kiosks, health, preferences}` of the store's state. */
  #drawn = null;
  #rows = new Map();
  /** The heads of the list's parts, by their words. */
  #heads = new Map();
  /** The kind that the list is narrowed to; null for all. */
  #kind = null;
  #isOrderOld = false;
  /** What is drawn next, and when. */
  #next = null;
  #timer = 0;
  #seconds = 0;
  /** The row that the Tab key stops at. */
  #stop = null;

  /**
   * - kinds: the element for the counts.
   * - on: `chosen(kioskId)`: a row was clicked; `asked(kioskId)`: more of it is to be told; `pinned(kioskId, isPinned)`; `hasKeys()`: whether single keys mean something;
   *   `watcher(kioskId)`: who watches it elsewhere, `{isOwn, name}` or null.
   */
  constructor({ list, template, search, count, none, kinds, on }) {
    this.#list = list;
    this.#template = template;
    this.#search = search;
    this.#count = count;
    this.#none = none;
    this.#kinds = kinds;
    this.#on = on;
    search.addEventListener('input', () => this.#filter());
    search.addEventListener('keydown', (event) => this.#searchKey(event));
    list.addEventListener('keydown', (event) => this.#listKey(event));
    list.addEventListener('focusin', (event) => this.#stopAt(event.target.closest('li')?.querySelector('.kiosk')));
    list.addEventListener('click', (event) => {
      const pin = event.target.closest('.kiosk-pin');
      const row = event.target.closest('.kiosk');
      if (pin) this.#pin(pin.dataset.kioskId);
      else if (row) on.chosen(row.dataset.kioskId);
    });
    kinds.addEventListener('click', (event) => {
      const kind = event.target.closest('button')?.dataset.kind;
      if (!kind) return;
      this.#kind = this.#kind === kind ? null : kind;
      this.#filter();
    });
  }

  /**
   * Drawn at once, as the first list always is, or with what comes within the next fifth of a second: a thousand kiosks have fifty changes a second.
   * - state: the store's.
   */
  show({ kiosks, health, preferences }, { isReachable }) {
    this.#list.classList.toggle('stale', !isReachable);
    this.#next = { kiosks, health, preferences };
    const isFirst = kiosks.isLoaded && !this.#drawn?.kiosks.isLoaded;
    if (this.#timer !== 0 && !isFirst) return;
    this.#draw();
    if (this.#timer !== 0) return;
    this.#timer = setTimeout(() => {
      this.#timer = 0;
      this.#draw();
    }, DRAWN_EVERY);
  }

  #draw() {
    const [before, { kiosks, preferences }] = [this.#drawn, this.#next];
    const arePinsSame = before?.preferences.pinned === preferences.pinned;
    const isOrderSame = before?.preferences.order === preferences.order;
    if (before?.kiosks === kiosks && arePinsSame && isOrderSame) return;
    this.#drawn = this.#next;
    const isAnother = before?.kiosks.byId !== kiosks.byId && this.#members(before?.kiosks);
    const isSame = (kioskId) => before?.kiosks.byId.get(kioskId) === kiosks.byId.get(kioskId) && before?.kiosks.watching.get(kioskId) === kiosks.watching.get(kioskId);
    for (const kioskId of kiosks.byId.keys()) if (!arePinsSame || !isSame(kioskId)) this.#show(kioskId);
    this.#isOrderOld = true;
    if (isAnother || !isOrderSame) this.#order();
    this.#filter();
  }

  /** Rows come and go with their kiosks. Whether any did, or has another name. */
  #members(before) {
    const { byId } = this.#drawn.kiosks;
    const isSame = ({ kioskId, displayName }) => before?.byId.get(kioskId)?.displayName === displayName;
    if (before && before.byId.size === byId.size && [...byId.values()].every(isSame)) return false;
    for (const [kioskId, row] of this.#rows) {
      if (byId.has(kioskId)) continue;
      row.item.remove();
      this.#rows.delete(kioskId);
    }
    return true;
  }

  #order() {
    this.#isOrderOld = false;
    const { kiosks, preferences } = this.#drawn;
    const parts = arranged(kiosks, { compare: compareNames, order: preferences.order });
    // Where nothing stands out there is nothing to head.
    const hasHeads = parts.length > 1 || parts[0]?.head === 'place';
    const heads = new Map();
    const items = parts.flatMap(({ head, place, kioskIds }) => {
      const rows = kioskIds.map((kioskId) => this.#row(kioskId).item);
      if (!hasHeads) return rows;
      const text = head === 'place' ? place : say(HEADS.get(head));
      const key = `${head} ${place}`;
      heads.set(key, this.#head(key, text));
      return [heads.get(key), ...rows];
    });
    for (const [key, item] of this.#heads) if (!heads.has(key)) item.remove();
    this.#heads = heads;
    for (const [index, item] of items.entries()) {
      if (this.#list.children[index] !== item) this.#list.insertBefore(item, this.#list.children[index] ?? null);
    }
  }

  #head(key, text) {
    const item = this.#heads.get(key) ?? document.createElement('li');
    item.className = 'list-head';
    if (item.textContent !== text) item.textContent = text;
    return item;
  }

  /** In another language, or with other names of those who watch. */
  relabel() {
    if (!this.#next) return;
    this.#drawn = null;
    this.#draw();
  }

  /** Whether the row could take the focus. */
  focus(kioskId) {
    const row = this.#rows.get(kioskId)?.element;
    if (!row?.checkVisibility()) return false;
    row.focus({ preventScroll: true });
    return document.activeElement === row;
  }

  /** Rows change their places at most once a second, and never under a hand. */
  tick() {
    if (!this.#drawn) return;
    this.#seconds += 1;
    if (this.#seconds % REDRAWN_EVERY === 0) for (const kioskId of this.#drawn.kiosks.byId.keys()) this.#show(kioskId);
    if (this.#isOrderOld && !this.#list.matches(':hover, :focus-within')) {
      this.#order();
      this.#filter();
    }
  }

  #row(kioskId) {
    if (!this.#rows.has(kioskId)) this.#rows.set(kioskId, new KioskRow({ template: this.#template, kioskId }));
    return this.#rows.get(kioskId);
  }

  #show(kioskId) {
    const { kiosks, health, preferences } = this.#drawn;
    this.#row(kioskId).show(kiosks.byId.get(kioskId), {
      phase: kiosks.watching.get(kioskId), health, isPinned: preferences.pinned.includes(kioskId), watcher: this.#on.watcher(kioskId),
    });
  }

  #pin(kioskId) { this.#on.pinned(kioskId, !this.#drawn.preferences.pinned.includes(kioskId)); }

  // Finding and keys

  #filter() {
    if (!this.#drawn) return;
    const { kiosks } = this.#drawn;
    const words = this.#search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let visible = 0;
    for (const [kioskId, { item }] of this.#rows) {
      const isShown = isOfKind(kiosks, kioskId, this.#kind) && (words.length === 0 || this.#matches(kioskId, words));
      if (item.hidden === isShown) item.hidden = !isShown;
      if (isShown) visible += 1;
    }
    this.#hideEmptyParts();
    this.#total(visible);
    if (!this.#stop || this.#stop.parentElement.hidden || !this.#stop.isConnected) this.#stopAt(this.#visible()[0]);
  }

  #matches(kioskId, words) {
    const text = `${kioskId} ${nameOf(this.#drawn.kiosks, kioskId)}`.toLowerCase();
    return words.every((word) => text.includes(word));
  }

  #hideEmptyParts() {
    if (this.#heads.size === 0) return;
    const filled = new Set();
    let head = null;
    for (let item = /** @type {any} */ (this.#list.firstElementChild); item; item = item.nextElementSibling) {
      if (item.className === 'list-head') head = item; else if (!item.hidden) filled.add(head);
    }
    // Written only where it changes: the whole list is laid out anew for it.
    for (const one of this.#heads.values()) if (one.hidden === filled.has(one)) one.hidden = !filled.has(one);
  }

  #total(visible) {
    const { kiosks } = this.#drawn;
    const all = kiosks.byId.size;
    const counts = countKinds(kiosks);
    this.#count.textContent = all > 0 ? say('list.count', { online: counts.online, count: all }) : '';
    for (const kind of KIND_NAMES) {
      const button = this.#kinds.querySelector(`[data-kind="${kind}"]`);
      const count = String(counts[kind]);
      if (button.lastElementChild.textContent !== count) button.lastElementChild.textContent = count;
      button.setAttribute('aria-pressed', String(kind === this.#kind));
    }
    this.#none.hidden = visible > 0 || (!kiosks.isLoaded && !this.#search.value);
    this.#none.textContent = say(all === 0 ? 'list.none' : this.#search.value ? 'list.noName' : 'list.noKind');
  }

  #visible() {
    return [...this.#list.querySelectorAll('li:not([hidden]) > .kiosk')];
  }

  /** The list is one stop of the Tab key: at the row that had the focus last. */
  #stopAt(row) {
    if (row === undefined || row === this.#stop) return;
    this.#stop?.setAttribute('tabindex', '-1');
    this.#stop = row;
    row.setAttribute('tabindex', '0');
  }

  #searchKey(event) {
    const rows = this.#visible();
    if (event.key === 'ArrowDown') rows[0]?.focus();
    else if (event.key === 'Enter' && rows.length === 1) this.#on.chosen(rows[0].dataset.kioskId);
    else if (event.key === 'Escape') { this.#search.value = ''; this.#filter(); rows[0]?.focus(); }
    else return;
    event.preventDefault();
  }

  #listKey(event) {
    const rows = this.#visible();
    const { kioskId } = event.target.closest('.kiosk')?.dataset ?? {};
    const single = { i: this.#on.asked, b: (id) => this.#pin(id) }[event.key];
    if (single && kioskId && this.#on.hasKeys() && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      single(kioskId);
      return;
    }
    const at = rows.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    if (to < 0) this.#search.focus(); else rows[Math.min(to, rows.length - 1)]?.focus();
  }
}
