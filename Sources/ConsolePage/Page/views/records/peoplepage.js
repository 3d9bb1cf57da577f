// Accounts of the organization: people and kiosks.

import { addAccount } from '../../net/addaccount.js';
import { serverNow } from '../../net/serverclock.js';
import { chosenAccounts, displayNameFault, firstSteps, idFault, newPassword, passwordFault, readAccount, titleOf } from '../../state/records/accounts.js';
import { compareNames, explained, say } from '../../words/language.js';
import { accountRole } from '../../words/recordtexts.js';
import { ago, timeOfDay } from '../../words/texts.js';
import { button, joined, kioskLink, make, moment } from './dom.js';
import { RemoteState } from './remotestate.js';
import { cell, makeTable, Rows } from './rows.js';
import { makeTabs } from './tabs.js';

/** So many rows at once; more on demand. */
const ROWS = 200;

/** A fault's code in words, or null. */
const faultText = (code) => (code === null ? null : explained('judged', code).text);

export class PeoplePage {
  #api; #accounts; #world; #on;
  #areKiosks = false;
  #most = ROWS;
  #tabs; #steps; #find; #tables; #rows; #state; #rest;

  /**
   * - accounts: the list of them (net/remotelist.js), which others read too. - world: `state()`, `ownId()`: who is signed in.
   * - on: `ask(question)`, `addMany()`: the dialogs.
   */
  constructor({ element, api, accounts, world, on }) {
    this.#api = api;
    this.#accounts = accounts;
    this.#world = world;
    this.#on = on;
    this.#build(element);
  }

  #build(element) {
    this.#tabs = makeTabs({ page: 'people', label: 'people.parts', names: [['people', 'people.people'], ['kiosks', 'page.kiosks']] });
    this.#steps = make('section', { class: 'first-steps', testid: 'first-steps', label: 'people.firstTitle', hidden: true });
    this.#find = make('input', { type: 'search', class: 'find', hint: 'people.find', label: 'people.find', testid: 'people-find', autocomplete: 'off', spellcheck: 'false', on: { input: () => this.#draw() } });
    const add = (role) => () => void this.#add(role);
    const bar = make('p', { class: 'actions' }, this.#find,
      button('people.addPerson', add('monitor'), { class: 'primary', testid: 'add-person' }),
      button('people.addKiosk', add('kiosk'), { class: 'primary', testid: 'add-kiosk' }),
      button('people.addMany', () => this.#on.addMany(), { testid: 'add-many' }));
    this.#tables = {
      people: makeTable({ label: 'people.people', columns: ['people.name', 'people.role', 'people.state', 'people.created', 'people.actions'], testid: 'people-table' }),
      kiosks: makeTable({ label: 'page.kiosks', columns: ['people.name', 'people.program', 'people.state', 'people.seen', 'people.actions'], testid: 'kiosks-table' }),
    };
    const rows = ({ body }) => new Rows({ parent: body, keyOf: ({ id }) => id, make: (account) => this.#row(account) });
    this.#rows = { people: rows(this.#tables.people), kiosks: rows(this.#tables.kiosks) };
    this.#state = new RemoteState({ again: () => void this.#accounts.load() });
    this.#rest = button('remote.more', () => { this.#most += ROWS; this.#draw(); }, { testid: 'people-rest' });
    element.append(this.#steps, this.#tabs.element, bar, this.#tables.people.element, this.#tables.kiosks.element, this.#state.element, this.#rest);
  }

  enter({ query }) {
    this.#areKiosks = query.tab === 'kiosks';
    this.#most = ROWS;
    this.#tabs.show(query.tab);
    this.#draw();
    void this.#accounts.load();
  }

  clear() {
    this.#find.value = '';
    this.#draw();
  }

  draw() {
    this.#rows.people.forget();
    this.#rows.kiosks.forget();
    this.#draw();
  }

  /** The accounts are others, or the kiosks. */
  changed() { this.#draw(); }

  #draw() {
    const { state } = this.#accounts;
    const chosen = chosenAccounts(state.items, { areKiosks: this.#areKiosks, find: this.#find.value, compare: compareNames });
    const part = this.#areKiosks ? 'kiosks' : 'people';
    for (const [name, { element }] of Object.entries(this.#tables)) element.hidden = name !== part;
    this.#rows[part].show(chosen.slice(0, this.#most));
    this.#rest.hidden = chosen.length <= this.#most;
    this.#state.show(state, chosen.length, say(this.#find.value ? 'people.noneFound' : this.#areKiosks ? 'people.noKiosks' : 'people.noPeople'));
    this.#drawSteps(state.phase === 'ready' ? firstSteps(state.items, this.#world.state().kiosks.byId) : null);
  }

  /** What to do first, until it is done. - steps: null where it is not known yet. */
  #drawSteps(steps) {
    if (steps === null) return;
    this.#steps.hidden = steps.length === 0;
    const words = { monitor: 'people.firstMonitor', kiosk: 'people.firstKiosk', connect: 'people.firstConnect' };
    this.#steps.replaceChildren(
      make('h3', { word: 'people.firstTitle' }),
      make('ol', {}, ...steps.map(({ step, isDone }) => make('li', { 'data-done': isDone, 'data-step': step },
        make('strong', { class: 'step-state' }, say(isDone ? 'people.done' : 'people.todo')), ' ', say(words[step])))));
  }

  #row(account) {
    const { id, role, displayName, isDisabled, createdAt, lastSeen, version, hostname } = account;
    const name = make('bdi', { class: 'crew-name' }, titleOf(account));
    const head = cell(say('people.name'), role === 'kiosk' ? kioskLink(id, titleOf(account)) : name,
      ...(displayName && displayName !== id ? [make('span', { class: 'detail' }, id)] : []));
    const state = cell(say('people.state'), make('span', { class: isDisabled ? 'warned' : '' }, say(isDisabled ? 'people.disabled' : 'people.enabled')));
    const own = id === this.#world.ownId();
    const act = (word, testid, does) => button(word, does, { testid, 'aria-label': `${say(word)}: ${titleOf(account)}` });
    const actions = make('td', { role: 'cell', class: 'row-actions', 'data-head': say('people.actions') },
      act('people.rename', 'account-rename', () => void this.#rename(account)),
      act('people.password', 'account-password', () => void this.#setPassword(account)),
      own ? null : act(isDisabled ? 'people.enable' : 'people.disable', 'account-disable', () => void this.#disable(account)));
    const rest = role === 'kiosk'
      ? [cell(say('people.program'), ...joined([version ?? say('people.notSaid'), hostname === null ? '' : make('bdi', {}, hostname)])), state,
        cell(say('people.seen'), lastSeen > 0 ? moment(lastSeen, ago(lastSeen, serverNow())) : say('list.never'))]
      : [cell(say('people.role'), accountRole(role)), state, cell(say('people.created'), moment(createdAt, createdAt > 0 ? timeOfDay(createdAt) : ''))];
    return make('tr', { role: 'row', testid: 'account', 'data-account-id': id, 'data-disabled': isDisabled }, head, ...rest, actions);
  }

  // What is done with them

  async #add(role) {
    const isKiosk = role === 'kiosk';
    const roles = isKiosk ? [] : [{ name: 'role', word: 'people.role', value: role, options: ['monitor', 'admin'].map((one) => [one, accountRole(one)]) }];
    await this.#on.ask({
      title: say(isKiosk ? 'people.addKiosk' : 'people.addPerson'), hint: say(isKiosk ? 'people.addKioskHint' : 'people.addPersonHint'), act: 'people.add',
      fields: [
        { name: 'id', word: 'people.id', value: '', fault: (id) => faultText(this.#accounts.state.items.some((one) => one.id === id) ? 'exists' : idFault(id)) },
        { name: 'displayName', word: 'people.displayName', value: '', fault: (name) => faultText(displayNameFault(name)) },
        ...roles,
        { name: 'password', word: 'page.password', value: newPassword(), fault: (password) => faultText(passwordFault(password)) },
      ],
      send: ({ id, displayName, password, role: chosen = role }) => addAccount(this.#api, { id, role: chosen, password, ...(displayName ? { displayName } : {}) }),
      secret: ({ id, password }) => ({ hint: say(isKiosk ? 'people.kioskSecret' : 'people.personSecret', { id }), text: password }),
    });
    await this.#accounts.load();
  }

  async #rename(account) {
    await this.#change(account, 'account-rename', {
      title: say('people.renameTitle', { name: titleOf(account) }), hint: say('people.renameHint'), act: 'people.rename',
      fields: [{ name: 'displayName', word: 'people.displayName', value: account.displayName, fault: (name) => (name === '' ? say('people.nameMissing') : faultText(displayNameFault(name))) }],
      send: ({ displayName }) => this.#patch(account, { displayName }),
    });
  }

  async #setPassword(account) {
    await this.#change(account, 'account-password', {
      title: say('people.passwordTitle', { name: titleOf(account) }), hint: say(account.id === this.#world.ownId() ? 'people.ownPasswordHint' : 'people.passwordHint'), act: 'people.password',
      fields: [{ name: 'password', word: 'page.password', value: newPassword(), fault: (password) => faultText(passwordFault(password)) }],
      send: ({ password }) => this.#patch(account, { password }),
      secret: ({ password }) => ({ hint: say('people.passwordSecret', { name: titleOf(account) }), text: password }),
    });
  }

  async #disable(account) {
    const { isDisabled } = account;
    await this.#change(account, 'account-disable', {
      title: say(isDisabled ? 'people.enableTitle' : 'people.disableTitle', { name: titleOf(account) }),
      hint: say(isDisabled ? 'people.enableHint' : 'people.disableHint'), act: isDisabled ? 'people.enable' : 'people.disable',
      send: () => this.#patch(account, { disabled: !isDisabled }),
    });
  }

  /** The row is another afterwards; the focus goes where it was. */
  async #change({ id, role }, testid, question) {
    await this.#on.ask(question);
    const row = this.#rows[role === 'kiosk' ? 'kiosks' : 'people'].rowOf(id);
    row?.querySelector(`[data-testid="${testid}"]`)?.focus();
  }

  async #patch({ id }, body) {
    const result = await this.#api.call('changeAccount', { path: { accountId: id }, body });
    const changed = result.ok ? readAccount(result.value) : null;
    if (changed) this.#accounts.revise((one) => (one.id === id ? changed : one));
    return result;
  }
}
