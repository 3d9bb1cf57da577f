// Elements of the pages that are made here and not in the document.

import { say } from '../../words/language.js';

/** Properties that name words: they follow the language as those of the document do. */
const WORDS = { word: 'data-word', label: 'data-word-label', hint: 'data-word-placeholder' };

/**
 * An element with its children, which are elements or text; null is none.
 * - properties: attributes by their names (true: present; false, null: absent; of data, what they are). `word`, `label`, `hint`: keys of words. `testid`. `on`: listeners by the event.
 * @returns {any}
 */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith('data-') && typeof value === 'boolean') element.setAttribute(name, String(value));
    else if (value === null || value === false) continue;
    else if (name === 'on') for (const [event, heard] of Object.entries(value)) element.addEventListener(event, heard);
    else if (name === 'testid') element.dataset.testid = value;
    else element.setAttribute(WORDS[name] ?? name, value === true ? '' : String(value));
  }
  if (properties.word) element.textContent = say(properties.word);
  if (properties.label) element.setAttribute('aria-label', say(properties.label));
  if (properties.hint) element.setAttribute('placeholder', say(properties.hint));
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** A button that is no form's. */
export function button(word, act, properties = {}) {
  return make('button', { type: 'button', class: 'quiet', word, ...properties, on: { click: act } });
}

/** Texts with a separator between them, some of them as elements; what is empty is left out. */
export function joined(parts, separator = ' · ') {
  return parts.filter((part) => part !== null && part !== '').flatMap((part, index) => (index === 0 ? [part] : [separator, part]));
}

/** A way to a kiosk's own page. */
export function kioskLink(kioskId, name, properties = {}) {
  return make('a', { class: 'link', href: `#/kiosks/${kioskId}`, ...properties }, make('bdi', {}, name));
}

/** A moment: `at` in milliseconds since 1970, `text` as it is to be read. */
export function moment(at, text, properties = {}) {
  return make('time', { datetime: at > 0 ? new Date(at).toISOString() : null, ...properties }, text);
}
