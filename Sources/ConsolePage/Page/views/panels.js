// The panels beside the pictures, which may be folded away.

export class Panel {
  #room; #button; #name; #folded;
  #isFolded = false;

  /** - room: the element whose layout follows. - button: folds and unfolds. - name: of the panel in `data-NAME`. - folded(isFolded): the operator did. */
  constructor({ room, button, name, folded }) {
    this.#room = room;
    this.#button = button;
    this.#name = name;
    this.#folded = folded;
    button.addEventListener('click', () => this.toggle());
  }

  toggle() { this.#folded(!this.#isFolded); }

  show(isFolded) {
    this.#isFolded = isFolded;
    this.#room.dataset[this.#name] = isFolded ? 'folded' : 'open';
    this.#button.setAttribute('aria-expanded', String(!isFolded));
  }
}
