// The page is made of many files. Where one of them did not come, because the network changed just then, all are fetched again: the other way is a
// blank page until somebody reloads it. This file is no module, so that it is there when a module is not.

/** How long until the next attempt, in milliseconds. */
const PAUSE = 1_000;

addEventListener('error', (event) => {
  if (!(event.target instanceof HTMLScriptElement)) return;
  const line = document.getElementById('boot');
  if (line) line.hidden = false;
  setTimeout(() => location.reload(), PAUSE);
}, true);
