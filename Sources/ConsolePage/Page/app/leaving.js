// A closed page watches nobody.

import { request } from '../net/api.js';

/**
 * Said at once instead of leaving a camera on for the grace period. What a WebSocket is given now may never leave the machine (Firefox);
 * a request that may outlive its page does.
 */
export function sayGoodbye({ account, line, watching, entrance }) {
  addEventListener('pagehide', () => {
    const token = account.heldToken;
    const end = (sessionId) => { void request('endSession', { path: { sessionId }, token, keepalive: true }); };
    watching.leave(token ? end : null);
    line.close();
  });
  addEventListener('pageshow', (event) => {
    if (!event.persisted || !entrance.isOpen) return;
    watching.beginAnew();
    line.open(watching);
  });
}
