// Where pictures go so that they are large. Nothing here knows the page.

/** The largest picture of a shape (width by height) in a cell: its area. */
function area(width, height, shape) {
  const shown = Math.min(width, height * shape);
  return shown * shown / shape;
}

/**
 * The grid in which the sum of all pictures' areas is largest.
 * - width, height, gap: of the room, in pixels. - shapes: width by height of each picture.
 * `{columns, rows}`
 */
export function grid({ width, height, gap, shapes }) {
  const count = shapes.length;
  let best = { columns: 1, rows: Math.max(1, count), sum: -1 };
  for (let columns = 1; columns <= count; columns += 1) {
    const rows = Math.ceil(count / columns);
    // A row that stays empty is room given away.
    if (Math.ceil(count / rows) !== columns) continue;
    const cell = [(width - gap * (columns - 1)) / columns, (height - gap * (rows - 1)) / rows];
    if (Math.min(...cell) <= 0) continue;
    const sum = shapes.reduce((total, shape) => total + area(cell[0], cell[1], shape), 0);
    if (sum > best.sum) best = { columns, rows, sum };
  }
  return { columns: best.columns, rows: best.rows };
}

/** How much of the room the strip beside a large picture takes. */
const STRIP = 0.2;

/**
 * One picture large, the others in a strip beside or below it, whichever leaves the large one more.
 * `{side: 'right'|'below', strip}`: the strip's size in pixels and how many pictures it holds.
 */
export function focused({ width, height, gap, shapes, index }) {
  if (shapes.length < 2) return { side: 'right', strip: 0 };
  const right = area(width * (1 - STRIP) - gap, height, shapes[index]);
  const below = area(width, height * (1 - STRIP) - gap, shapes[index]);
  return right >= below ? { side: 'right', strip: width * STRIP } : { side: 'below', strip: height * STRIP };
}
