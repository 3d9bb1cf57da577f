// What the page says, in the language that was chosen.
//
// A catalogue is two levels of keys, `section.key`. Its values are texts with `{placeholders}`; texts by number, one for each plural category of
// the language (Intl.PluralRules), chosen by `count`; or, for words of the wire, pairs of what it means and what somebody can do about it.

import { en } from './en.js';
import { hi } from './hi.js';

/** The languages by their codes, and what each calls itself. */
export const LANGUAGES = new Map([
  ['en', { name: 'English', catalogue: en }],
  ['hi', { name: 'हिन्दी', catalogue: hi }],
]);

let current = 'en';
let plurals = new Intl.PluralRules(current);
const formats = new Map();

export function language() { return current; }

/** Whether there is such a language; the page speaks it from now on. */
export function speak(code) {
  if (!LANGUAGES.has(code)) return false;
  current = code;
  plurals = new Intl.PluralRules(code);
  formats.clear();
  return true;
}

/** The first of the languages wanted that there is; English otherwise. - wanted: codes with or without a region (`hi-IN`). */
export function preferred(wanted) {
  return wanted.map((code) => String(code).toLowerCase().split('-')[0]).find((code) => LANGUAGES.has(code)) ?? 'en';
}

/** A text of the page: `say('tile.stop')`, `say('time.minutes', { count: 5 })`. Numbers are written as the language writes them. */
export function say(key, values = {}) {
  const [section, name] = key.split('.');
  const message = found(section, name);
  if (message === undefined) throw new Error(`no words for ${key}`);
  return filled(message, values);
}

/** What a word of the wire means, `{text, todo}`; null for one that is unknown. */
export function explained(section, code, values = {}) {
  const pair = found(section, code);
  return pair === undefined ? null : { text: filled(pair[0], values), todo: pair[1] };
}

/** A text whose key came over the wire, or null. */
export function known(section, code, values = {}) {
  const message = found(section, code);
  return message === undefined ? null : filled(message, values);
}

/** What was inherited from every object is no word. */
function found(section, name) {
  const words = LANGUAGES.get(current).catalogue[section];
  return typeof name === 'string' && Object.hasOwn(words, name) ? words[name] : undefined;
}

function filled(message, values) {
  const text = typeof message === 'string' ? message : message[plurals.select(values.count)];
  return text.replace(/\{([a-zA-Z]+)\}/g, (_, name) => (typeof values[name] === 'number' ? number(values[name]) : String(values[name])));
}

// Numbers and times

/** - options: of Intl.NumberFormat. */
export function number(value, options = {}) {
  return format(Intl.NumberFormat, { maximumFractionDigits: 0, ...options }).format(value);
}

/** A moment; where it cannot be read, what came instead. - options: of Intl.DateTimeFormat. */
export function moment(value, options) {
  const date = new Date(value);
  return Number.isNaN(date.getTime()) ? String(value) : format(Intl.DateTimeFormat, options).format(date);
}

/** Formats are slow to make and are needed a hundred times a second. */
function format(kind, options) {
  const key = `${kind.name} ${JSON.stringify(options)}`;
  if (!formats.has(key)) formats.set(key, new kind(current, options));
  return formats.get(key);
}

/** Names in the order in which this language sorts them, numbers by their value. */
export function compareNames(one, other) {
  if (!formats.has('names')) formats.set('names', new Intl.Collator(current, { numeric: true }));
  return formats.get('names').compare(one, other);
}

// The document

/** Attributes that name the words of an element, and what they fill. */
const FILLED = Object.freeze({
  'data-word': (element, text) => { element.textContent = text; },
  'data-word-label': (element, text) => element.setAttribute('aria-label', text),
  'data-word-title': (element, text) => element.setAttribute('title', text),
  'data-word-placeholder': (element, text) => element.setAttribute('placeholder', text),
});

/** Gives an element other words: `relabel(button, 'data-word-label', 'tile.soundOn')`. They follow the language. */
export function relabel(element, attribute, key) {
  if (element.getAttribute(attribute) === key) return;
  element.setAttribute(attribute, key);
  FILLED[attribute](element, say(key));
}

/** Writes the words of everything below `root` that names its own. */
export function fill(root) {
  for (const [attribute, write] of Object.entries(FILLED)) {
    for (const element of root.querySelectorAll(`[${attribute}]`)) write(element, say(element.getAttribute(attribute)));
  }
  for (const template of root.querySelectorAll('template')) fill(template.content);
}
