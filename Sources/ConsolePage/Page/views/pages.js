// Which page the address shows.

export class Pages {
  #pages;

  /** - pages: by their names, `{element, focus}`: what is shown, and what then has the focus, or null. */
  constructor(pages) {
    this.#pages = new Map(Object.entries(pages));
  }

  show(name) {
    const { element, focus } = this.#pages.get(name);
    const isAnother = element.hidden;
    for (const page of this.#pages.values()) page.element.hidden = page.element !== element;
    if (isAnother) focus?.focus();
  }
}
