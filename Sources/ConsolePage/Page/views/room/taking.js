// A kiosk that another window of the same person watches: it is taken from there only when the operator says so.

import { say } from '../../words/language.js';

/** Whether it is to be watched here. - dialog: the element. - name: of the kiosk. */
export function askToTake({ dialog, name }) {
  dialog.querySelector('h2').textContent = say('windows.title', { name });
  dialog.returnValue = '';
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => resolve(dialog.returnValue === 'take'), { once: true });
  });
}
