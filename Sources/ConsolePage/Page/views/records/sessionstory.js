// One session from its beginning to its end: who, why, when the first picture came, and why it ended.

import { serverNow } from '../../net/serverclock.js';
import { readAuditLine, readSession, storyOf, toldDetails } from '../../state/records/audit.js';
import { say } from '../../words/language.js';
import { auditText, detailText, endText, firstPictureText, lastedText } from '../../words/recordtexts.js';
import { refusalText, timeOfDay } from '../../words/texts.js';
import { button, kioskLink, make, moment } from './dom.js';

/** So many pages of a thousand lines are looked through for those of the session. */
const MOST_PAGES = 20;

/** How often an ended session is looked at until its end is written down. */
const LOOKS = 6;

/** @type {{id: string | null, phase: string, session: any, lines: any[] | null, isWhole: boolean, error: any}} */
const NOTHING = Object.freeze({ id: null, phase: 'none', session: null, lines: null, isWhole: false, error: null });

export class SessionStory {
  element; #api; #world; #ask; #ended;
  #body;
  #round = 0;
  /** `{id, phase: 'none'|'loading'|'ready'|'failed', session, lines, isWhole, error}` */
  #shown = NOTHING;

  /** - ask(question): the dialog for questions. - closed(): the operator has read it. - ended(): a session was ended here. */
  constructor({ api, world, ask, closed, ended }) {
    this.#api = api;
    this.#world = world;
    this.#ask = ask;
    this.#ended = ended;
    this.#body = make('div', { class: 'story' });
    this.element = make('section', { label: 'audit.story', testid: 'story' }, button('audit.back', closed, { testid: 'story-back' }), this.#body);
  }

  async open(id) {
    const round = this.#round += 1;
    // What is read again stays until it has been.
    if (id !== this.#shown.id || this.#shown.phase !== 'ready') this.#show({ ...NOTHING, id, phase: 'loading' });
    const result = await this.#api.call('showSession', { path: { sessionId: id } });
    if (round !== this.#round) return;
    const session = result.ok ? readSession(result.value) : null;
    if (!session) { this.#show({ ...this.#shown, phase: 'failed', error: result.error ?? { code: 'unreadable' } }); return; }
    this.#show({ ...this.#shown, phase: 'ready', session });
    // Its lines are no older than it is; a clock that was set in between is allowed for.
    const lines = [];
    let [pages, isWhole] = [0, false];
    for await (const page of this.#api.pages('listAudit', { query: { limit: 1000 } })) {
      if (round !== this.#round) return;
      if (!page.ok) break;
      const read = page.value.map(readAuditLine).filter(Boolean);
      lines.push(...read.filter(({ details }) => details.sessionId === id));
      pages += 1;
      isWhole = lines.some(({ kind }) => kind === 'monitoring-started') || (read.at(-1)?.at ?? 0) < session.startedAt - 3_600_000;
      if (isWhole || pages === MOST_PAGES) break;
    }
    if (round === this.#round) this.#show({ ...this.#shown, lines, isWhole });
  }

  clear() {
    this.#round += 1;
    this.#show(NOTHING);
  }

  draw() { this.#show(this.#shown); }

  #show(shown) {
    this.#shown = shown;
    const { phase, session, error } = shown;
    if (phase === 'ready') this.#tell(session);
    else if (phase === 'failed') this.#body.replaceChildren(make('p', { class: 'none failed', role: 'status' }, refusalText(error)), button('remote.again', () => void this.open(shown.id)));
    else this.#body.replaceChildren(make('p', { class: 'none', role: 'status' }, phase === 'loading' ? say('remote.loading') : ''));
  }

  #tell(session) {
    const { lines, isWhole } = this.#shown;
    const { steps, purpose, endedBy } = storyOf(session, lines ?? []);
    const name = (id) => (id === session.kioskId ? this.#world.kioskName(id) : this.#world.personName(id));
    const facts = [
      ['audit.monitor', make('bdi', {}, this.#world.personName(session.monitorId))],
      ['log.kiosk', kioskLink(session.kioskId, this.#world.kioskName(session.kioskId))],
      ['audit.purpose', purpose === null ? say('audit.noPurpose') : make('bdi', {}, purpose)],
      ['audit.began', moment(session.startedAt, timeOfDay(session.startedAt, { seconds: true }))],
      ['audit.firstPicture', firstPictureText(session)],
      ['audit.duration', lastedText(session, serverNow())],
      ['audit.ended', endText(session)],
      ...(endedBy === null ? [] : [['audit.endedBy', make('bdi', {}, name(endedBy))]]),
    ];
    const isOpen = session.endedAt === 0;
    this.#body.replaceChildren(
      make('dl', { class: 'facts', testid: 'story-facts' }, ...facts.map(([word, value]) => make('div', {}, make('dt', { word }), make('dd', {}, value)))),
      isOpen ? button('audit.end', () => void this.#end(session), { class: 'danger', testid: 'story-end' }) : '',
      make('h3', { word: 'audit.steps' }),
      make('ol', { class: 'steps', testid: 'story-steps' }, ...steps.map((line) => make('li', {},
        moment(line.at, timeOfDay(line.at, { seconds: true })), ' ', make('bdi', {}, auditText(line, name)),
        ...toldDetails(line).flatMap((detail) => [' · ', make('bdi', { class: 'soft' }, detailText(detail))])))),
      lines === null ? make('p', { class: 'none' }, say('remote.loading')) : isWhole ? '' : make('p', { class: 'hint' }, say('audit.notAllSteps')));
  }

  async #end(session) {
    const isDone = await this.#ask({
      title: say('audit.endTitle', { who: this.#world.personName(session.monitorId), kiosk: this.#world.kioskName(session.kioskId) }),
      hint: say('audit.endHint'), act: 'audit.end',
      send: () => this.#api.call('endSession', { path: { sessionId: session.sessionId } }),
    });
    if (!isDone) return;
    // The server ends it at once, and writes that down a moment later.
    for (let look = 0; look < LOOKS; look += 1) {
      await this.open(session.sessionId);
      if (this.#shown.session?.endedAt !== 0) break;
      await new Promise((resolve) => { setTimeout(resolve, 500); });
    }
    this.#ended();
  }
}
