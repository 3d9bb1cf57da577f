// The watched kiosks' pictures, as large as they can be.

import { focused, grid } from './layout.js';

/** How long a picture that has just come is marked, in milliseconds. */
const NEW_FOR = 2_500;

export class Wall {
  #stage; #empty; #arranged;
  #tiles = new Map();
  #order = [];
  #focus = null;
  #narrow = matchMedia('(max-width: 46rem)');

  /** - stage: the element that holds the tiles. - empty: what is shown while there are none. - arranged(): other pictures, or another focus. */
  constructor({ stage, empty, arranged }) {
    this.#stage = stage;
    this.#empty = empty;
    this.#arranged = arranged;
    new ResizeObserver(() => this.arrange()).observe(stage);
    this.#narrow.addEventListener('change', () => this.arrange());
  }

  /** In their order. */
  get kioskIds() { return [...this.#order]; }

  tile(kioskId) { return this.#tiles.get(kioskId) ?? null; }

  add(kioskId, tile, place) {
    const { element } = tile;
    this.#stage.insertBefore(element, this.tile(this.#order[place])?.element ?? null);
    this.#order.splice(place, 0, kioskId);
    this.#tiles.set(kioskId, tile);
    tile.video.addEventListener('resize', () => this.arrange());
    this.arrange();
    this.#arranged();
    element.scrollIntoView({ block: 'nearest' });
    element.classList.add('new');
    setTimeout(() => element.classList.remove('new'), NEW_FOR);
  }

  remove(kioskId) {
    this.#tiles.delete(kioskId);
    this.#order = this.#order.filter((id) => id !== kioskId);
    if (this.#focus === kioskId) this.#focus = null;
    this.arrange();
    this.#arranged();
  }

  /** Whether the screen is a phone's. */
  get isNarrow() { return this.#narrow.matches; }

  /** Whether a picture lies above everything else. */
  get isSheet() { return this.#stage.dataset.sheet === 'on'; }

  get focus() { return this.#focus; }

  /** One picture large and the others small; null for all alike. */
  set focus(kioskId) {
    this.#focus = kioskId !== null && this.#tiles.has(kioskId) ? kioskId : null;
    this.arrange();
    this.#arranged();
  }

  arrange() {
    const { style, dataset } = this.#stage;
    const ids = this.#order;
    dataset.count = String(ids.length);
    this.#empty.hidden = ids.length > 0;
    for (const [kioskId, tile] of this.#tiles) tile.isLarge = kioskId === this.#focus;
    style.gridTemplateColumns = style.gridTemplateRows = '';
    dataset.focus = '';
    // On a small screen one picture follows the other, and a large one lies above all.
    dataset.sheet = this.#narrow.matches && this.#focus !== null ? 'on' : 'off';
    if (ids.length === 0 || this.#narrow.matches) return;
    const shapes = ids.map((kioskId) => this.tile(kioskId).shape);
    const gap = Number.parseFloat(getComputedStyle(this.#stage).columnGap) || 0;
    const padding = 2 * gap;
    const room = { width: this.#stage.clientWidth - padding, height: this.#stage.clientHeight - padding, gap, shapes };
    if (this.#focus !== null && ids.length > 1) {
      const { side, strip } = focused({ ...room, index: ids.indexOf(this.#focus) });
      dataset.focus = side;
      const others = `repeat(${ids.length - 1}, minmax(0, 1fr))`;
      style.gridTemplateColumns = side === 'right' ? `minmax(0, 1fr) ${Math.round(strip)}px` : others;
      style.gridTemplateRows = side === 'right' ? others : `minmax(0, 1fr) ${Math.round(strip)}px`;
    } else {
      const { columns, rows } = grid(room);
      style.gridTemplateColumns = `repeat(${columns}, minmax(0, 1fr))`;
      style.gridTemplateRows = `repeat(${rows}, minmax(0, 1fr))`;
    }
  }
}
