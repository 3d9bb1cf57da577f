// A list of the server's that is read page by page: what of it is here.

/** @type {{phase: string, items: any[], next: string | null, error: any}} */
export const NOTHING = Object.freeze({ phase: 'none', items: [], next: null, error: null });

/**
 * `{phase, items, next, error}`
 * - phase: `none` (never asked for), `loading` (the beginning is on its way), `more` (further items are), `ready`, `failed`.
 * - items: in the server's order. What was there stays while the list is read again, unless it is another list. - next: where it goes on; null at its end.
 * - error: why the last request came to nothing, or null.
 *
 * Events: `{type: 'asked', isMore, isAnother}`, `{type: 'answered', items, next, isMore}`, `{type: 'refused', error}`, `{type: 'forgotten'}`.
 */
export function reduceRemote(list = NOTHING, event) {
  switch (event.type) {
    case 'asked':
      return { ...(event.isAnother ? NOTHING : list), phase: event.isMore ? 'more' : 'loading', error: null };
    case 'answered':
      return { phase: 'ready', items: event.isMore ? [...list.items, ...event.items] : event.items, next: event.next, error: null };
    case 'refused': return { ...list, phase: 'failed', error: event.error };
    case 'forgotten': return NOTHING;
    default: return list;
  }
}
