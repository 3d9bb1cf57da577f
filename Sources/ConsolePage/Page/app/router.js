// The address bar: which page is shown, and which pictures the room holds.

import { parseRoute, writeRoute } from '../state/routes.js';

export class Router {
  #entered;
  #route = parseRoute('');
  #room = { kiosks: [], focus: null };

  /** - entered(route): the address was opened, typed or followed. */
  constructor({ entered }) {
    this.#entered = entered;
    addEventListener('hashchange', () => this.read());
  }

  get page() { return this.#route.page; }

  /** The address of the room as it is. */
  get roomAddress() { return writeRoute({ page: 'room', ...this.#room }); }

  read() {
    this.#route = parseRoute(location.hash);
    const { page, kiosks, focus } = this.#route;
    if (page === 'room' && kiosks) this.#room = { kiosks, focus };
    this.#write();
    this.#entered(this.#route);
  }

  go(page) {
    if (page === this.page) return;
    history.pushState(history.state, '', page === 'room' ? this.roomAddress : writeRoute({ page }));
    this.read();
  }

  /** The pictures have changed; no entry of the browser's history, for going back would start and stop cameras. */
  arranged(kiosks, focus) {
    this.#room = { kiosks, focus };
    this.#write();
  }

  #write() {
    const address = this.page === 'room' ? this.roomAddress : writeRoute(this.#route);
    if (location.hash !== address) history.replaceState(history.state, '', address);
  }
}
