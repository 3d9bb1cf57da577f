// Crew sign-ons and sign-offs as they come, newest first.

import { milliseconds } from './auth.js';
import { ago, roleText, timeOfDay } from './words.js';

/** Older lines leave the page; the server keeps them. */
const MOST = 200;

export class CrewFeed {
  #list; #template; #none; #count;
  #received = 0;

  constructor({ list, template, none, count }) {
    this.#list = list;
    this.#template = template;
    this.#none = none;
    this.#count = count;
  }

  /** An event that comes again (same `eventId`) while its line is on the page is shown once. */
  add(name, { eventId, crewId, name: person, role, train, occurredAt, clock, receivedAt, kioskId }, kioskName) {
    if ([...this.#list.children].some((other) => other.dataset.eventId === eventId)) return;
    const on = name === 'crew-sign-on';
    const at = milliseconds(occurredAt);
    const item = this.#template.content.firstElementChild.cloneNode(true);
    const set = (selector, text) => { item.querySelector(selector).textContent = text; };
    item.dataset.kind = on ? 'sign-on' : 'sign-off';
    item.dataset.crewId = crewId ?? '';
    item.dataset.eventId = eventId;
    item.dataset.at = String(at);
    item.querySelector('use').setAttribute('href', on ? '#i-on' : '#i-off');
    set('.crew-name', person || `Crew ${crewId}`);
    set('.crew-what', on ? 'signed on' : 'signed off');
    set('.crew-detail', [person ? crewId : '', roleText(role), train ? `Train ${train}` : '', kioskName ?? kioskId].filter(Boolean).join(' · '));
    const time = item.querySelector('.crew-time');
    time.dateTime = new Date(at).toISOString();
    time.textContent = timeOfDay(at);
    const late = receivedAt ? milliseconds(receivedAt) - at : 0;
    time.title = late > 60_000 ? `Happened ${timeOfDay(at, { seconds: true })}, reached the server ${ago(at, milliseconds(receivedAt)).replace('ago', 'later')}` : timeOfDay(at, { seconds: true });
    if (clock === 'corrected') time.title += '. The kiosk’s clock was wrong; this time has been corrected.';
    if (clock === 'doubtful') time.title += '. The kiosk’s clock was not set: this time may be wrong.';
    const after = [...this.#list.children].find((other) => Number(other.dataset.at) <= at);
    this.#list.insertBefore(item, after ?? null);
    while (this.#list.children.length > MOST) this.#list.lastElementChild.remove();
    this.#none.hidden = true;
    this.#received += 1;
    this.#count.textContent = `${this.#received} since sign-in`;
  }

  clear() {
    this.#list.replaceChildren();
    this.#received = 0;
    this.#count.textContent = '';
    this.#none.hidden = false;
  }

  /** The newest line stands out for a while. */
  tick() {
    const now = Date.now();
    for (const item of this.#list.children) item.classList.toggle('fresh', now - Number(item.dataset.at) < 10_000);
  }
}
