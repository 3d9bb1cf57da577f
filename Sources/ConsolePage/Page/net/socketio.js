// A Socket.IO v5 client over Engine.IO v4, on one WebSocket.
//
// Engine.IO carries packets: a type digit (0 open, 1 close, 2 ping, 3 pong, 4 message, 6 noop) and its data, one packet
// in a WebSocket frame. The server opens with `0{"sid","pingInterval","pingTimeout"}` and pings; the client answers each
// ping, and takes the connection for dead when none came for pingInterval + pingTimeout.
//
// Socket.IO rides on the messages: `<type>[<attachments>-][<namespace>,][<ack id>][JSON]` with the types 0 CONNECT,
// 1 DISCONNECT, 2 EVENT, 3 ACK, 4 CONNECT_ERROR, 5 BINARY_EVENT, 6 BINARY_ACK. The client joins the namespace first, with
// its token as payload. A CONNECT_ERROR is the server's judgement on that token: asking again with the same one is
// pointless, so the owner is told and must supply another before the next attempt.
//
// One odd event never cuts the connection, which carries everything else: a packet that cannot be read, a binary event (the contract has none)
// and a fault of the page's own handlers are said in the browser's log and left out.

const ENGINE = { open: '0', close: '1', ping: '2', pong: '3', message: '4', upgrade: '5', noop: '6' };
const PACKET = { connect: 0, disconnect: 1, event: 2, ack: 3, connectError: 4, binaryEvent: 5, binaryAck: 6 };

/** Reads one Socket.IO packet. Throws on anything the protocol does not allow, and on binary events. */
export function parsePacket(text) {
  const type = text.charCodeAt(0) - 48;
  if (!(type >= PACKET.connect && type <= PACKET.binaryAck)) throw new Error(`socket.io: unknown packet type (${text[0]})`);
  if (type === PACKET.binaryEvent || type === PACKET.binaryAck) throw new Error('socket.io: binary packet not expected');
  let at = 1;
  let namespace = '/';
  if (text[at] === '/') {
    const comma = text.indexOf(',', at);
    namespace = comma < 0 ? text.slice(at) : text.slice(at, comma);
    at = comma < 0 ? text.length : comma + 1;
  }
  const digits = /^\d+/.exec(text.slice(at, at + 16));
  const id = digits ? Number(digits[0]) : null;
  if (digits) at += digits[0].length;
  const data = at < text.length ? JSON.parse(text.slice(at)) : undefined;
  if (type === PACKET.event && !(Array.isArray(data) && typeof data[0] === 'string')) {
    throw new Error('socket.io: event payload is no array that begins with a name');
  }
  if (type === PACKET.ack && (id === null || !Array.isArray(data))) throw new Error('socket.io: malformed acknowledgement');
  return { type, namespace, id, data };
}

/** Writes one EVENT packet for the namespace `/`. */
export function eventPacket(name, args, id = null) {
  return `${PACKET.event}${id ?? ''}${JSON.stringify([name, ...args])}`;
}

/** The pause before attempt `attempt` (from 0): doubling from `base` to `most`, spread by ±50 % so that many clients do not return at once. */
export function backOff(attempt, { base = 500, most = 10_000, random = Math.random } = {}) {
  const pause = Math.min(most, base * 2 ** Math.min(attempt, 16));
  return Math.round(pause * (0.5 + random()));
}

/** Why a request got no answer: `code` is the server's refusal, or `disconnected`, `no-answer`. */
export class RequestError extends Error {
  constructor(code, message, detail = {}) {
    super(message);
    this.code = code;
    this.detail = detail;
  }
}

export class SocketIOClient {
  #url;
  #credentials;
  #handlers;
  #webSocket = null;
  #state = 'idle';
  #attempt = 0;
  #nextAck = 0;
  #pending = new Map();
  #retryTimer = 0;
  #livenessTimer = 0;
  #silenceLimit = 45_000;
  #generation = 0;

  /**
   * - url: the server, `http(s)://host[:port]`.
   * - credentials: async function; gives the CONNECT payload. Rejecting with `{final: true}` stops the client.
   * - handlers: `connected()`, `event(name, args)`, `state(state, detail)`, `refused({code, message})`: the server rejected the payload;
   *   the client asks `credentials({refused: code})` before it tries again.
   *
   * States: idle, connecting, connected, waiting (detail: `{retryAt}`).
   */
  constructor({ url, credentials, handlers }) {
    this.#url = url;
    this.#credentials = credentials;
    this.#handlers = handlers;
    addEventListener('online', () => this.#hurry());
    document.addEventListener('visibilitychange', () => { if (!document.hidden) this.#hurry(); });
  }

  get state() { return this.#state; }
  get connected() { return this.#state === 'connected'; }

  open() {
    if (this.#state === 'idle') this.#connect(null);
  }

  close() {
    this.#generation += 1;
    clearTimeout(this.#retryTimer);
    if (this.#webSocket?.readyState === WebSocket.OPEN) {
      this.#webSocket.send(ENGINE.message + PACKET.disconnect);
      this.#webSocket.send(ENGINE.close);
    }
    this.#drop('closed by the console');
    this.#enter('idle');
  }

  /** The connection may be dead without knowing it (the network changed under it): starts another at once. */
  doubt() {
    if (!this.connected) return;
    this.#drop('the connection is in doubt');
    this.#attempt = 0;
    this.#connect(null);
  }

  /** Sends an event that nobody waits for. False: not connected, nothing was sent. */
  emit(name, ...args) {
    if (!this.connected) return false;
    this.#send(eventPacket(name, args));
    return true;
  }

  /** Sends an event and gives its acknowledgement; refusals of the server are thrown as `RequestError`. */
  request(name, payload, { timeout = 10_000 } = {}) {
    if (!this.connected) return Promise.reject(new RequestError('disconnected', 'not connected to the server'));
    const id = this.#nextAck++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        reject(new RequestError('no-answer', `no answer to ${name}`));
      }, timeout);
      this.#pending.set(id, { resolve, reject, timer });
      this.#send(eventPacket(name, payload === undefined ? [] : [payload], id));
    });
  }

  // Connecting

  async #connect(refused) {
    const generation = ++this.#generation;
    clearTimeout(this.#retryTimer);
    this.#enter('connecting');
    let payload;
    try {
      payload = await this.#credentials({ refused });
    } catch (error) {
      if (generation !== this.#generation) return;
      if (error.final) { this.#enter('idle'); return; }
      this.#retryLater(refused);
      return;
    }
    if (generation !== this.#generation) return;

    const webSocket = new WebSocket(`${this.#url.replace(/^http/, 'ws')}/socket.io/?EIO=4&transport=websocket`);
    this.#webSocket = webSocket;
    this.#watchSilence(10_000);
    webSocket.onmessage = ({ data }) => {
      if (this.#webSocket !== webSocket) return;
      if (typeof data !== 'string') return; // An attachment of a binary event that was left out.
      try {
        this.#receive(data, payload);
      } catch (error) {
        console.warn(String(error));
        this.#lost(error.message);
      }
    };
    webSocket.onclose = () => { if (this.#webSocket === webSocket) this.#lost('connection closed'); };
  }

  #receive(text, payload) {
    this.#watchSilence(this.#silenceLimit);
    const data = text.slice(1);
    switch (text[0]) {
      case ENGINE.open: {
        const { pingInterval, pingTimeout } = JSON.parse(data);
        this.#silenceLimit = pingInterval + pingTimeout;
        this.#send(PACKET.connect + JSON.stringify(payload));
        break;
      }
      case ENGINE.ping: this.#webSocket.send(ENGINE.pong + data); break;
      case ENGINE.message: {
        let packet;
        try {
          packet = parsePacket(data);
        } catch (error) {
          console.warn(`left out: ${error.message}`);
          break;
        }
        this.#dispatch(packet);
        break;
      }
      case ENGINE.close: this.#lost('closed by the server'); break;
      case ENGINE.pong:
      case ENGINE.noop: break;
      default: throw new Error(`engine.io: unknown packet type (${text[0]})`);
    }
  }

  #dispatch(packet) {
    if (packet.namespace !== '/') return;
    switch (packet.type) {
      case PACKET.connect:
        this.#attempt = 0;
        this.#enter('connected');
        this.#tell(() => this.#handlers.connected());
        break;
      case PACKET.event:
        if (this.connected) this.#tell(() => this.#handlers.event(packet.data[0], packet.data.slice(1)));
        break;
      case PACKET.ack: this.#settle(packet.id, packet.data[0]); break;
      case PACKET.disconnect: this.#lost('disconnected by the server'); break;
      case PACKET.connectError: {
        const { message = 'refused', data } = packet.data ?? {};
        const refusal = { code: data?.code ?? 'refused', message: String(message) };
        this.#drop(message);
        this.#tell(() => this.#handlers.refused(refusal));
        this.#connectAfterRefusal(refusal);
        break;
      }
    }
  }

  /** What goes wrong in a handler is the page's fault, not the connection's. */
  #tell(handler) {
    try {
      handler();
    } catch (error) {
      console.error(error);
    }
  }

  /** A refused token is replaced at once the first time; a server that goes on refusing is asked ever more slowly. */
  #connectAfterRefusal({ code }) {
    if (this.#state === 'idle') return;
    if (this.#attempt === 0) {
      this.#attempt = 1;
      this.#connect(code);
    } else {
      this.#retryLater(code);
    }
  }

  #settle(id, answer) {
    const waiting = this.#pending.get(id);
    if (!waiting) return;
    this.#pending.delete(id);
    clearTimeout(waiting.timer);
    if (answer?.ok === false) {
      const { code = 'refused', message = 'refused', ...detail } = answer.error ?? {};
      waiting.reject(new RequestError(code, message, detail));
    } else {
      waiting.resolve(answer ?? {});
    }
  }

  // Losing and coming back

  #watchSilence(limit) {
    clearTimeout(this.#livenessTimer);
    this.#livenessTimer = setTimeout(() => this.#lost('the server went silent'), limit);
  }

  #lost(reason) {
    this.#drop(reason);
    this.#retryLater(null);
  }

  #drop(reason) {
    clearTimeout(this.#livenessTimer);
    const webSocket = this.#webSocket;
    this.#webSocket = null;
    if (webSocket) {
      webSocket.onmessage = webSocket.onclose = null;
      webSocket.close();
    }
    for (const { reject, timer } of this.#pending.values()) {
      clearTimeout(timer);
      reject(new RequestError('disconnected', reason));
    }
    this.#pending.clear();
  }

  #retryLater(refused) {
    const pause = backOff(this.#attempt++);
    this.#enter('waiting', { retryAt: Date.now() + pause });
    clearTimeout(this.#retryTimer);
    this.#retryTimer = setTimeout(() => this.#connect(refused), pause);
  }

  /** The network came back or somebody looks at the page again: no reason to wait out the pause. */
  #hurry() {
    if (this.#state !== 'waiting') return;
    this.#attempt = 0;
    this.#connect(null);
  }

  #enter(state, detail = {}) {
    this.#state = state;
    this.#handlers.state(state, detail);
  }

  #send(packet) {
    this.#webSocket?.send(ENGINE.message + packet);
  }
}
