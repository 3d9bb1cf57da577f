// Crew sign-ons and sign-offs, newest first.

import { ago, roleText, timeOfDay } from '../words/en.js';

export class CrewFeed {
  #list; #template; #none; #count;
  #shown = null;

  constructor({ list, template, none, count }) {
    this.#list = list;
    this.#template = template;
    this.#none = none;
    this.#count = count;
  }

  /** - nameOf(kioskId): what a kiosk is called. */
  show(crew, nameOf) {
    if (this.#shown === crew) return;
    this.#shown = crew;
    const lines = new Map([...this.#list.children].map((line) => [line.dataset.eventId, line]));
    for (const [index, event] of crew.events.entries()) {
      const line = lines.get(event.eventId) ?? this.#line(event, nameOf(event.kioskId));
      lines.delete(event.eventId);
      if (this.#list.children[index] !== line) this.#list.insertBefore(line, this.#list.children[index] ?? null);
    }
    for (const gone of lines.values()) gone.remove();
    this.#none.hidden = crew.received > 0;
    this.#count.textContent = crew.received > 0 ? `${crew.received} since sign-in` : '';
  }

  #line({ eventId, isSignOn, crewId, name, role, train, clock, occurredAt, receivedAt }, kioskName) {
    const item = this.#template.content.firstElementChild.cloneNode(true);
    const set = (selector, text) => { item.querySelector(selector).textContent = text; };
    item.dataset.kind = isSignOn ? 'sign-on' : 'sign-off';
    item.dataset.crewId = crewId ?? '';
    item.dataset.eventId = eventId;
    item.dataset.at = String(occurredAt);
    item.querySelector('use').setAttribute('href', isSignOn ? '#i-on' : '#i-off');
    set('.crew-name', name ?? `Crew ${crewId ?? ''}`);
    set('.crew-what', isSignOn ? 'signed on' : 'signed off');
    set('.crew-detail', [name ? crewId : '', roleText(role), train ? `Train ${train}` : '', kioskName].filter(Boolean).join(' · '));
    const time = item.querySelector('.crew-time');
    time.dateTime = new Date(occurredAt).toISOString();
    time.textContent = timeOfDay(occurredAt);
    const late = receivedAt ? receivedAt - occurredAt : 0;
    time.title = late > 60_000 ? `Happened ${timeOfDay(occurredAt, { seconds: true })}, reached the server ${ago(occurredAt, receivedAt).replace('ago', 'later')}` : timeOfDay(occurredAt, { seconds: true });
    if (clock === 'corrected') time.title += '. The kiosk’s clock was wrong; this time has been corrected.';
    if (clock === 'doubtful') time.title += '. The kiosk’s clock was not set: this time may be wrong.';
    return item;
  }

  /** The newest line stands out for a while. */
  tick() {
    const now = Date.now();
    for (const item of this.#list.children) item.classList.toggle('fresh', now - Number(item.dataset.at) < 10_000);
  }
}
