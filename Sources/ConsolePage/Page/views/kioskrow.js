// One kiosk in the list: what it is called, how it is, since when.

import { faultySince, onlineSince } from '../state/health.js';
import { writeRoute } from '../state/routes.js';
import { relabel, say } from '../words/language.js';
import { statusTroubles, timeOfDay } from '../words/texts.js';

/** What is said of a kiosk that is watched, by the phase of its session. */
const PHASES = new Map([['live', 'list.watched'], ['interrupted', 'list.interrupted']]);

export class KioskRow {
  /** The item of the list. */
  item;
  /** The button that is the kiosk. */
  element;
  #about; #pin;

  constructor({ template, kioskId }) {
    this.item = template.content.firstElementChild.cloneNode(true);
    this.element = this.item.querySelector('.kiosk');
    this.element.dataset.kioskId = kioskId;
    this.element.id = `kiosk-${kioskId}`;
    this.#about = this.item.querySelector('.kiosk-about');
    this.#about.href = writeRoute({ page: 'kiosk', kioskId });
    this.#pin = this.item.querySelector('.kiosk-pin');
    this.#pin.dataset.kioskId = kioskId;
  }

  /**
   * - phase: of this page's session with it, or undefined. - health: of all kiosks (state/health.js). - isPinned: whether the operator is called for it.
   * - watcher: `{isOwn, name}` of who watches it elsewhere, or null.
   */
  show(kiosk, { phase, health, isPinned, watcher }) {
    const { kioskId, online, lastSeen } = kiosk;
    const name = kiosk.displayName || kioskId;
    const troubles = online ? statusTroubles(kiosk.status, (fault) => faultySince(health, kioskId, fault)) : [];
    const busy = watcher !== null && !phase;
    const state = phase ? 'watched' : !online ? 'offline' : busy ? 'busy' : 'online';
    const { dataset } = this.element;
    dataset.state = state;
    dataset.online = String(online);
    dataset.troubled = String(troubles.length > 0);
    this.#set('.kiosk-name', name);
    this.#set('.kiosk-id', kiosk.displayName && kiosk.displayName !== kioskId ? kioskId : '');
    this.#set('.kiosk-note', this.#note(state, { phase, lastSeen, watcher, since: onlineSince(health, kioskId) }));
    const faults = troubles.map(({ text }) => text).join(' · ');
    this.#set('.kiosk-trouble', faults);
    const seen = lastSeen && !online ? say('list.offlineSince', { when: timeOfDay(lastSeen, { seconds: true }) }) : '';
    // The name too: a long one has no room in a row.
    const title = [name, name === kioskId ? '' : kioskId, seen, faults, ...troubles.map(({ todo }) => todo)].filter(Boolean).join('\n');
    if (this.element.title !== title) this.element.title = title;
    label(this.#about, say('about.open', { name }));
    label(this.#pin, say('list.pin', { name }));
    this.#pin.setAttribute('aria-pressed', String(isPinned));
    relabel(this.#pin, 'data-word-title', isPinned ? 'list.unpinKey' : 'list.pinKey');
  }

  #note(state, { phase, lastSeen, watcher, since }) {
    switch (state) {
      case 'watched': return say(PHASES.get(phase) ?? 'list.connecting');
      case 'offline': return lastSeen ? say('list.offlineSince', { when: timeOfDay(lastSeen) }) : say('list.never');
      case 'busy': return watcher.isOwn ? say('list.ownWindow') : say('list.busy', { who: watcher.name });
      default: return since ? say('list.onlineSince', { when: timeOfDay(since) }) : say('list.online');
    }
  }

  #set(selector, text) {
    const element = this.element.querySelector(selector);
    if (element.textContent !== text) element.textContent = text;
  }
}

function label(element, text) {
  if (element.getAttribute('aria-label') !== text) element.setAttribute('aria-label', text);
}
