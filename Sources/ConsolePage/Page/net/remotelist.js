// A list of the server's, as a page of the console reads it.

import { NOTHING, reduceRemote } from '../state/records/remote.js';

export class RemoteList {
  #api; #operation; #read; #changed;
  #query = null;
  /** Answers to an older question are none. */
  #round = 0;

  state = NOTHING;

  /**
   * - operation: of the API, one that lists. - read(item): one item as the page wants it; null where it is none, as a newer server's may be.
   * - changed(): `state` is another.
   */
  constructor({ api, operation, read, changed }) {
    this.#api = api;
    this.#operation = operation;
    this.#read = read;
    this.#changed = changed;
  }

  /** From its beginning. - query: what is asked for; as before where it is left out. */
  async load(query = this.#query ?? {}) {
    const isAnother = JSON.stringify(query) !== JSON.stringify(this.#query);
    this.#query = query;
    await this.#ask({ isMore: false, isAnother });
  }

  async more() {
    if (this.state.next !== null && this.state.phase !== 'more') await this.#ask({ isMore: true, isAnother: false });
  }

  clear() {
    this.#round += 1;
    this.#query = null;
    this.#reduce({ type: 'forgotten' });
  }

  /** One item has another value now: `replace(item)` gives it, or the same. */
  revise(replace) {
    this.state = { ...this.state, items: this.state.items.map(replace) };
    this.#changed();
  }

  async #ask({ isMore, isAnother }) {
    const round = this.#round += 1;
    const cursor = isMore ? { cursor: this.state.next } : {};
    this.#reduce({ type: 'asked', isMore, isAnother });
    const result = await this.#api.call(this.#operation, { query: { ...this.#query, ...cursor } });
    if (round !== this.#round) return;
    if (!result.ok) { this.#reduce({ type: 'refused', error: result.error }); return; }
    const { items, next } = result.value;
    if (!Array.isArray(items)) { this.#reduce({ type: 'refused', error: { code: 'unreadable', message: '' } }); return; }
    this.#reduce({ type: 'answered', isMore, items: items.map(this.#read).filter(Boolean), next: typeof next === 'string' ? next : null });
  }

  #reduce(event) {
    this.state = reduceRemote(this.state, event);
    this.#changed();
  }
}
