// A kiosk's own page: how it fares, what the server and this page know of its past, who watched it, and its crew.

import { RemoteList } from '../../net/remotelist.js';
import { serverNow } from '../../net/serverclock.js';
import { readAccount } from '../../state/records/accounts.js';
import { readSession } from '../../state/records/audit.js';
import { byArrival, happenedAt, isLate, readLoggedEvent } from '../../state/records/crewlog.js';
import { nameOf } from '../../state/kiosks.js';
import { writeRoute } from '../../state/routes.js';
import { say } from '../../words/language.js';
import { arrivalText, clockText, crewDetails, crewName } from '../../words/recordtexts.js';
import { ago, statusTroubles, statusWords, timeOfDay } from '../../words/texts.js';
import { button, joined, make, moment } from './dom.js';
import { RemoteState } from './remotestate.js';
import { Rows } from './rows.js';
import { SessionTable } from './sessiontable.js';

/** So many crew events are on the page; the history has all. */
const MOST_EVENTS = 20;

export class KioskPage {
  #api; #world; #on; #title;
  #kioskId = null;
  /** What only administrators are told: version and host name; null where it is not known. */
  #account = null;
  #round = 0;
  #unknown; #whole; #watch; #now; #facts; #health; #healthHint; #table; #events; #states; #all;
  #sessions; #crew;

  /**
   * - title: the page's head. - world: `state()`, `kioskName(id)`, `personName(id)`, `hasStories()`, `mayWatch()`, `seesAccounts()`.
   * - on: `watch(kioskId)`.
   */
  constructor({ element, title, api, world, on }) {
    this.#api = api;
    this.#world = world;
    this.#on = on;
    this.#title = title;
    this.#sessions = new RemoteList({ api, operation: 'listSessions', read: readSession, changed: () => this.#drawSessions() });
    this.#crew = new RemoteList({ api, operation: 'listCrewEvents', read: readLoggedEvent, changed: () => this.#drawCrew() });
    this.#build(element);
  }

  #build(element) {
    this.#unknown = make('p', { class: 'none', role: 'status', testid: 'kiosk-unknown' });
    this.#watch = button('about.watch', () => this.#on.watch(this.#kioskId), { class: 'primary', testid: 'kiosk-watch' });
    this.#now = make('ul', { class: 'health-now', testid: 'kiosk-now', label: 'about.now' });
    this.#facts = make('dl', { class: 'facts', testid: 'kiosk-facts' });
    this.#healthHint = make('p', { class: 'hint', testid: 'kiosk-health-hint' });
    this.#health = make('ol', { class: 'steps', testid: 'kiosk-health', label: 'about.health' });
    this.#table = new SessionTable({ names: this.#world, withKiosk: false, testid: 'kiosk-sessions' });
    const events = make('ol', { class: 'log', testid: 'kiosk-crew', label: 'page.crew' });
    this.#events = new Rows({ parent: events, keyOf: ({ eventId }) => eventId, make: (event) => this.#event(event) });
    this.#states = {
      sessions: new RemoteState({ again: () => void this.#sessions.load(), more: () => void this.#sessions.more() }),
      crew: new RemoteState({ again: () => void this.#crew.load() }),
    };
    this.#all = make('a', { class: 'link', word: 'about.allCrew', testid: 'kiosk-all-crew' });
    this.#whole = make('div', { class: 'about' },
      make('section', { label: 'about.now' }, make('h3', { word: 'about.now' }), this.#now, this.#facts, make('p', { class: 'actions' }, this.#watch)),
      make('section', { label: 'about.health' }, make('h3', { word: 'about.health' }), this.#healthHint, this.#health),
      make('section', { label: 'audit.sessions', class: 'wide' }, make('h3', { word: 'audit.sessions' }), this.#table.element, this.#states.sessions.element),
      make('section', { label: 'page.crew', class: 'wide' }, make('h3', { word: 'page.crew' }), events, this.#states.crew.element, this.#all));
    element.append(this.#unknown, this.#whole);
  }

  enter({ kioskId }) {
    this.#kioskId = kioskId;
    this.#account = null;
    this.#all.href = writeRoute({ page: 'crew', query: { tab: 'history', kiosk: kioskId } });
    this.#drawKiosk();
    void this.#sessions.load({ kioskId, limit: 50 });
    void this.#crew.load({ kiosk: kioskId, limit: MOST_EVENTS });
    if (this.#world.seesAccounts()) void this.#askAccount(kioskId);
  }

  async #askAccount(kioskId) {
    const round = this.#round += 1;
    const result = await this.#api.call('showAccount', { path: { accountId: kioskId } });
    if (round !== this.#round || kioskId !== this.#kioskId) return;
    this.#account = result.ok ? readAccount(result.value) : null;
    this.#drawKiosk();
  }

  clear() {
    this.#round += 1;
    [this.#kioskId, this.#account] = [null, null];
    this.#sessions.clear();
    this.#crew.clear();
  }

  draw() {
    this.#table.forget();
    this.#events.forget();
    this.#drawKiosk();
    this.#drawSessions();
    this.#drawCrew();
  }

  changed(state, before) {
    if (state.kiosks.byId !== before.kiosks.byId || state.health !== before.health) this.#drawKiosk();
    if (state.crew !== before.crew) this.#drawCrew();
    // A session has begun or ended.
    const watchedBy = ({ kiosks }) => kiosks.byId.get(this.#kioskId)?.monitoredBy;
    if (before.kiosks.isLoaded && watchedBy(state) !== watchedBy(before)) void this.#sessions.load();
  }

  /** - isWhole: so much time has gone by that the sessions are read again. */
  tick({ isWhole }) {
    if (isWhole && this.#sessions.state.phase === 'ready' && this.#sessions.state.items.length <= 50) void this.#sessions.load();
    this.#table.tick();
    this.#events.freshen();
  }

  // Drawing

  #drawKiosk() {
    if (this.#kioskId === null) return;
    const { kiosks, health } = this.#world.state();
    const kiosk = kiosks.byId.get(this.#kioskId);
    this.#title.textContent = nameOf(kiosks, this.#kioskId);
    this.#whole.hidden = !kiosk;
    this.#unknown.textContent = kiosk ? '' : say(kiosks.isLoaded ? 'about.unknown' : 'remote.loading', { id: this.#kioskId });
    this.#unknown.hidden = kiosk !== undefined;
    if (!kiosk) return;
    this.#watch.hidden = !this.#world.mayWatch();
    this.#drawNow(kiosk);
    this.#drawHealth(health.byId.get(this.#kioskId) ?? [], health.since);
  }

  #drawNow(kiosk) {
    const { online, lastSeen, monitoredBy, status, kioskId } = kiosk;
    const troubles = online ? statusTroubles(status) : [];
    const good = online ? statusWords(status) : [];
    this.#now.replaceChildren(
      make('li', { 'data-tone': online ? 'good' : 'off' }, say(online ? 'list.online' : 'list.offline')),
      ...troubles.map(({ text, todo }) => make('li', { 'data-tone': 'warn' }, make('strong', {}, text), ...(todo ? [' ', todo] : []))),
      ...good.map((text) => make('li', {}, text)),
      ...(online && troubles.length + good.length === 0 ? [make('li', { class: 'soft' }, say('about.silent'))] : []));
    const facts = [
      ['people.id', kioskId],
      ['people.seen', online ? say('log.now') : lastSeen > 0 ? `${timeOfDay(lastSeen, { seconds: true })} · ${ago(lastSeen, serverNow())}` : say('list.never')],
      ['about.watchedBy', monitoredBy === null ? say('about.nobody') : this.#world.personName(monitoredBy)],
      ['people.program', this.#account ? this.#account.version ?? say('people.notSaid') : say(this.#world.seesAccounts() ? 'people.notSaid' : 'about.forAdministrators')],
      ...(this.#account?.hostname ? [['about.host', this.#account.hostname]] : []),
    ];
    this.#facts.replaceChildren(...facts.map(([word, value]) => make('div', {}, make('dt', { word }), make('dd', {}, make('bdi', {}, value)))));
  }

  #drawHealth(changes, since) {
    this.#healthHint.textContent = since > 0 ? say('about.healthHint', { when: timeOfDay(since) }) : '';
    this.#health.replaceChildren(...changes.map(({ at, isOnline, faults }, index) => {
      const status = Object.fromEntries(faults.map(({ part, value }) => [part, value]));
      const told = !isOnline ? say('list.offline') : faults.length === 0 ? say('about.allWell') : statusTroubles(status).map(({ text }) => text).join(' · ');
      const isFirst = index === changes.length - 1;
      return make('li', { 'data-tone': !isOnline ? 'off' : faults.length > 0 ? 'warn' : 'good' }, moment(at, timeOfDay(at, { seconds: true })), ' ', told, ...(isFirst ? [' ', make('span', { class: 'soft' }, say('about.found'))] : []));
    }));
  }

  #drawSessions() {
    const { state } = this.#sessions;
    this.#table.show(state.items);
    this.#states.sessions.show(state, state.items.length, say('about.noSessions'));
  }

  #drawCrew() {
    const live = this.#world.state().crew.events.filter(({ kioskId }) => kioskId === this.#kioskId);
    const events = byArrival(live, this.#crew.state.items).slice(0, MOST_EVENTS);
    this.#events.show(events);
    this.#states.crew.show({ ...this.#crew.state, next: null }, events.length, say('about.noCrew'));
  }

  #event(event) {
    const { name, id } = crewName(event);
    const time = moment(happenedAt(event), '', { class: 'crew-time' });
    const freshen = () => { time.textContent = arrivalText(event, serverNow()); };
    freshen();
    const row = make('li', { class: 'log-row', 'data-late': isLate(event), 'data-kind': event.isSignOn ? 'sign-on' : 'sign-off' },
      make('p', { class: 'log-who' }, make('bdi', { class: 'crew-name' }, name), ' ', make('span', { class: 'crew-what' }, say(event.isSignOn ? 'crew.signedOn' : 'crew.signedOff'))),
      time,
      make('p', { class: 'log-detail' }, ...joined([id, crewDetails(event), clockText(event)])));
    return { row, freshen };
  }
}
