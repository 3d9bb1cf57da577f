// What the operator chose for this browser: the language and the colours.

import { fill, LANGUAGES, language, preferred, speak } from '../words/language.js';

const APPEARANCES = new Set(['dark', 'light', 'contrast', 'system']);

export class Settings {
  #language; #appearance; #spoken;
  #chosen = 'dark';
  #isDark = matchMedia('(prefers-color-scheme: dark)');

  /** - language, appearance: the elements to choose with. - spoken(): the page has another language. */
  constructor({ language: languages, appearance, spoken }) {
    this.#language = languages;
    this.#appearance = appearance;
    this.#spoken = spoken;
    for (const [code, { name }] of LANGUAGES) {
      const option = document.createElement('option');
      option.value = option.lang = code;
      option.textContent = name;
      languages.append(option);
    }
    languages.addEventListener('change', () => {
      localStorage.setItem('kiosk-console.language', languages.value);
      this.#speak(languages.value);
    });
    appearance.addEventListener('change', () => {
      localStorage.setItem('kiosk-console.appearance', appearance.value);
      this.#dress(appearance.value);
    });
    this.#isDark.addEventListener('change', () => this.#dress(this.#chosen));
    this.#dress(localStorage.getItem('kiosk-console.appearance'));
    this.#speak(localStorage.getItem('kiosk-console.language'));
  }

  #speak(code) {
    if (!speak(code)) speak(preferred(navigator.languages));
    document.documentElement.lang = language();
    this.#language.value = language();
    fill(document);
    this.#spoken();
  }

  /** Control rooms are dark, unless somebody chooses otherwise. */
  #dress(chosen) {
    this.#chosen = APPEARANCES.has(chosen) ? chosen : 'dark';
    this.#appearance.value = this.#chosen;
    const system = this.#isDark.matches ? 'dark' : 'light';
    document.documentElement.dataset.appearance = this.#chosen === 'system' ? system : this.#chosen;
  }
}
