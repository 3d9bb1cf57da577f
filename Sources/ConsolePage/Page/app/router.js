// The address bar: which page is shown, and which pictures the room holds.

import { parseRoute, writeRoute } from '../state/routes.js';

export class Router {
  #entered;
  #route = parseRoute('');
  #room = { kiosks: [], focus: null, isWall: false };

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
    const { page, kiosks, focus, isWall } = this.#route;
    if (page === 'room') this.#room = { ...this.#room, isWall, ...(kiosks ? { kiosks, focus } : {}) };
    this.#write();
    this.#entered(this.#route);
  }

  go(page) {
    if (page === this.page) return;
    history.pushState(history.state, '', page === 'room' ? this.roomAddress : writeRoute({ page }));
    this.read();
  }

  /** Another page of records, or the same one narrowed to something else. - route: as `writeRoute` takes it. */
  open(route) {
    const address = writeRoute(route);
    if (location.hash !== address) history.pushState(history.state, '', address);
    this.read();
  }

  /** As `go`, but what was shown before is not to be gone back to. */
  replace(page) {
    history.replaceState(history.state, '', writeRoute({ page }));
    this.read();
  }

  /** The pictures have changed; no entry of the browser's history, for going back would start and stop cameras. */
  arranged(kiosks, focus) {
    this.#room = { ...this.#room, kiosks, focus };
    this.#write();
  }

  get isWall() { return this.page === 'room' && this.#room.isWall; }

  /** Nothing but the pictures, or the room around them. */
  set isWall(isWall) {
    this.#room = { ...this.#room, isWall };
    this.#write();
  }

  #write() {
    const address = this.page === 'room' ? this.roomAddress : writeRoute(this.#route);
    if (location.hash !== address) history.replaceState(history.state, '', address);
  }
}
