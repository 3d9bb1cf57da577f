// Many accounts out of one file: read in the browser, each line judged, then sent one after the other.

import { addAccount } from '../../net/addaccount.js';
import { newPassword } from '../../state/records/accounts.js';
import { judge } from '../../state/records/bulk.js';
import { writeCSV } from '../../state/records/csv.js';
import { explained, say } from '../../words/language.js';
import { accountRole } from '../../words/recordtexts.js';
import { refusalText } from '../../words/texts.js';
import { button, make } from './dom.js';
import { cell, makeTable } from './rows.js';
import { download } from '../room/tools.js';

/** How often a server that is busy is asked again, and how long is waited where it does not say (seconds). */
const ATTEMPTS = 30;
const PAUSE = 2;

export class BulkDialog {
  #dialog; #api; #taken; #changed;
  #file; #told; #table; #send; #stop; #save; #close;
  #lines = [];
  #isRunning = false;
  #isUnsaved = false;

  /** - taken(): the ids that there are. - changed(): accounts have been added. */
  constructor({ dialog, api, taken, changed }) {
    this.#dialog = dialog;
    this.#api = api;
    this.#taken = taken;
    this.#changed = changed;
    const title = make('h2', { id: `${dialog.id}-title`, word: 'bulk.title' });
    dialog.setAttribute('aria-labelledby', title.id);
    this.#file = make('input', { type: 'file', id: 'bulk-file', accept: '.csv,.txt,text/csv,text/plain', testid: 'bulk-file', on: { change: () => void this.#read() } });
    this.#told = make('p', { role: 'status', testid: 'bulk-told' });
    this.#table = makeTable({ label: 'bulk.lines', columns: ['bulk.line', 'people.id', 'people.role', 'people.displayName', 'bulk.result'], testid: 'bulk-lines' });
    this.#send = button('bulk.send', () => void this.#run(), { class: 'primary', testid: 'bulk-send' });
    this.#stop = button('bulk.stop', () => { this.#isRunning = false; }, { testid: 'bulk-stop' });
    this.#save = button('bulk.save', () => this.#download(), { class: 'primary', testid: 'bulk-save' });
    this.#close = button('page.close', () => this.#leave(), { testid: 'bulk-close' });
    dialog.append(title,
      make('p', { class: 'hint', word: 'bulk.hint' }),
      make('pre', { class: 'example', label: 'bulk.example' }, 'id,role,displayName,password\nKIOSK_07,kiosk,"Platform 7, Central",\nMONITOR_03,monitor,Asha Rao,\n'),
      make('p', { class: 'field' }, make('label', { for: 'bulk-file', word: 'bulk.file' }), this.#file),
      this.#told,
      make('div', { class: 'bulk-lines', tabindex: '0', role: 'group', label: 'bulk.lines' }, this.#table.element),
      make('p', { class: 'ask-actions' }, this.#send, this.#stop, this.#save, this.#close));
    dialog.addEventListener('cancel', (event) => { event.preventDefault(); this.#leave(); });
    // Nothing of it stays, the passwords least of all.
    dialog.addEventListener('close', () => this.#forget());
  }

  open() {
    this.#forget();
    this.#dialog.showModal();
    this.#file.focus();
  }

  #forget() {
    this.#isRunning = this.#isUnsaved = false;
    this.#lines = [];
    this.#file.value = '';
    this.#told.textContent = '';
    this.#draw();
  }

  /** Passwords that were made here are nowhere else: leaving them takes two clicks. */
  #leave() {
    if (this.#isRunning) return;
    if (!this.#isUnsaved) { this.#dialog.close(''); return; }
    this.#isUnsaved = false;
    this.#told.textContent = say('bulk.unsaved');
  }

  async #read() {
    const [file] = this.#file.files;
    if (!file) return;
    const source = await file.text().catch(() => null);
    const { problem, lines } = source === null ? { problem: 'unreadable', lines: [] } : judge(source, this.#taken());
    this.#lines = lines.map((line) => ({ ...line, outcome: null, made: '' }));
    const good = lines.filter(({ verdict }) => verdict === 'good').length;
    this.#told.textContent = problem === null ? say('bulk.judged', { good, count: lines.length }) : problemText(problem);
    this.#draw();
  }

  #draw() {
    const sendable = this.#lines.filter(isSendable).length;
    this.#table.element.hidden = this.#lines.length === 0;
    this.#table.body.replaceChildren(...this.#lines.map((line) => this.#row(line)));
    this.#send.hidden = sendable === 0 || this.#isRunning;
    this.#stop.hidden = !this.#isRunning;
    this.#save.hidden = this.#isRunning || !this.#lines.some(({ outcome }) => outcome !== null);
    this.#close.disabled = this.#file.disabled = this.#isRunning;
  }

  #row(line) {
    const { text, tone } = resultOf(line);
    return make('tr', { role: 'row', testid: 'bulk-line', 'data-tone': tone },
      cell(say('bulk.line'), String(line.line)), cell(say('people.id'), make('bdi', {}, line.id)), cell(say('people.role'), accountRole(line.role)),
      cell(say('people.displayName'), make('bdi', {}, line.displayName)), cell(say('bulk.result'), text));
  }

  async #run() {
    this.#isRunning = true;
    this.#draw();
    this.#stop.focus();
    for (const [index, line] of this.#lines.entries()) {
      if (!isSendable(line)) continue;
      const password = line.password || newPassword();
      const outcome = await this.#add({ id: line.id, role: line.role, password, ...(line.displayName ? { displayName: line.displayName } : {}) });
      if (outcome === null) break;
      Object.assign(line, { outcome, made: outcome.ok && !line.password ? password : '' });
      this.#isUnsaved ||= line.made !== '';
      this.#table.body.children[index]?.replaceWith(this.#row(line));
      this.#told.textContent = say('bulk.progress', { done: this.#lines.filter((one) => one.outcome !== null).length, count: this.#lines.filter(({ verdict }) => verdict === 'good').length });
      if (!outcome.ok && outcome.error.final && outcome.error.status !== 400) break;
    }
    this.#isRunning = false;
    const added = this.#lines.filter(({ outcome }) => outcome?.ok).length;
    const failed = this.#lines.filter(({ outcome }) => outcome !== null && !outcome.ok).length;
    this.#told.textContent = say('bulk.finished', { added, failed, left: this.#lines.filter(isSendable).length });
    this.#draw();
    (this.#save.hidden ? this.#close : this.#save).focus();
    this.#changed();
  }

  /** What came of it; null where it was stopped. A server that hashes as many passwords as it can is asked again. */
  async #add(body) {
    for (let attempt = 1; ; attempt += 1) {
      if (!this.#isRunning) return null;
      const result = await addAccount(this.#api, body);
      if (result.ok || result.error.code !== 'throttled' || attempt === ATTEMPTS) return result;
      await new Promise((resolve) => { setTimeout(resolve, (result.error.retryAfter ?? PAUSE) * 1000); });
    }
  }

  #download() {
    const records = this.#lines.map((line) => [line.line, line.id, line.role, line.displayName, line.made, resultOf(line).text]);
    download(new Blob([writeCSV([['line', 'id', 'role', 'displayName', 'password', 'result'], ...records])], { type: 'text/csv' }), 'new-accounts.csv');
    this.#isUnsaved = false;
    this.#told.textContent = say('bulk.saved');
  }
}

const isSendable = ({ verdict, outcome }) => verdict === 'good' && outcome === null;

function resultOf({ verdict, outcome }) {
  if (outcome?.ok) return { text: say('bulk.added'), tone: 'good' };
  if (outcome) return { text: refusalText(outcome.error), tone: 'bad' };
  const { text, todo } = explained('judged', verdict);
  return { text: todo ? `${text} ${todo}` : text, tone: verdict === 'good' ? 'busy' : 'warn' };
}

function problemText(problem) {
  switch (problem) {
    case 'empty': return say('bulk.empty');
    case 'quote': return say('bulk.quote');
    case 'head': return say('bulk.head');
    case 'long': return say('bulk.long');
    default: return say('bulk.unreadable');
  }
}
