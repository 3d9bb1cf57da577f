// One picture more than can be watched at once: the operator says which makes room.

import { say } from '../../words/language.js';

/**
 * The id of the kiosk that goes, or null.
 * - dialog: the element. - name: of the kiosk that is to be watched. - others: `{kioskId, name}` of those that are.
 */
export function askWhomToReplace({ dialog, name, others }) {
  const list = dialog.querySelector('ul');
  dialog.querySelector('h2').textContent = say('replace.title', { name });
  list.replaceChildren(...others.map((other) => {
    const item = document.createElement('li');
    const button = document.createElement('button');
    button.type = 'submit';
    button.value = other.kioskId;
    button.className = 'choice';
    button.textContent = other.name;
    item.append(button);
    return item;
  }));
  dialog.returnValue = '';
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => resolve(dialog.returnValue || null), { once: true });
  });
}
