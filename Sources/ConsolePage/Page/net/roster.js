// Who is on duty: the server keeps crew events, and the latest of each person says it.

import { byArrival, onDuty, readLoggedEvent } from '../state/records/crewlog.js';
import { serverNow } from './serverclock.js';

/** How far back events are read, in milliseconds: longer than any duty lasts. */
const REACH = 48 * 3_600_000;

/** So many pages of a thousand events at most. */
const MOST_PAGES = 10;

export class Roster {
  #api; #changed;
  #round = 0;
  #logged = [];

  /** `none`, `loading`, `ready`, `failed`. */
  phase = 'none';
  error = null;
  /** From which arrival on events are known, in milliseconds since 1970. */
  since = 0;

  /** - changed(): it says something else. */
  constructor({ api, changed }) {
    this.#api = api;
    this.#changed = changed;
  }

  /** - live: events that have come since. */
  people(live) { return onDuty(byArrival(live, this.#logged)); }

  async load() {
    const round = this.#round += 1;
    [this.phase, this.error] = ['loading', null];
    this.#changed();
    const from = serverNow() - REACH;
    const logged = [];
    let [pages, since] = [0, from];
    for await (const page of this.#api.pages('listCrewEvents', { query: { from: new Date(from).toISOString(), limit: 1000 } })) {
      if (round !== this.#round) return;
      if (!page.ok) { [this.phase, this.error] = ['failed', page.error]; this.#changed(); return; }
      logged.push(...page.value.map(readLoggedEvent).filter(Boolean));
      pages += 1;
      if (pages === MOST_PAGES) { since = logged.at(-1)?.receivedAt ?? from; break; }
    }
    if (round !== this.#round) return;
    [this.phase, this.since, this.#logged] = ['ready', since, logged];
    this.#changed();
  }

  clear() {
    this.#round += 1;
    [this.phase, this.error, this.since, this.#logged] = ['none', null, 0, []];
  }
}
