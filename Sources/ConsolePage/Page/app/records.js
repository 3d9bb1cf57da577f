// The pages of records beside the room: crew, audit, people, a kiosk's own. What they share, and which of them is shown.

import { RemoteList } from '../net/remotelist.js';
import { serverNow } from '../net/serverclock.js';
import { readAccount, titleOf } from '../state/records/accounts.js';
import { nameOf } from '../state/kiosks.js';
import { AskDialog } from '../views/records/askdialog.js';
import { AuditPage } from '../views/records/auditpage.js';
import { BulkDialog } from '../views/records/bulkdialog.js';
import { CrewPage } from '../views/records/crewpage.js';
import { KioskPage } from '../views/records/kioskpage.js';
import { PeoplePage } from '../views/records/peoplepage.js';
import { $ } from './page.js';

/** Seconds between two looks at what does not come by itself. */
const LOOK_EVERY = 15;

export class Records {
  #api; #account; #store; #accounts; #named; #pages;
  /** @type {any} */
  #shown = null;
  #seconds = 0;

  /** - router: the address bar. - watch(kioskId): the operator wants to see it. - named(): people have other names. */
  constructor({ api, account, store, router, watch, named }) {
    this.#named = named;
    this.#api = api;
    this.#account = account;
    this.#store = store;
    this.#accounts = new RemoteList({ api, operation: 'listAccounts', read: readAccount, changed: () => this.#accountsChanged() });
    const isAdmin = () => account.user?.role === 'admin';
    const world = {
      ownId: () => account.user?.id,
      state: () => store.state,
      kioskName: (id) => nameOf(store.state.kiosks, id),
      personName: (id) => this.personName(id),
      hearsEvents: () => !isAdmin(), mayWatch: () => !isAdmin(), hasStories: isAdmin, seesAccounts: isAdmin,
    };
    const question = new AskDialog({ dialog: $('ask') });
    const ask = (what) => question.ask(what);
    const bulk = new BulkDialog({
      dialog: $('bulk'), api, taken: () => new Set(this.#accounts.state.items.map(({ id }) => id)), changed: () => void this.#accounts.load(),
    });
    const narrow = (page) => (query) => router.open({ page, query });
    this.#pages = {
      crew: new CrewPage({ element: $('crew-page'), api, world, on: { narrow: narrow('crew') } }),
      audit: new AuditPage({ element: $('audit-page'), api, world, on: { narrow: narrow('audit'), ask } }),
      people: new PeoplePage({ element: $('people-page'), api, accounts: this.#accounts, world, on: { ask, addMany: () => bulk.open() } }),
      kiosk: new KioskPage({ element: $('kiosk-page'), title: $('kiosk-page-title'), api, world, on: { watch } }),
    };
  }

  /** Somebody has signed in. */
  open() {
    if (this.#account.user.role !== 'admin') return;
    void this.#accounts.load();
    void this.#lookAtKiosks();
  }

  /** - route: where the address leads; null where it is no page of records. */
  enter(route) {
    this.#shown = route ? this.#pages[route.page] ?? null : null;
    this.#shown?.enter(route);
  }

  /** What was read for the account that signed out is nobody's. */
  clear() {
    this.#shown = null;
    this.#accounts.clear();
    for (const page of Object.values(this.#pages)) page.clear();
  }

  /** In another language. */
  draw() { for (const page of Object.values(this.#pages)) page.draw(); }

  /** The store has changed. */
  changed(state, before) {
    if (state.kiosks.isLoaded !== before.kiosks.isLoaded) this.draw();
    this.#shown?.changed?.(state, before);
  }

  /** Once a second. */
  tick() {
    this.#seconds += 1;
    const isWhole = this.#seconds % LOOK_EVERY === 0 && !document.hidden;
    if (isWhole && this.#account.user?.role === 'admin') void this.#lookAtKiosks();
    this.#shown?.tick?.({ isWhole });
  }

  /** What a person is called, as far as this account may know. */
  personName(id) {
    if (id === this.#account.user?.id) return this.#account.user.displayName || id;
    const account = this.#accounts.state.items.find((one) => one.id === id);
    return account ? titleOf(account) : id;
  }

  #accountsChanged() {
    if (!this.#pages) return;
    this.#pages.people.changed();
    if (this.#accounts.state.phase !== 'ready') return;
    // People have names now.
    this.#named();
    this.#pages.audit.draw();
    this.#pages.kiosk.draw();
  }

  /** Administrators hear no events: the list is asked for. */
  async #lookAtKiosks() {
    const result = await this.#api.call('listKiosks');
    if (result.ok && this.#account.user) this.#store.dispatch({ type: 'server', name: 'kiosk-list', payload: { kiosks: result.value.items }, at: serverNow() });
  }
}
