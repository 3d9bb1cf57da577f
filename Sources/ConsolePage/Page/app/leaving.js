// A closed page watches nobody.

/**
 * Said at once instead of leaving a camera on for the grace period. What a WebSocket is given now may never leave the machine (Firefox);
 * a request that may outlive its page does.
 */
export function sayGoodbye({ account, line, watching, entrance }) {
  addEventListener('pagehide', () => {
    const token = account.heldToken;
    const end = (sessionId) => {
      void fetch(`/api/sessions/${encodeURIComponent(sessionId)}`, {
        method: 'DELETE', keepalive: true, credentials: 'same-origin', headers: { Authorization: `Bearer ${token}` },
      }).catch(() => {});
    };
    watching.leave(token ? end : null);
    line.close();
  });
  addEventListener('pageshow', (event) => {
    if (!event.persisted || !entrance.isOpen) return;
    watching.beginAnew();
    line.open(watching);
  });
}
