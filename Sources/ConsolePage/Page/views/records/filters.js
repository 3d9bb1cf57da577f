// What a list is narrowed to: a form, whose values go into the address.

import { compareNames, say } from '../../words/language.js';
import { make } from './dom.js';

export class Filters {
  element; #fields;

  /**
   * - fields: `{name, word, type}`; of type `select` with `options(): [value, text]`, the first of which is everything. - chosen(values): the operator wants these.
   */
  constructor({ fields, chosen, testid }) {
    this.#fields = new Map(fields.map((field) => [field.name, { ...field, control: control(field, testid) }]));
    const cells = [...this.#fields.values()].map(({ word, control: input }) => make('p', { class: 'field' }, make('label', { for: input.id, word }), input));
    const reset = make('button', { type: 'reset', class: 'quiet', word: 'remote.all', testid: `${testid}-reset` });
    const submit = make('button', { type: 'submit', class: 'primary', word: 'remote.show', testid: `${testid}-show` });
    this.element = make('form', { class: 'filters', testid, on: { submit: (event) => { event.preventDefault(); chosen(this.values); }, reset: () => chosen({}) } },
      ...cells, make('p', { class: 'field actions' }, submit, reset));
  }

  /** What is filled in, by the fields' names. */
  get values() {
    return Object.fromEntries([...this.#fields.values()].map(({ name, control: input }) => [name, input.value.trim()]));
  }

  show(values) {
    for (const { name, control: input, options } of this.#fields.values()) {
      if (options) offer(input, options(), values[name] ?? '');
      else input.value = values[name] ?? '';
    }
  }
}

function control({ name, type, options }, testid) {
  const id = `${testid}-${name}`;
  return make(options ? 'select' : 'input', { id, name, type: options ? null : type, 'data-testid': id, autocomplete: 'off', spellcheck: 'false', maxlength: type === 'text' ? 128 : null });
}

/** A value that is not among the options, as an address may have it, is one more. */
function offer(select, options, value) {
  const all = options.some(([known]) => known === value) ? options : [...options, [value, value]];
  select.replaceChildren(...all.map(([known, text]) => make('option', { value: known }, text)));
  select.value = value;
}

/** All kiosks by their names, to choose from. */
export function kioskOptions(kiosks) {
  const known = [...kiosks.byId.values()].map(({ kioskId, displayName }) => [kioskId, displayName || kioskId]);
  return [['', say('remote.any')], ...known.sort(([, one], [, other]) => compareNames(one, other))];
}
