// Monitoring sessions, the latest first.

import { serverNow } from '../../net/serverclock.js';
import { writeRoute } from '../../state/routes.js';
import { say } from '../../words/language.js';
import { endText, firstPictureText, lastedText } from '../../words/recordtexts.js';
import { timeOfDay } from '../../words/texts.js';
import { kioskLink, make, moment } from './dom.js';
import { cell, makeTable, Rows } from './rows.js';

export class SessionTable {
  element; #rows; #names;

  /** - names: `kioskName(id)`, `personName(id)`, `hasStories()`: whether a session's story can be opened. - withKiosk: whether the kiosk is told. */
  constructor({ names, withKiosk, testid }) {
    this.#names = names;
    const columns = ['audit.began', ...(withKiosk ? ['log.kiosk'] : []), 'audit.monitor', 'audit.firstPicture', 'audit.duration', 'audit.ended'];
    const { element, body } = makeTable({ label: 'audit.sessions', columns, testid });
    this.element = element;
    this.#rows = new Rows({ parent: body, keyOf: ({ sessionId }) => sessionId, make: (session) => this.#row(session, withKiosk) });
  }

  show(sessions) { this.#rows.show(sessions); }

  forget() { this.#rows.forget(); }

  tick() { this.#rows.freshen(); }

  #row(session, withKiosk) {
    const { sessionId, kioskId, monitorId, startedAt, endedAt } = session;
    const began = moment(startedAt, timeOfDay(startedAt, { seconds: true }));
    const story = this.#names.hasStories()
      ? make('a', { class: 'link', href: writeRoute({ page: 'audit', query: { tab: 'sessions', session: sessionId } }), testid: 'story-link' }, began) : began;
    const lasted = make('span', {});
    const freshen = () => {
      const text = lastedText(session, serverNow());
      if (lasted.textContent !== text) lasted.textContent = text;
    };
    freshen();
    const row = make('tr', { role: 'row', testid: 'session', 'data-session-id': sessionId, 'data-open': endedAt === 0 },
      cell(say('audit.began'), story),
      withKiosk ? cell(say('log.kiosk'), kioskLink(kioskId, this.#names.kioskName(kioskId))) : null,
      cell(say('audit.monitor'), make('bdi', {}, this.#names.personName(monitorId))),
      cell(say('audit.firstPicture'), firstPictureText(session)),
      cell(say('audit.duration'), lasted),
      cell(say('audit.ended'), endText(session)));
    return { row, freshen: endedAt === 0 ? freshen : () => {} };
  }
}
