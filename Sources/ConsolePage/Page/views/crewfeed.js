// Crew sign-ons and sign-offs, newest first.

import { serverNow } from '../net/serverclock.js';
import { say } from '../words/language.js';
import { later, roleText, timeOfDay } from '../words/texts.js';

export class CrewFeed {
  #list; #template; #none; #count; #told;
  #shown = null;

  /** - told(text): an event has come, for those who do not see it. */
  constructor({ list, template, none, count, told }) {
    this.#told = told;
    this.#list = list;
    this.#template = template;
    this.#none = none;
    this.#count = count;
  }

  /** In another language. */
  relabel(crew, nameOf) {
    this.#shown = null;
    this.#list.replaceChildren();
    this.show(crew, nameOf);
  }

  /** - nameOf(kioskId): what a kiosk is called. */
  show(crew, nameOf) {
    if (this.#shown === crew) return;
    const isFirst = this.#shown === null;
    this.#shown = crew;
    const lines = new Map([...this.#list.children].map((line) => [line.dataset.eventId, line]));
    for (const [index, event] of crew.events.entries()) {
      const isNew = !lines.has(event.eventId);
      const line = lines.get(event.eventId) ?? this.#line(event, nameOf(event.kioskId));
      if (isNew && !isFirst) this.#told(`${line.querySelector('.crew-who').textContent}, ${nameOf(event.kioskId)}.`);
      lines.delete(event.eventId);
      if (this.#list.children[index] !== line) this.#list.insertBefore(line, this.#list.children[index] ?? null);
    }
    for (const gone of lines.values()) gone.remove();
    this.#none.hidden = crew.received > 0;
    this.#count.textContent = crew.received > 0 ? say('crew.count', { count: crew.received }) : '';
  }

  #line({ eventId, isSignOn, crewId, name, role, train, clock, occurredAt, receivedAt }, kioskName) {
    const item = this.#template.content.firstElementChild.cloneNode(true);
    const set = (selector, text) => { item.querySelector(selector).textContent = text; };
    item.dataset.kind = isSignOn ? 'sign-on' : 'sign-off';
    item.dataset.crewId = crewId ?? '';
    item.dataset.eventId = eventId;
    item.dataset.at = String(occurredAt);
    item.querySelector('use').setAttribute('href', isSignOn ? '#i-on' : '#i-off');
    set('.crew-name', name ?? say('crew.nameless', { id: crewId ?? '' }));
    set('.crew-what', say(isSignOn ? 'crew.signedOn' : 'crew.signedOff'));
    set('.crew-detail', [name ? crewId : '', roleText(role), train ? say('crew.train', { number: train }) : '', kioskName].filter(Boolean).join(' · '));
    const time = item.querySelector('.crew-time');
    time.dateTime = new Date(occurredAt).toISOString();
    time.textContent = timeOfDay(occurredAt);
    const late = receivedAt ? receivedAt - occurredAt : 0;
    const at = timeOfDay(occurredAt, { seconds: true });
    const words = [late > 60_000 ? say('crew.late', { at, after: later(occurredAt, receivedAt) }) : at];
    if (clock === 'corrected' || clock === 'doubtful') words.push(say(`crew.${clock}`));
    time.title = words.join(' · ');
    return item;
  }

  /** The newest line stands out for a while. */
  tick() {
    const now = serverNow();
    for (const item of this.#list.children) item.classList.toggle('fresh', now - Number(item.dataset.at) < 10_000);
  }
}
