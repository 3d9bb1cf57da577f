// The ways to the pages, as many as the account has something to see on.

import { homeOf, mayOpen, writeRoute } from '../state/routes.js';

export class Navigation {
  #element; #console; #home;

  /** - element: holds the links, each with `data-page`. - console: the element whose layout follows. - home: a link back to where the account begins. */
  constructor({ element, console: whole, home }) {
    this.#element = element;
    this.#console = whole;
    this.#home = home;
  }

  show(page, role) {
    this.#console.dataset.page = page;
    this.#home.href = writeRoute({ page: homeOf(role) });
    for (const link of this.#element.querySelectorAll('a')) {
      link.hidden = !mayOpen(role, link.dataset.page);
      if (link.dataset.page === page) link.setAttribute('aria-current', 'page'); else link.removeAttribute('aria-current');
    }
  }
}
