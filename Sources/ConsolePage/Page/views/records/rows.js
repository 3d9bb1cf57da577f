// Lists and tables whose rows come and go with what they show: one that stays the same stays, and keeps the focus.

import { make } from './dom.js';

export class Rows {
  #parent; #keyOf; #make;
  #made = new Map();

  /** - keyOf(item): what tells one from another. - make(item): its row, or `{row, freshen}` where time changes what is read there. */
  constructor({ parent, keyOf, make: makeRow }) {
    this.#parent = parent;
    this.#keyOf = keyOf;
    this.#make = makeRow;
  }

  show(items) {
    const before = this.#made;
    this.#made = new Map();
    for (const item of items) {
      const key = this.#keyOf(item);
      const kept = before.get(key);
      this.#made.set(key, kept && isSame(kept.item, item) ? kept : { item, freshen: () => {}, ...this.#row(item) });
    }
    const wanted = new Set([...this.#made.values()].map(({ row }) => row));
    for (const row of [...this.#parent.children]) if (!wanted.has(row)) row.remove();
    let at = 0;
    for (const row of wanted) {
      if (this.#parent.children[at] !== row) this.#parent.insertBefore(row, this.#parent.children[at] ?? null);
      at += 1;
    }
  }

  #row(item) {
    const made = this.#make(item);
    return made instanceof HTMLElement ? { row: made } : made;
  }

  /** Made anew when they are shown next: the language or a name has changed. */
  forget() { this.#made.clear(); }

  rowOf(key) { return this.#made.get(key)?.row ?? null; }

  freshen() { for (const { freshen } of this.#made.values()) freshen(); }
}

/** A list that was read again has other items that say the same. */
function isSame(one, other) {
  return one === other || JSON.stringify(one) === JSON.stringify(other);
}

/**
 * A table that a narrow window shows as a list of cards: it says what is what to a screen reader in either shape.
 * - label: the key of its name. - columns: keys of their heads.
 * @returns {{element: HTMLElement, body: HTMLElement}}
 */
export function makeTable({ label, columns, testid }) {
  const heads = columns.map((word) => make('th', { role: 'columnheader', scope: 'col', word }));
  const body = make('tbody', { role: 'rowgroup' });
  const element = make('table', { role: 'table', class: 'records', label, testid },
    make('thead', { role: 'rowgroup' }, make('tr', { role: 'row' }, ...heads)), body);
  return { element, body };
}

/** - head: what its column is called, for the card. */
export function cell(head, ...children) {
  return make('td', { role: 'cell', 'data-head': head }, ...children.filter((child) => child !== ''));
}
