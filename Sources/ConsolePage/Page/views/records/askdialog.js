// A question with a few fields, whose answer is sent to the server while the dialog is open: what is refused can be mended there.

import { relabel } from '../../words/language.js';
import { refusalText } from '../../words/texts.js';
import { make } from './dom.js';
import { copied } from '../room/tools.js';

export class AskDialog {
  #dialog; #title; #hint; #fields; #error; #submit; #secret; #cancel;
  #question = null;
  #isDone = false;

  constructor({ dialog }) {
    this.#dialog = dialog;
    this.#title = make('h2', { id: `${dialog.id}-title` });
    this.#hint = make('p', { class: 'hint' });
    this.#fields = make('div', { class: 'ask-fields' });
    this.#error = make('p', { class: 'form-error', role: 'alert', testid: 'ask-error' });
    this.#secret = make('div', { class: 'secret', hidden: true });
    this.#submit = make('button', { type: 'submit', class: 'primary', testid: 'ask-submit' });
    this.#cancel = make('button', { type: 'button', class: 'quiet', testid: 'ask-cancel', on: { click: () => dialog.close('') } });
    const form = make('form', { class: 'ask', novalidate: true, autocomplete: 'off', on: { submit: (event) => { event.preventDefault(); void this.#send(); } } },
      this.#title, this.#hint, this.#fields, this.#error, this.#secret, make('p', { class: 'ask-actions' }, this.#submit, this.#cancel));
    dialog.setAttribute('aria-labelledby', this.#title.id);
    dialog.append(form);
    dialog.addEventListener('close', () => {
      // A secret is shown once.
      this.#secret.replaceChildren();
      this.#fields.replaceChildren();
      this.#question?.resolve(this.#isDone);
      this.#question = null;
    });
  }

  /**
   * Whether it was done.
   * - title, hint: texts. - act: the key of what the button says. - fields: `{name, word, value, options, fault(value)}`; options are `[value, text]`, a fault is a text or null.
   * - send(values): gives a result of the API. - secret(values): what is shown once when it is done, `{hint, text}`; null where there is nothing.
   */
  ask({ title, hint, act, fields = [], send, secret = () => null }) {
    this.#isDone = false;
    this.#title.textContent = title;
    this.#hint.textContent = hint;
    this.#error.textContent = '';
    this.#secret.hidden = true;
    this.#fields.hidden = this.#submit.hidden = this.#hint.hidden = false;
    this.#submit.disabled = false;
    relabel(this.#submit, 'data-word', act);
    relabel(this.#cancel, 'data-word', 'people.cancel');
    this.#fields.replaceChildren(...fields.map((field) => this.#field(field)));
    this.#dialog.returnValue = '';
    this.#dialog.showModal();
    const first = this.#fields.querySelector('input, select') ?? this.#cancel;
    first.focus();
    if (first instanceof HTMLInputElement) first.select();
    return new Promise((resolve) => { this.#question = { fields, send, secret, resolve }; });
  }

  #field({ name, word, value, options }) {
    const id = `${this.#dialog.id}-${name}`;
    const plain = { id, name, testid: `ask-${name}`, autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false', 'aria-describedby': `${id}-fault` };
    const control = options ? make('select', plain, ...options.map(([known, text]) => make('option', { value: known }, text))) : make('input', { ...plain, type: 'text' });
    control.value = value;
    return make('p', { class: 'field' }, make('label', { for: id, word }), control, make('span', { class: 'form-error', id: `${id}-fault` }));
  }

  async #send() {
    if (!this.#question || this.#submit.disabled) return;
    const question = this.#question;
    const values = {};
    let faulty = null;
    for (const { name, fault = () => null } of question.fields) {
      const control = this.#fields.querySelector(`[name="${name}"]`);
      values[name] = control.value.trim();
      const text = fault(values[name]);
      control.setAttribute('aria-invalid', String(text !== null));
      this.#fields.querySelector(`#${control.id}-fault`).textContent = text ?? '';
      if (text !== null) faulty ??= control;
    }
    if (faulty) { faulty.focus(); return; }
    this.#submit.disabled = true;
    this.#error.textContent = '';
    const result = await question.send(values);
    if (this.#question !== question) return;
    this.#submit.disabled = false;
    if (!result.ok) { this.#error.textContent = refusalText(result.error); return; }
    this.#isDone = true;
    const secret = question.secret(values);
    if (secret === null) this.#dialog.close(''); else this.#reveal(secret);
  }

  #reveal({ hint, text }) {
    const told = make('p', { role: 'status' });
    const copy = make('button', { type: 'button', class: 'quiet', word: 'people.copy', testid: 'ask-copy', on: { click: async () => { told.textContent = await copied(text); } } });
    this.#secret.replaceChildren(make('p', {}, hint), make('p', {}, make('output', { class: 'password', testid: 'ask-secret' }, text), ' ', copy), told);
    this.#secret.hidden = false;
    this.#fields.hidden = this.#submit.hidden = this.#hint.hidden = true;
    this.#fields.replaceChildren();
    relabel(this.#cancel, 'data-word', 'page.close');
    this.#cancel.focus();
  }
}
