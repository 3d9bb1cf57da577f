// The crew log: what has arrived, who is on duty, and all that the server keeps.

import { fetchCrewCSV } from '../../net/crewcsv.js';
import { RemoteList } from '../../net/remotelist.js';
import { Roster } from '../../net/roster.js';
import { serverNow } from '../../net/serverclock.js';
import { byArrival, happenedAt, isLate, readLoggedEvent } from '../../state/records/crewlog.js';
import { say } from '../../words/language.js';
import { arrivalText, clockText, crewDetails, crewName, spanText } from '../../words/recordtexts.js';
import { refusalText, timeOfDay } from '../../words/texts.js';
import { button, joined, kioskLink, make, moment } from './dom.js';
import { Filters, kioskOptions } from './filters.js';
import { RemoteState } from './remotestate.js';
import { cell, makeTable, Rows } from './rows.js';
import { makeTabs } from './tabs.js';
import { download } from '../room/tools.js';

/** So many arrivals are on the page; older ones are in the history. */
const MOST_ARRIVALS = 200;

export class CrewPage {
  #api; #world; #on;
  #query = null;
  #tabs; #parts; #filters; #rows; #states; #count; #known; #csv; #saved;
  #latest; #history; #roster;

  /**
   * - element: the page's. - world: `state()` of the store, `kioskName(kioskId)`, `hearsEvents()`: whether crew events come by themselves.
   * - on: `narrow(query)`: the history is to be narrowed.
   */
  constructor({ element, api, world, on }) {
    this.#api = api;
    this.#world = world;
    this.#on = on;
    this.#latest = new RemoteList({ api, operation: 'listCrewEvents', read: readLoggedEvent, changed: () => this.#drawNow() });
    this.#history = new RemoteList({ api, operation: 'listCrewEvents', read: readLoggedEvent, changed: () => this.#drawHistory() });
    this.#roster = new Roster({ api, changed: () => this.#drawDuty() });
    this.#build(element);
  }

  #build(element) {
    this.#tabs = makeTabs({ page: 'crew', label: 'log.parts', names: [['now', 'log.now'], ['duty', 'log.duty'], ['history', 'log.history']] });
    this.#filters = new Filters({
      testid: 'crew-filter', chosen: (query) => this.#on.narrow({ tab: 'history', ...query }),
      fields: [
        { name: 'kiosk', word: 'log.kiosk', options: () => kioskOptions(this.#world.state().kiosks) },
        { name: 'person', word: 'log.person', type: 'text' },
        { name: 'from', word: 'log.from', type: 'datetime-local' },
        { name: 'to', word: 'log.to', type: 'datetime-local' },
      ],
    });
    const arrivals = make('ol', { class: 'log', testid: 'crew-now', label: 'log.now' });
    const duty = makeTable({ label: 'log.duty', columns: ['log.who', 'log.where', 'log.since'], testid: 'crew-duty' });
    const history = makeTable({ label: 'log.history', columns: ['log.when', 'log.who', 'log.what', 'log.where'], testid: 'crew-history' });
    this.#rows = {
      now: new Rows({ parent: arrivals, keyOf: ({ eventId }) => eventId, make: (event) => this.#arrival(event) }),
      duty: new Rows({ parent: duty.body, keyOf: ({ crewId }) => crewId, make: (person) => this.#person(person) }),
      history: new Rows({ parent: history.body, keyOf: ({ eventId }) => eventId, make: (event) => this.#line(event) }),
    };
    this.#states = {
      now: new RemoteState({ again: () => void this.#latest.load() }),
      duty: new RemoteState({ again: () => void this.#roster.load() }),
      history: new RemoteState({ again: () => void this.#history.load(), more: () => void this.#history.more() }),
    };
    this.#count = make('p', { class: 'figure', testid: 'duty-count' });
    this.#known = make('p', { class: 'hint', testid: 'duty-known' });
    this.#csv = button('log.csv', () => void this.#save(), { testid: 'crew-csv' });
    this.#saved = make('p', { class: 'hint', role: 'status', testid: 'crew-csv-told' });
    this.#parts = {
      now: make('section', { label: 'log.now' }, make('p', { class: 'hint', word: 'log.nowHint' }), arrivals, this.#states.now.element),
      duty: make('section', { label: 'log.duty' }, this.#count, this.#known, duty.element, this.#states.duty.element),
      history: make('section', { label: 'log.history' }, this.#filters.element, make('p', { class: 'hint', word: 'log.historyHint' }), this.#csv, this.#saved, history.element,
        this.#states.history.element),
    };
    element.append(this.#tabs.element, ...Object.values(this.#parts));
  }

  // Coming and going

  enter({ query }) {
    this.#query = query;
    this.#tabs.show(query.tab);
    for (const [name, part] of Object.entries(this.#parts)) part.hidden = name !== query.tab;
    switch (query.tab) {
      case 'now': void this.#latest.load({ limit: 100 }); break;
      case 'duty': void this.#roster.load(); break;
      case 'history':
        this.#filters.show(query);
        this.#saved.textContent = '';
        void this.#history.load(asked(query));
        break;
    }
  }

  clear() {
    this.#latest.clear();
    this.#history.clear();
    this.#roster.clear();
    this.#query = null;
    this.draw();
  }

  /** In another language, or with other names. */
  draw() {
    for (const rows of Object.values(this.#rows)) rows.forget();
    if (this.#query) this.#filters.show(this.#query);
    this.#drawNow();
    this.#drawDuty();
    this.#drawHistory();
  }

  /** The store has changed. */
  changed(state, before) {
    if (state.crew === before.crew) return;
    this.#drawNow();
    if (this.#roster.phase === 'ready') this.#drawDuty();
  }

  /** The page is shown, and some time has gone by. - isWhole: so much that what does not come by itself is asked for. */
  tick({ isWhole }) {
    if (isWhole && !this.#world.hearsEvents()) this.#lookAgain();
    this.#rows.now.freshen();
    this.#rows.duty.freshen();
  }

  #lookAgain() {
    if (this.#query?.tab === 'now') void this.#latest.load();
    if (this.#query?.tab === 'duty') void this.#roster.load();
  }

  // Drawing

  #drawNow() {
    const events = byArrival(this.#world.state().crew.events, this.#latest.state.items).slice(0, MOST_ARRIVALS);
    this.#rows.now.show(events);
    this.#states.now.show({ ...this.#latest.state, next: null }, events.length, say('log.nobodyYet'));
  }

  #drawDuty() {
    const { phase, error, since } = this.#roster;
    const people = phase === 'none' ? [] : this.#roster.people(this.#world.state().crew.events);
    this.#rows.duty.show(people);
    this.#count.textContent = phase === 'ready' ? say('log.onDuty', { count: people.length }) : '';
    this.#known.textContent = phase === 'ready' ? say('log.knownSince', { when: timeOfDay(since) }) : '';
    this.#states.duty.show({ phase, error, next: null }, people.length, say('log.nobodyOnDuty'));
  }

  #drawHistory() {
    const { state } = this.#history;
    this.#rows.history.show(state.items);
    this.#csv.disabled = state.items.length === 0;
    this.#states.history.show(state, state.items.length, say('log.noEvents'));
  }

  #arrival(event) {
    const time = moment(happenedAt(event), '', { class: 'crew-time' });
    const freshen = () => {
      const text = arrivalText(event, serverNow());
      if (time.textContent !== text) time.textContent = text;
    };
    freshen();
    const { name, id } = crewName(event);
    const row = make('li', { class: 'log-row', testid: 'arrival', 'data-late': isLate(event), 'data-kind': kindOf(event), 'data-event-id': event.eventId },
      make('p', { class: 'log-who' }, make('bdi', { class: 'crew-name' }, name), ' ', make('span', { class: 'crew-what' }, what(event))),
      time,
      make('p', { class: 'log-detail' }, ...joined([id, crewDetails(event), this.#place(event), clockText(event)])));
    return { row, freshen };
  }

  #person(person) {
    const { name, id } = crewName(person);
    const lasted = make('span', { class: 'soft' });
    const freshen = () => { lasted.textContent = person.since > 0 ? spanText(serverNow() - person.since) : ''; };
    freshen();
    const row = make('tr', { role: 'row', testid: 'on-duty', 'data-crew-id': person.crewId },
      cell(say('log.who'), make('bdi', { class: 'crew-name' }, name), ...details([id, crewDetails(person)])),
      cell(say('log.where'), this.#place(person)),
      cell(say('log.since'), moment(person.since, timeOfDay(person.since)), ' ', lasted, ...details([clockText(person)])));
    return { row, freshen };
  }

  #line(event) {
    const { name, id } = crewName(event);
    const late = isLate(event) ? say('log.reached', { arrived: timeOfDay(event.receivedAt) }) : '';
    return make('tr', { role: 'row', testid: 'history-line', 'data-late': isLate(event), 'data-event-id': event.eventId },
      cell(say('log.when'), moment(happenedAt(event), timeOfDay(happenedAt(event), { seconds: true })), ...details([late, clockText(event)])),
      cell(say('log.who'), make('bdi', { class: 'crew-name' }, name), ...details([id, crewDetails(event)])),
      cell(say('log.what'), what(event)),
      cell(say('log.where'), this.#place(event)));
  }

  #place({ kioskId }) { return kioskId === null ? '' : kioskLink(kioskId, this.#world.kioskName(kioskId)); }

  async #save() {
    this.#csv.disabled = true;
    this.#saved.textContent = say('remote.loading');
    const { kiosk, person, from, to } = this.#filters.values;
    const result = await fetchCrewCSV(this.#api, asked({ kiosk, person, from, to }));
    this.#csv.disabled = false;
    this.#saved.textContent = !result.ok ? refusalText(result.error) : result.value.isWhole ? '' : say('log.csvCut');
    if (!result.ok) return;
    download(new Blob([result.value.text], { type: 'text/csv' }), 'crew-events.csv');
  }
}

const kindOf = ({ isSignOn }) => (isSignOn ? 'sign-on' : 'sign-off');
const what = ({ isSignOn }) => say(isSignOn ? 'crew.signedOn' : 'crew.signedOff');

/** Smaller, below what they are details of. */
function details(parts) {
  const told = joined(parts);
  return told.length > 0 ? [make('span', { class: 'detail' }, ...told)] : [];
}

/** The server's parameters for what the history is narrowed to. */
function asked({ kiosk, person, from, to }) {
  const iso = (local) => (local ? new Date(local).toISOString() : null);
  return { kiosk: kiosk || null, actor: person || null, from: iso(from), to: iso(to), limit: 200 };
}
