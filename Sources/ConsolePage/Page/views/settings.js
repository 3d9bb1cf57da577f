// What the operator chooses for this console: the controls, and what follows at once from language and colours.

import { fill, LANGUAGES, language, preferred, speak } from '../words/language.js';
import { hasNotifications } from './attention.js';

/** What a control says, by what the preference's usual value is. */
const READ = {
  boolean: (control) => control.checked,
  number: (control) => Number(control.value),
  string: (control) => control.value,
};

export class Settings {
  #controls; #chosen; #spoken;
  #isDark = matchMedia('(prefers-color-scheme: dark)');
  #preferences = null;
  #spoke = null;

  /** - controls: the form's elements by the names of the preferences. - chosen(name, value): the operator did. - spoken(): the page has another language. */
  constructor({ controls, chosen, spoken }) {
    this.#controls = controls;
    this.#chosen = chosen;
    this.#spoken = spoken;
    for (const [code, { name }] of LANGUAGES) {
      const option = document.createElement('option');
      option.value = option.lang = code;
      option.textContent = name;
      controls.language.append(option);
    }
    for (const [name, control] of Object.entries(controls)) control.addEventListener('change', () => void this.#choose(name, control));
    controls.notifications.disabled = !hasNotifications();
    this.#isDark.addEventListener('change', () => this.#dress());
  }

  async #choose(name, control) {
    const value = READ[name === 'language' ? 'string' : typeof this.#preferences[name]](control);
    // The browser asks, once; who refused there is not asked again by a tick that lies.
    const isRefused = name === 'notifications' && value && (await Notification.requestPermission()) !== 'granted';
    if (isRefused) control.checked = false; else this.#chosen(name, value);
  }

  /** Whether it was shown once. */
  get isShown() { return this.#preferences !== null; }

  show(preferences) {
    this.#preferences = preferences;
    this.#dress();
    if (this.#spoke === null || preferences.language !== this.#spoke.wanted) this.#speak(preferences.language);
    for (const [name, control] of Object.entries(this.#controls)) {
      const value = name === 'language' ? language() : preferences[name];
      if (typeof value === 'boolean') control.checked = value; else control.value = String(value);
    }
  }

  #speak(wanted) {
    this.#spoke = { wanted };
    if (!speak(wanted)) speak(preferred(navigator.languages));
    document.documentElement.lang = language();
    fill(document);
    this.#spoken();
  }

  /** Control rooms are dark, unless somebody chooses otherwise. */
  #dress() {
    const { appearance } = this.#preferences;
    const system = this.#isDark.matches ? 'dark' : 'light';
    document.documentElement.dataset.appearance = appearance === 'system' ? system : appearance;
  }
}
