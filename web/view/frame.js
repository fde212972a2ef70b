/**
 * The page's one animation frame. Whoever has something to draw asks for the next frame; all draw
 * in it, and nothing runs while nothing changes.
 */

/** @type {Set<(now: number) => void>} */
const wanted = new Set();
let asked = 0;

/** Draws `render` once, in the next frame. @param {(now: number) => void} render */
export function ask(render) {
  wanted.add(render);
  if (!asked) asked = requestAnimationFrame(run);
}

/** @param {(now: number) => void} render */
export function forget(render) {
  wanted.delete(render);
}

/** @param {number} now */
function run(now) {
  asked = 0;
  const renders = [...wanted];
  wanted.clear();
  for (const render of renders) render(now);
}
