// The socket to the server, as the page shows it.

const CLOSED = Object.freeze({ state: 'idle', retryAt: null, wasConnected: false });

/** `{state: 'idle'|'connecting'|'connected'|'waiting', retryAt: milliseconds since 1970 or null, wasConnected}` */
export function reduceConnection(connection = CLOSED, event) {
  switch (event.type) {
    case 'signed-out': return CLOSED;
    case 'connection': return {
      state: event.state,
      retryAt: event.state === 'waiting' ? event.retryAt : null,
      wasConnected: connection.wasConnected || event.state === 'connected',
    };
    default: return connection;
  }
}
