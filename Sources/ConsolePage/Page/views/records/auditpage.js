// The audit: who watched which kiosk, and everything else that the server wrote down.

import { RemoteList } from '../../net/remotelist.js';
import { GROUP_NAMES, isWanted, readAuditLine, readSession, toldDetails } from '../../state/records/audit.js';
import { writeCSV } from '../../state/records/csv.js';
import { say } from '../../words/language.js';
import { auditText, detailText } from '../../words/recordtexts.js';
import { timeOfDay } from '../../words/texts.js';
import { button, joined, make, moment } from './dom.js';
import { Filters, kioskOptions } from './filters.js';
import { RemoteState } from './remotestate.js';
import { cell, makeTable, Rows } from './rows.js';
import { SessionStory } from './sessionstory.js';
import { SessionTable } from './sessiontable.js';
import { makeTabs } from './tabs.js';
import { download } from '../room/tools.js';

/** Lines of one request: the server has no filters for them, so that they are looked through here. */
const PIECE = 1_000;

export class AuditPage {
  #world; #on;
  #query = null;
  #tabs; #parts; #sessionFilters; #lineFilters; #table; #rows; #states; #reach; #story; #csv;
  #sessions; #lines;

  /**
   * - world: `state()`, `kioskName(id)`, `personName(id)`, `hasStories()`. - on: `narrow(query)`; `ask(question)`: the dialog for questions.
   */
  constructor({ element, api, world, on }) {
    this.#world = world;
    this.#on = on;
    this.#sessions = new RemoteList({ api, operation: 'listSessions', read: readSession, changed: () => this.#drawSessions() });
    this.#lines = new RemoteList({ api, operation: 'listAudit', read: readAuditLine, changed: () => this.#drawLines() });
    this.#story = new SessionStory({ api, world, ask: on.ask, closed: () => this.#on.narrow({ ...this.#query, session: null }), ended: () => void this.#sessions.load() });
    this.#build(element);
  }

  #build(element) {
    this.#tabs = makeTabs({ page: 'audit', label: 'audit.parts', names: [['sessions', 'audit.sessions'], ['lines', 'audit.lines']] });
    this.#sessionFilters = new Filters({
      testid: 'session-filter', chosen: (query) => this.#on.narrow({ tab: 'sessions', ...query }),
      fields: [
        { name: 'kiosk', word: 'log.kiosk', options: () => kioskOptions(this.#world.state().kiosks) },
        { name: 'state', word: 'audit.state', options: () => [['', say('remote.any')], ['open', say('audit.open')], ['ended', say('audit.over')]] },
      ],
    });
    this.#lineFilters = new Filters({
      testid: 'line-filter', chosen: (query) => this.#on.narrow({ tab: 'lines', ...query }),
      fields: [
        { name: 'group', word: 'audit.group', options: () => [['', say('remote.any')], ...GROUP_NAMES.map((name) => [name, groupText(name)])] },
        { name: 'who', word: 'audit.who', type: 'text' },
      ],
    });
    this.#table = new SessionTable({ names: this.#world, withKiosk: true, testid: 'sessions' });
    const lines = makeTable({ label: 'audit.lines', columns: ['log.when', 'log.what', 'audit.details'], testid: 'audit-lines' });
    this.#rows = new Rows({ parent: lines.body, keyOf: ({ sequence }) => sequence, make: (line) => this.#line(line) });
    this.#states = {
      sessions: new RemoteState({ again: () => void this.#sessions.load(), more: () => void this.#sessions.more() }),
      lines: new RemoteState({ again: () => void this.#lines.load(), more: () => void this.#lines.more() }),
    };
    this.#reach = make('p', { class: 'hint', role: 'status', testid: 'audit-reach' });
    const save = (act, testid) => button('audit.csv', act, { testid });
    this.#csv = { sessions: save(() => this.#saveSessions(), 'session-csv'), lines: save(() => this.#saveLines(), 'audit-csv') };
    this.#parts = {
      sessions: make('section', { label: 'audit.sessions' }, this.#sessionFilters.element, this.#csv.sessions, this.#table.element, this.#states.sessions.element),
      lines: make('section', { label: 'audit.lines' }, this.#lineFilters.element, this.#reach, this.#csv.lines, lines.element, this.#states.lines.element),
      story: this.#story.element,
    };
    element.append(this.#tabs.element, ...Object.values(this.#parts));
  }

  enter({ query }) {
    this.#query = query;
    const part = query.session !== null ? 'story' : query.tab;
    this.#tabs.show(query.tab);
    for (const [name, section] of Object.entries(this.#parts)) section.hidden = name !== part;
    switch (part) {
      case 'story': void this.#story.open(query.session); break;
      case 'sessions':
        this.#sessionFilters.show(query);
        void this.#sessions.load({ kioskId: query.kiosk, state: query.state, limit: 100 });
        break;
      case 'lines':
        this.#lineFilters.show(query);
        void this.#lines.load({ limit: PIECE });
        break;
    }
  }

  clear() {
    this.#sessions.clear();
    this.#lines.clear();
    this.#story.clear();
    this.#query = null;
  }

  draw() {
    this.#table.forget();
    this.#rows.forget();
    if (this.#query) {
      this.#sessionFilters.show(this.#query);
      this.#lineFilters.show(this.#query);
    }
    this.#drawSessions();
    this.#drawLines();
    this.#story.draw();
  }

  tick() { this.#table.tick(); }

  #drawSessions() {
    const { state } = this.#sessions;
    this.#table.show(state.items);
    this.#csv.sessions.disabled = state.items.length === 0;
    this.#states.sessions.show(state, state.items.length, say('audit.noSessions'));
  }

  get #wanted() { return this.#lines.state.items.filter((line) => isWanted(line, { group: this.#query?.group, who: this.#query?.who })); }

  #drawLines() {
    const { state } = this.#lines;
    const wanted = this.#wanted;
    this.#rows.show(wanted);
    this.#csv.lines.disabled = wanted.length === 0;
    const oldest = state.items.at(-1);
    this.#reach.textContent = !oldest ? '' : state.next === null ? say('audit.allLooked', { count: wanted.length }) : say('audit.looked', { count: wanted.length, when: timeOfDay(oldest.at) });
    this.#states.lines.show(state, wanted.length, say('audit.noLines'));
  }

  #line(line) {
    const name = (id) => this.#nameOf(id);
    return make('tr', { role: 'row', testid: 'audit-line', 'data-kind': line.kind },
      cell(say('log.when'), moment(line.at, timeOfDay(line.at, { seconds: true }))),
      cell(say('log.what'), make('bdi', {}, auditText(line, name))),
      cell(say('audit.details'), ...joined(toldDetails(line).map((detail) => make('bdi', {}, detailText(detail))))));
  }

  /** Of a person or a kiosk. */
  #nameOf(id) {
    const kiosk = this.#world.kioskName(id);
    return kiosk !== id ? kiosk : this.#world.personName(id);
  }

  #saveSessions() {
    const time = (at) => (at > 0 ? new Date(at).toISOString() : '');
    const records = this.#sessions.state.items.map((one) => [
      one.sessionId, one.kioskId, one.monitorId, one.purpose, time(one.startedAt), time(one.mediaStartedAt), one.firstFrameMs, time(one.endedAt), one.reason,
    ]);
    save('sessions', ['sessionId', 'kioskId', 'monitorId', 'purpose', 'startedAt', 'mediaStartedAt', 'firstFrameMs', 'endedAt', 'reason'], records);
  }

  #saveLines() {
    const records = this.#wanted.map(({ sequence, at, kind, actor, subject, details }) => [sequence, new Date(at).toISOString(), kind, actor, subject, JSON.stringify(details)]);
    save('audit', ['sequence', 'at', 'kind', 'actor', 'subject', 'details'], records);
  }
}

function save(name, heads, records) {
  download(new Blob([writeCSV([heads, ...records])], { type: 'text/csv' }), `${name}.csv`);
}

function groupText(name) {
  switch (name) {
    case 'watching': return say('audit.groupWatching');
    case 'sign-in': return say('audit.groupSignIn');
    case 'accounts': return say('audit.groupAccounts');
    default: return say('audit.groupServer');
  }
}
