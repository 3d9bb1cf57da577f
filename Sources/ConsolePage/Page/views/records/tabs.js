// The parts of a page of records: each has an address of its own.

import { writeRoute } from '../../state/routes.js';
import { make } from './dom.js';

/**
 * `{element, show(name)}`
 * - page: whose parts they are. - label: the key of their name. - names: `[name, word]` of each.
 */
export function makeTabs({ page, label, names }) {
  const links = new Map(names.map(([name, word]) => [name, make('a', { class: 'tab', href: writeRoute({ page, query: { tab: name } }), word, testid: `tab-${name}` })]));
  return {
    element: make('nav', { class: 'tabs', label }, ...links.values()),
    show(name) {
      for (const [other, link] of links) {
        if (other === name) link.setAttribute('aria-current', 'page'); else link.removeAttribute('aria-current');
      }
    },
  };
}
