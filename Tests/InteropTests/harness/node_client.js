// node node_client.js CLIENT.js TASK ADDRESS TRANSPORTS [NAME PASSWORD]: the unmodified socket.io-client in Node, result as JSON on standard output.
//
// The file is the client's browser build, so it is given what it expects of a browser: XMLHttpRequest over fetch, and a WebSocket where Node has
// none of its own (before 22). FileReader is not among it: the client needs that to send binary over polling, so binary goes over WebSocket here.
'use strict';
const net = require('node:net');
const crypto = require('node:crypto');

globalThis.XMLHttpRequest ??= class {
  constructor() { this.headers = {}; this.readyState = 0; this.abortion = new AbortController(); }
  open(method, url) { this.method = method; this.url = url; }
  setRequestHeader(name, value) { this.headers[name] = value; }
  getResponseHeader() { return null; }
  setDisableHeaderCheck() {}
  abort() { this.abortion.abort(); }
  async send(body) {
    try {
      const answer = await fetch(this.url, { method: this.method, headers: this.headers, body: body ?? undefined, signal: this.abortion.signal });
      this.responseText = await answer.text();
      this.status = answer.status;
    } catch { this.status = 0; }
    if (this.abortion.signal.aborted) return;
    this.readyState = 4;
    this.onreadystatechange?.();
    this.onload?.();
  }
};

class PlainWebSocket {
  constructor(address) {
    const url = new URL(address);
    this.readyState = 0;
    this.binaryType = 'arraybuffer';
    this.data = Buffer.alloc(0);
    this.socket = net.connect(Number(url.port), url.hostname, () => this.socket.write(
      `GET ${url.pathname}${url.search} HTTP/1.1\r\nHost: ${url.host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      `Sec-WebSocket-Key: ${crypto.randomBytes(16).toString('base64')}\r\nSec-WebSocket-Version: 13\r\n\r\n`));
    this.socket.on('data', (data) => { this.data = Buffer.concat([this.data, data]); this.read(); });
    this.socket.on('error', () => this.onerror?.({}));
    this.socket.on('close', () => { this.readyState = 3; this.onclose?.({ code: 1006 }); });
  }
  read() {
    if (this.readyState === 0) {
      const end = this.data.indexOf('\r\n\r\n');
      if (end < 0) return;
      if (!this.data.toString('latin1').startsWith('HTTP/1.1 101')) return this.socket.destroy();
      this.data = this.data.subarray(end + 4);
      this.readyState = 1;
      this.onopen?.({});
    }
    while (this.data.length >= 2) {
      let length = this.data[1] & 127, head = 2;
      if (length === 126) { if (this.data.length < 4) return; length = this.data.readUInt16BE(2); head = 4; }
      else if (length === 127) { if (this.data.length < 10) return; length = Number(this.data.readBigUInt64BE(2)); head = 10; }
      if (this.data.length < head + length) return;
      const code = this.data[0] & 15, body = this.data.subarray(head, head + length);
      this.data = this.data.subarray(head + length);
      if (code === 1) this.onmessage?.({ data: body.toString() });
      else if (code === 2) this.onmessage?.({ data: Uint8Array.from(body).buffer });
      else if (code === 8) this.socket.end();
    }
  }
  send(data) {
    const isText = typeof data === 'string';
    const body = isText ? Buffer.from(data) : Buffer.from(data.buffer ?? data, data.byteOffset ?? 0, data.byteLength);
    const head = body.length < 126 ? Buffer.from([0, 128 | body.length]) : body.length < 65536
      ? Buffer.from([0, 254, body.length >> 8, body.length & 255]) : Buffer.concat([Buffer.from([0, 255, 0, 0, 0, 0]), Buffer.from(Uint32Array.of(body.length).buffer).reverse()]);
    head[0] = isText ? 0x81 : 0x82;
    // A mask of zeros changes nothing.
    this.socket.write(Buffer.concat([head, Buffer.alloc(4), body]));
  }
  close() { this.socket.end(); }
}
globalThis.WebSocket ??= PlainWebSocket;

const [file, task, address, transportNames, name, password] = process.argv.slice(2);
const transports = transportNames.split(',');
const io = require(file);
const options = { transports, reconnection: false, forceNew: true };
const connected = (socket) => new Promise((resolve, reject) => { socket.on('connect', resolve); socket.on('connect_error', reject); });
const transport = (socket) => transports.length < 2 || socket.io.engine.transport.name === transports[1] ? Promise.resolve(socket.io.engine.transport.name)
  : new Promise((resolve) => socket.io.engine.on('upgrade', (upgraded) => resolve(upgraded.name)));

async function contract() {
  const login = await (await fetch(`${address}/api/auth/login`, {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ username: name, password }) })).json();
  const refused = io(address, { ...options, auth: { token: 'nonsense' } });
  const bad = await connected(refused).then(() => 'let in', (error) => error.data?.code);
  refused.close();
  const socket = io(address, { ...options, auth: { token: login.token } });
  const list = new Promise((resolve) => socket.on('kiosk-list', resolve));
  await connected(socket);
  const result = { bad, transport: await transport(socket), early: await socket.emitWithAck('start-monitoring', { kioskId: 'KIOSK_01' }) };
  result.registered = await socket.emitWithAck('register-monitor');
  result.kiosks = (await list).kiosks.map((one) => one.kioskId).sort();
  result.large = await socket.emitWithAck('offer', { targetId: 'KIOSK_01', offer: { type: 'offer', sdp: 'é'.repeat(20000) } });
  socket.close();
  return result;
}

async function echo() {
  const socket = io(address, { ...options, auth: { a: 1 } });
  const auth = new Promise((resolve) => socket.on('auth', resolve));
  const back = new Promise((resolve) => socket.on('message-back', (...all) => resolve(all)));
  await connected(socket);
  const result = { auth: await auth, transport: await transport(socket) };
  socket.emit('message', 1, 'ü', { a: [null] });
  result.back = await back;
  if (transports[0] === 'websocket') {
    const bytes = await socket.emitWithAck('message-with-ack', Uint8Array.of(1, 2, 3, 255), { deep: [Uint8Array.of(9)] });
    result.binary = [...new Uint8Array(bytes.buffer ?? bytes)];
  }
  const custom = io(`${address}/custom`, { ...options, auth: { b: 2 } });
  result.custom = await new Promise((resolve) => custom.on('auth', resolve));
  custom.close();
  socket.close();
  return result;
}

({ contract, echo })[task]().then((result) => { console.log(JSON.stringify(result)); process.exit(0); },
  (error) => { console.log(JSON.stringify({ failure: String(error) })); process.exit(1); });
