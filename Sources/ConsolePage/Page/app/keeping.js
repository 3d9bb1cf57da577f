// Where the preferences are kept: in this browser. A store at the server takes its place with the same two functions.

const KEY = 'kiosk-console.preferences';

/** `read()`: what was kept, or null. `write(preferences)`. `changed(heard)`: calls `heard()` when another window wrote. */
export const browserStore = Object.freeze({
  read() {
    try {
      return JSON.parse(localStorage.getItem(KEY));
    } catch {
      // Somebody else wrote there, or nobody may.
      return null;
    }
  },
  write(preferences) {
    try {
      localStorage.setItem(KEY, JSON.stringify(preferences));
    } catch (error) {
      console.warn(`preferences: not kept: ${error.message}`);
    }
  },
  changed(heard) {
    addEventListener('storage', (event) => { if (event.key === KEY || event.key === null) heard(); });
  },
});

/** Reads the preferences into the page's store, and keeps them from then on. */
export function keepPreferences(store, kept = browserStore) {
  const read = () => store.dispatch({ type: 'preferences', kept: kept.read() });
  read();
  let written = store.state.preferences;
  kept.changed(() => { read(); written = store.state.preferences; });
  store.subscribe(({ preferences }) => {
    if (preferences === written) return;
    written = preferences;
    kept.write(preferences);
  });
}
