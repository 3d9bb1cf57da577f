// node conformance.js HOST PORT: what the specifications of Engine.IO (revision 4) and Socket.IO (revision 5) ask of a server, each behaviour by name, against `socketio-echo`.
//
// Requests go over one `http.Agent` that keeps its connections, as Node's own does by default since version 19: an answer behind which the server closes
// without a word breaks the next one ("socket hang up"). WebSockets are those of the package ws. The result is one JSON object on standard output:
// the name of each behaviour with null, or with what went wrong.
'use strict';
const http = require('node:http');
const { WebSocket } = require('/usr/share/nodejs/ws');

const [host, port] = process.argv.slice(2);
const agent = new http.Agent({ keepAlive: true });
const PING_INTERVAL = 300, PING_TIMEOUT = 200, CONNECT_TIMEOUT = 1000;
const PATIENCE = 3000;
const SEPARATOR = '\x1e';

function check(truth, what) { if (!truth) throw new Error(what); }
function equal(seen, wanted) { check(JSON.stringify(seen) === JSON.stringify(wanted), `${JSON.stringify(seen)} instead of ${JSON.stringify(wanted)}`); }
const pause = (time) => new Promise((resolve) => setTimeout(resolve, time));

function within(promise, what, time = PATIENCE) {
  let timer;
  const limit = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error(`${what}: nothing in ${time} ms`)), time); });
  return Promise.race([promise, limit]).finally(() => clearTimeout(timer));
}

/** One request over the kept connections. */
function ask(method, path, query, body) {
  const address = `${path}?${new URLSearchParams(query)}`;
  return within(new Promise((resolve, reject) => {
    const request = http.request({ host, port, agent, method, path: address }, (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (part) => { text += part; });
      answer.on('end', () => resolve({ status: answer.statusCode, text }));
    });
    request.on('error', reject);
    request.end(body);
  }), `${method} ${address}`);
}

/** A session over long-polling. */
class Polling {
  constructor(path) { this.path = path; this.waiting = []; }
  static async open(path) {
    const one = new Polling(path);
    const { status, text } = await ask('GET', path, { EIO: 4, transport: 'polling' });
    equal([status, text[0]], [200, '0']);
    one.handshake = JSON.parse(text.slice(1));
    one.query = { EIO: 4, transport: 'polling', sid: one.handshake.sid };
    return one;
  }
  poll() { return ask('GET', this.path, this.query); }
  async push(text) { return ask('POST', this.path, this.query, text); }
  async send(text) { equal(await this.push(text), { status: 200, text: 'ok' }); }
  /** The next packet. */
  async next() {
    while (!this.waiting.length) {
      const { status, text } = await this.poll();
      equal(status, 200);
      this.waiting.push(...text.split(SEPARATOR));
    }
    return this.waiting.shift();
  }
  async isGone() { equal((await this.poll()).status, 400); equal((await this.push('4x')).status, 400); }
}

/** A WebSocket and what has come on it. */
class Line {
  constructor(path, query) {
    this.heard = [];
    this.wake = () => {};
    this.socket = new WebSocket(`ws://${host}:${port}${path}?${new URLSearchParams(query)}`);
    this.socket.on('message', (data, isBinary) => { this.heard.push(isBinary ? data : data.toString()); this.wake(); });
    this.closed = new Promise((resolve) => this.socket.on('close', resolve));
    this.opened = new Promise((resolve, reject) => { this.socket.on('open', resolve); this.socket.on('error', reject); });
    this.opened.catch(() => {});
  }
  static async open(path, query) {
    const one = new Line(path, { EIO: 4, transport: 'websocket', ...query });
    await within(one.opened, 'opening');
    return one;
  }
  async raw() {
    if (!this.heard.length) await within(new Promise((resolve) => { this.wake = resolve; }), 'a message');
    return this.heard.shift();
  }
  /** The next message that is no ping; pings are answered. */
  async next() {
    for (;;) {
      const message = await this.raw();
      if (message !== '2') return message;
      this.send('3');
    }
  }
  send(...messages) { for (const one of messages) this.socket.send(one); }
  async isClosed() {
    // What was said before the end is of no interest, and its pings stay unanswered only as long as that takes.
    const answering = setInterval(() => { if (this.heard.includes('2')) { this.heard = []; this.send('3'); } }, 20);
    await within(this.closed, 'the end').finally(() => clearInterval(answering));
  }
  end() { this.socket.terminate(); }
}

const ENGINE = '/engine.io/', SOCKET = '/socket.io/';

/** What both specifications ask of the transports, on the path of either. */
function transports(path) {
  const isEngine = path === ENGINE;
  const announced = (handshake, upgrades) => {
    equal(typeof handshake.sid, 'string');
    equal(handshake.upgrades, upgrades);
    equal([handshake.pingInterval, handshake.pingTimeout, handshake.maxPayload], [PING_INTERVAL, PING_TIMEOUT, 1000000]);
  };
  return {
    async 'handshake, polling: a session is opened'() { announced((await Polling.open(path)).handshake, ['websocket']); },
    async 'handshake, polling: another revision is refused'() {
      for (const EIO of [undefined, '3', '5', 'abc']) equal((await ask('GET', path, { ...(EIO && { EIO }), transport: 'polling' })).status, 400);
    },
    async 'handshake, polling: an unknown transport is refused'() {
      for (const transport of [undefined, 'abc', 'Polling']) equal((await ask('GET', path, { EIO: 4, ...(transport && { transport }) })).status, 400);
    },
    async 'handshake, polling: another method is refused'() {
      for (const method of ['POST', 'PUT', 'DELETE']) equal((await ask(method, path, { EIO: 4, transport: 'polling' })).status, 400);
    },
    async 'handshake, WebSocket: a session is opened'() {
      const line = await Line.open(path);
      const open = await line.raw();
      equal(open[0], '0');
      announced(JSON.parse(open.slice(1)), []);
      line.end();
    },
    async 'handshake, WebSocket: another revision is refused'() {
      for (const query of [{ transport: 'websocket' }, { EIO: 3, transport: 'websocket' }, { EIO: 'abc', transport: 'websocket' }]) {
        const line = new Line(path, query);
        line.socket.on('error', () => {});
        await within(line.closed, 'the refusal');
        equal(line.heard, []);
      }
    },
    async 'handshake, WebSocket: an unknown transport is refused'() {
      for (const query of [{ EIO: 4 }, { EIO: 4, transport: 'abc' }, { EIO: 4, transport: 'polling' }]) {
        const line = new Line(path, query);
        line.socket.on('error', () => {});
        await within(line.closed, 'the refusal');
        equal(line.heard, []);
      }
    },
    async 'heartbeat, polling: pings come and are answered'() {
      const polling = await Polling.open(path);
      for (let turn = 0; turn < 2; turn++) {
        equal(await polling.next(), '2');
        await polling.send('3');
      }
    },
    async 'heartbeat, polling: a session without a pong is closed'() {
      const polling = await Polling.open(path);
      equal(await polling.next(), '2');
      await pause(PING_TIMEOUT + 150);
      await polling.isGone();
    },
    async 'heartbeat, WebSocket: pings come and are answered'() {
      const line = await Line.open(path);
      await line.raw();
      for (let turn = 0; turn < 2; turn++) {
        equal(await line.raw(), '2');
        line.send('3');
      }
      line.end();
    },
    async 'heartbeat, WebSocket: a session without a pong is closed'() {
      const line = await Line.open(path);
      await within(line.closed, 'the end', PING_INTERVAL + PING_TIMEOUT + 1000);
    },
    async 'close, polling: the waiting poll ends and the session with it'() {
      const polling = await Polling.open(path);
      const waiting = polling.poll();
      await pause(50);
      await polling.send('1');
      equal(await waiting, { status: 200, text: '6' });
      await polling.isGone();
    },
    async 'close, WebSocket: the connection ends'() {
      const line = await Line.open(path);
      line.send('1');
      await within(line.closed, 'the end');
    },
    async 'upgrade: a session moves from polling to WebSocket'() {
      const polling = await Polling.open(path);
      const line = await Line.open(path, { sid: polling.handshake.sid });
      line.send('2probe');
      equal(await line.raw(), '3probe');
      line.send('5');
      if (isEngine) {
        line.send('4hello');
        equal(await line.next(), '4hello');
      } else {
        line.send('40');
        check((await line.next()).startsWith('40{"sid":'), 'no CONNECT');
      }
      line.end();
    },
    async 'upgrade: requests of an upgraded session are refused'() {
      const polling = await Polling.open(path);
      const line = await Line.open(path, { sid: polling.handshake.sid });
      line.send('2probe');
      equal(await line.raw(), '3probe');
      line.send('5');
      await pause(30);
      await polling.isGone();
      equal(await line.raw(), '2');
      line.end();
    },
    async 'upgrade: a second WebSocket of a session is refused'() {
      const polling = await Polling.open(path);
      const line = await Line.open(path, { sid: polling.handshake.sid });
      line.send('2probe');
      equal(await line.raw(), '3probe');
      line.send('5');
      const second = new Line(path, { EIO: 4, transport: 'websocket', sid: polling.handshake.sid });
      second.socket.on('error', () => {});
      await within(second.closed, 'the refusal');
      equal(await line.raw(), '2');
      line.end();
    },
  };
}

const messages = {
  async 'message, polling: one text'() {
    const polling = await Polling.open(ENGINE);
    await polling.send('4hello');
    equal(await polling.next(), '4hello');
  },
  async 'message, polling: several texts in one body'() {
    const polling = await Polling.open(ENGINE);
    await polling.send(['4one', '4two ✓', '4three'].join(SEPARATOR));
    equal([await polling.next(), await polling.next(), await polling.next()], ['4one', '4two ✓', '4three']);
  },
  async 'message, polling: text and binary in one body'() {
    const polling = await Polling.open(ENGINE);
    await polling.send(['4hello', 'bAQIDBA=='].join(SEPARATOR));
    equal([await polling.next(), await polling.next()], ['4hello', 'bAQIDBA==']);
  },
  async 'message, polling: a body that is none closes the session'() {
    const polling = await Polling.open(ENGINE);
    equal((await polling.push('abc')).status, 400);
    await polling.isGone();
  },
  async 'message, polling: a second poll at once closes the session'() {
    const polling = await Polling.open(ENGINE);
    const first = polling.poll();
    await pause(5);
    equal((await polling.poll()).status, 400);
    equal(await first, { status: 200, text: '1' });
    await polling.isGone();
  },
  async 'message, WebSocket: one text'() {
    const line = await Line.open(ENGINE);
    await line.raw();
    line.send('4hello ✓');
    equal(await line.next(), '4hello ✓');
    line.end();
  },
  async 'message, WebSocket: one binary'() {
    const line = await Line.open(ENGINE);
    await line.raw();
    line.send(Buffer.from([1, 2, 3, 4]));
    equal([...await line.next()], [1, 2, 3, 4]);
    line.end();
  },
  async 'message, WebSocket: a packet that is none closes the session'() {
    const line = await Line.open(ENGINE);
    await line.raw();
    line.send('abc');
    await line.isClosed();
  },
};

/** A WebSocket in the main namespace, unless it is told another first packet. */
async function joined(first = '40') {
  const line = await Line.open(SOCKET);
  await line.raw();
  if (first) line.send(first);
  if (first === '40') {
    check((await line.next()).startsWith('40{"sid":"'), 'no CONNECT');
    equal(await line.next(), '42["auth",{}]');
  }
  return line;
}

async function joining(packet, answer, auth) {
  const line = await joined(packet === '40' ? null : packet);
  if (packet === '40') line.send(packet);
  const connected = await line.next();
  check(connected.startsWith(answer), connected);
  equal(Object.keys(JSON.parse(connected.slice(answer.length))), ['sid']);
  equal(await line.next(), auth);
  line.end();
}

const TWO_BINARIES = '{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}';

async function broken(...packets) {
  const line = await joined();
  line.send(...packets);
  await line.isClosed();
}

const sockets = {
  'connect: the main namespace': () => joining('40', '40', '42["auth",{}]'),
  'connect: the main namespace with a payload': () => joining('40{"token":"123"}', '40', '42["auth",{"token":"123"}]'),
  'connect: another namespace': () => joining('40/custom,', '40/custom,', '42/custom,["auth",{}]'),
  'connect: another namespace with a payload': () => joining('40/custom,{"token":"abc"}', '40/custom,', '42/custom,["auth",{"token":"abc"}]'),
  async 'connect: an unknown namespace is refused'() {
    const line = await joined('40/random');
    const answer = await line.next();
    check(answer.startsWith('44/random,'), answer);
    equal(JSON.parse(answer.slice('44/random,'.length)).message, 'Invalid namespace');
    line.end();
  },
  async 'connect: a first packet that is none closes the connection'() { await (await joined('4abc')).isClosed(); },
  async 'connect: a connection that joins nothing is closed'() {
    const began = Date.now();
    await (await joined(null)).isClosed();
    check(Date.now() - began > CONNECT_TIMEOUT - 200, 'too early');
  },
  async 'disconnect: from the main namespace'() {
    const line = await joined();
    line.send('41');
    equal(await line.raw(), '2');
    line.send('42["message","x"]');
    await line.isClosed();
  },
  async 'disconnect: from one namespace, and the other stays'() {
    const line = await joined();
    line.send('40/custom');
    check((await line.next()).startsWith('40/custom,'), 'no CONNECT');
    equal(await line.next(), '42/custom,["auth",{}]');
    line.send('41/custom', '42["message","to the main namespace"]');
    equal(await line.next(), '42["message-back","to the main namespace"]');
    line.end();
  },
  'message: an unknown type of packet closes the connection': () => broken('4abc'),
  'message: a payload that is none closes the connection': () => broken('42{}'),
  'message: an acknowledgement number that is none closes the connection': () => broken('42abc["message-with-ack",1]'),
  async 'message: an event'() {
    const line = await joined();
    line.send('42["message",1,"2",{"3":[true]}]');
    equal(await line.next(), '42["message-back",1,"2",{"3":[true]}]');
    line.end();
  },
  async 'message: an event with an acknowledgement'() {
    const line = await joined();
    line.send('42456["message-with-ack",1,"2",{"3":[false]}]');
    equal(await line.next(), '43456[1,"2",{"3":[false]}]');
    line.end();
  },
  async 'message: a binary event'() {
    const line = await joined();
    line.send(`452-["message",${TWO_BINARIES}]`, Buffer.from([1, 2, 3]), Buffer.from([4, 5, 6]));
    equal(await line.next(), `452-["message-back",${TWO_BINARIES}]`);
    equal([[...await line.next()], [...await line.next()]], [[1, 2, 3], [4, 5, 6]]);
    line.end();
  },
  async 'message: a binary event with an acknowledgement'() {
    const line = await joined();
    line.send(`452-789["message-with-ack",${TWO_BINARIES}]`, Buffer.from([1, 2, 3]), Buffer.from([4, 5, 6]));
    equal(await line.next(), `462-789[${TWO_BINARIES}]`);
    equal([[...await line.next()], [...await line.next()]], [[1, 2, 3], [4, 5, 6]]);
    line.end();
  },
};

const named = (suite, behaviours) => Object.entries(behaviours).map(([name, run]) => [`${suite}, ${name}`, run]);
const all = [
  ...named('Engine.IO', { ...transports(ENGINE), ...messages }),
  ...named('Socket.IO', { ...transports(SOCKET), ...sockets }),
];

(async () => {
  const results = {};
  // One after the other: the next one finds the connections that the last has left.
  for (const [name, run] of all) {
    try { await run(); results[name] = null; } catch (error) { results[name] = String(error?.message ?? error); }
  }
  process.stdout.write(JSON.stringify(results));
  process.exit(0);
})();
