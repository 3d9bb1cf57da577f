// One kiosk being watched: the peer connection, and what signaling has to say about it.
//
// The browser offers, the kiosk answers (recvonly video and audio). From the click to the picture the steps overlap:
//
//   click ── start-monitoring ─────► server                monitoring-started ──► ICE servers ──► gathering, candidates
//        └─ createOffer ── offer ──► server ──► kiosk ──► answer, candidates ───► applied in order
//
// The offer leaves right behind `start-monitoring` on the same socket: the server has opened the session before it reads
// the offer, so nobody waits for a round trip. Where it comes too early all the same (`no-session`), it is sent again.
//
// Media flows peer to peer: losing the server changes nothing here. Losing the path does: an ICE restart is offered when the
// kiosk asks for one (`restart-request`), when the connection stays `disconnected`, and when it has failed.

import { readFigures } from './figures.js';
import { PictureWatch } from './picturewatch.js';
import { limited } from './quality.js';
import { StreamLines } from './streamlines.js';

/** How long a `disconnected` path may take to come back by itself. */
const DISCONNECTED_PATIENCE = 1_500;
/** How long an offer may stay unanswered before another one replaces it. */
const ANSWER_PATIENCE = 6_000;
/** The same once the kiosk asks for an offer: what it has not got by then went into a connection that was dead. */
const CROSSING_PATIENCE = 500;
/** How long the server may take to acknowledge an offer. */
const FORWARD_PATIENCE = 3_000;
/** How long a session may take from the click to its first connection, with all repetitions. */
const CONNECT_PATIENCE = 30_000;
/** So many packets of sound a second, of the fifty that a microphone gives, are no remainder. */
const SOUND_PACKETS = 25;
/** The pauses between restarts of a path that stays away: doubling from the first to the last. */
const RESTART_PAUSE = { first: 1_000, last: 8_000 };

export class WatchSession {
  kioskId;
  sessionId = null;
  /** starting → answering → connecting → live ⇄ interrupted; any → ended */
  phase = 'starting';
  /** `{kind: 'refused'|'stopped'|'failed', code, message, detail}` once ended. */
  ending = null;
  /** What the kiosk said it cannot give, by code. */
  faults = new Map();
  figures = null;
  stream = new MediaStream();
  /** Milliseconds of `performance.now()`. */
  timings = { clicked: performance.now() };
  pc;

  #signaling;
  #quality;
  #video;
  #audio;
  #changed;
  #picture;
  #early = [];
  #streams = new StreamLines();
  #work = Promise.resolve();
  #gatherable;
  #iceServersReady;
  #offeredAt = 0;
  #offers = 0;
  #offerRefused = false;
  /** Whether an offer was made that neither an answer nor an error has come for. */
  #unanswered = false;
  #restartTimer = 0;
  #restartPause = RESTART_PAUSE.first;
  /** When the kiosk said what it cannot give, by code. */
  #faultedAt = new Map();

  /**
   * - signaling: the socket: `request(name, payload)`, `emit(name, payload)`, `connected`, `doubt()`.
   * - iceServers: of an earlier session, when they still hold; null when not known yet.
   * - changed: called after each change of anything a viewer may show.
   * - isShown(): whether the picture is on the screen. - quality(): how much of the line it may take (media/quality.js).
   */
  constructor({ kioskId, signaling, iceServers, changed, isShown, quality }) {
    this.#quality = quality;
    this.kioskId = kioskId;
    this.#signaling = signaling;
    this.#changed = changed;
    this.#picture = new PictureWatch(isShown);
    this.#gatherable = new Promise((resolve) => { this.#iceServersReady = resolve; });
    this.pc = new RTCPeerConnection({ iceServers: iceServers ?? [], bundlePolicy: 'max-bundle' });
    if (iceServers) this.#iceServersReady();
    this.#listen();
    this.#video = this.pc.addTransceiver('video', { direction: 'recvonly', streams: [this.stream] });
    this.#audio = this.pc.addTransceiver('audio', { direction: 'recvonly', streams: [this.stream] });
  }

  get ended() { return this.phase === 'ended'; }

  /** The kiosk has answered that it sends no sound. */
  get isWithoutSound() { return !this.ended && (this.#audio.currentDirection === 'inactive' || this.#audio.direction === 'stopped'); }

  // Starting and ending

  async start() {
    const started = this.#signaling.request('start-monitoring', { kioskId: this.kioskId });
    const offered = this.#negotiate();
    try {
      await started;
      // The kiosk may have lost the offer, or never got it.
      this.#restartSoon(ANSWER_PATIENCE);
    } catch (error) {
      this.#end({ kind: 'refused', code: error.code, message: error.message, detail: error.detail });
    }
    await offered;
  }

  stop() {
    if (this.ended) return;
    this.#signaling.emit('stop-monitoring', { kioskId: this.kioskId });
    this.#end({ kind: 'stopped', code: 'stopped-here', message: '' });
  }

  /** The page is going, and the server hears of it by another request. */
  left() {
    this.#end({ kind: 'stopped', code: 'stopped-here', message: '' });
  }

  /** Nobody is there who watches. */
  abandon() { this.#giveUp('nobody-there'); }

  /** Nothing came of it. */
  #giveUp(code) {
    if (this.ended) return;
    this.#signaling.emit('stop-monitoring', { kioskId: this.kioskId });
    this.#end({ kind: 'failed', code, message: '' });
  }

  #end(ending) {
    if (this.ended) return;
    this.phase = 'ended';
    this.ending = ending;
    clearTimeout(this.#restartTimer);
    this.#iceServersReady();
    this.pc.close();
    this.#changed(this);
  }

  // What signaling says

  started({ sessionId, iceServers }) {
    if (this.sessionId && this.sessionId !== sessionId) {
      // The same kiosk in a new session: what was negotiated belongs to the old one.
      this.#offerRefused = true;
    }
    this.sessionId = sessionId;
    this.timings.started ??= performance.now();
    try {
      this.pc.setConfiguration({ ...this.pc.getConfiguration(), iceServers: iceServers ?? [] });
    } catch (error) {
      console.warn(`ice servers not usable: ${error.message}`);
    }
    this.#iceServersReady();
    if (this.phase === 'starting') this.#enter('answering');
    if (this.#offerRefused) this.#negotiate();
  }

  stopped({ sessionId, reason }) {
    if (!this.#isOurs(sessionId)) return;
    this.#end({ kind: 'stopped', code: reason, message: '' });
  }

  answered({ sessionId, answer }) {
    if (!this.#isOurs(sessionId)) return;
    this.#inOrder(async () => {
      if (this.pc.signalingState !== 'have-local-offer') return;
      await this.pc.setRemoteDescription({ type: 'answer', sdp: this.#streams.kept(String(answer?.sdp)) });
      this.#unanswered = false;
      this.timings.answered ??= performance.now();
      if (this.phase === 'answering' || this.phase === 'starting') this.#enter('connecting');
      const early = this.#early;
      this.#early = [];
      for (const candidate of early) await this.#add(candidate);
    });
  }

  candidate({ sessionId, candidate }) {
    if (!this.#isOurs(sessionId)) return;
    this.#inOrder(async () => {
      if (this.pc.remoteDescription) await this.#add(candidate); else this.#early.push(candidate);
    });
  }

  fault({ sessionId, error }) {
    if (!this.#isOurs(sessionId)) return;
    const code = String(error?.code ?? 'unknown');
    this.faults.set(code, String(error?.message ?? ''));
    this.#faultedAt.set(code, performance.now());
    this.#changed(this);
  }

  restartRequested({ sessionId }) {
    if (!this.#isOurs(sessionId)) return;
    const left = this.#unanswered ? CROSSING_PATIENCE - (performance.now() - this.#offeredAt) : 0;
    if (left <= 0) { this.#restart(0); return; }
    const offers = this.#offers;
    setTimeout(() => { if (this.#unanswered && this.#offers === offers) this.#restart(0); }, left);
  }

  /**
   * The socket is back: make up for what may have been lost meanwhile.
   * - known: the sessions that the server still knows, where it tells; null where it does not.
   */
  resumed(known) {
    if (known && this.sessionId && !known.includes(this.sessionId)) {
      this.#end({ kind: 'stopped', code: 'session-forgotten', message: '' });
      return;
    }
    if (this.ended || (this.pc.connectionState === 'connected' && this.pc.signalingState === 'stable')) return;
    this.#offerRefused = this.pc.signalingState !== 'stable';
    if (this.#offerRefused) this.#unanswered = false;
    this.#restart();
  }

  #isOurs(sessionId) {
    return !this.ended && (!sessionId || !this.sessionId || sessionId === this.sessionId);
  }

  // Negotiation

  /** Descriptions and candidates are applied one after another, in the order of arrival. */
  #inOrder(step) {
    this.#work = this.#work.then(async () => {
      if (this.ended) return;
      try {
        await step();
      } catch (error) {
        if (this.ended) return;
        console.warn(`${this.kioskId}: ${error.message}`);
        this.#restartSoon();
      }
    });
    return this.#work;
  }

  #negotiate({ iceRestart = false } = {}) {
    this.#offeredAt = performance.now();
    this.#unanswered = true;
    this.#offers += 1;
    return this.#inOrder(async () => {
      this.#offerRefused = false;
      this.#unanswered = true;
      const offer = await this.pc.createOffer({ iceRestart });
      this.#offeredAt = performance.now();
      this.timings.offered ??= this.#offeredAt;
      const payload = { targetId: this.kioskId, offer: { type: 'offer', sdp: limited(offer.sdp, this.#quality()) } };
      this.#signaling.request('offer', payload, { timeout: FORWARD_PATIENCE }).catch((error) => {
        if (this.ended) return;
        // Path and server both silent: the network changed here, and the socket will not notice for most of a minute.
        if (error.code === 'no-answer' && iceRestart) this.#signaling.doubt();
        console.warn(`${this.kioskId}: offer not forwarded: ${error.message}`);
        this.#offerRefused = true;
        this.#unanswered = false;
        if (!this.sessionId) return;
        // Overtaken by its own session, the first time; a session that is really gone is announced by the server.
        if (error.code === 'no-session' && this.#offers === 1) this.#negotiate(); else this.#restartSoon();
      });
      await this.#gatherable;
      if (!this.ended) await this.pc.setLocalDescription(offer);
    });
  }

  async #add(candidate) {
    try {
      await this.pc.addIceCandidate(candidate?.candidate ? candidate : null);
    } catch (error) {
      console.warn(`${this.kioskId}: candidate not usable: ${error.message}`);
    }
  }

  /** Whether the picture is asked for; the sound always is. */
  get wantsPicture() { return this.#video.direction === 'recvonly'; }

  /**
   * Asks for the picture, or for the sound alone: nobody's uplink carries what is on no screen. Said again and again, for an offer that is on its
   * way is waited for, and one that was lost is repeated.
   */
  wantPicture(isWanted) {
    if (this.phase !== 'live' || !this.#signaling.connected) return;
    const isLost = this.#unanswered && performance.now() - this.#offeredAt > ANSWER_PATIENCE;
    if (!isLost && (this.#unanswered || this.wantsPicture === isWanted)) return;
    this.#video.direction = isWanted ? 'recvonly' : 'inactive';
    if (!isWanted) this.#picture.pause();
    void this.#negotiate();
    this.#changed(this);
  }

  /** The operator wants another quality: what is negotiated holds until the next offer. */
  qualityChanged() {
    if (this.phase === 'live' && this.#signaling.connected) void this.#negotiate();
  }

  // Losing the path and finding another

  #restartSoon(pause = this.#restartPause) {
    if (this.ended || this.#restartTimer) return;
    this.#restartTimer = setTimeout(() => {
      this.#restartTimer = 0;
      if (this.pc.connectionState !== 'connected' || this.#offerRefused) this.#restart();
    }, pause);
  }

  /** Offers a new path, unless the newest offer may still be answered: for `patience` milliseconds. */
  #restart(patience = ANSWER_PATIENCE) {
    if (this.ended) return;
    const waited = performance.now() - this.#offeredAt;
    if (!this.#signaling.connected) return;
    if (this.#unanswered && waited < patience) {
      this.#restartSoon(patience - waited);
      return;
    }
    this.#negotiate({ iceRestart: true });
    this.#restartPause = Math.min(this.#restartPause * 2, RESTART_PAUSE.last);
    this.#restartSoon(this.#restartPause);
  }

  #listen() {
    const { pc } = this;
    pc.onicecandidate = ({ candidate }) => {
      if (candidate?.candidate === '') return;
      const { candidate: line, sdpMid, sdpMLineIndex } = candidate ?? {};
      this.#signaling.emit('ice-candidate', {
        targetId: this.kioskId,
        candidate: candidate ? { candidate: line, sdpMid, sdpMLineIndex } : null,
      });
    };
    pc.ontrack = ({ track }) => {
      this.stream.addTrack(track);
      track.onunmute = track.onmute = () => this.#changed(this);
      this.#changed(this);
    };
    pc.onconnectionstatechange = () => {
      switch (pc.connectionState) {
        case 'connected':
          this.timings.connected ??= performance.now();
          clearTimeout(this.#restartTimer);
          this.#restartTimer = 0;
          this.#restartPause = RESTART_PAUSE.first;
          this.faults.delete('ice-failed');
          this.faults.delete('consent-expired');
          this.#enter('live');
          break;
        case 'disconnected':
          this.#enter('interrupted');
          this.#restartSoon(DISCONNECTED_PATIENCE);
          break;
        case 'failed':
          this.#enter('interrupted');
          this.#restart();
          break;
      }
    };
  }

  // Figures

  /** Since when the picture stands still (`performance.now()`); null while it moves. */
  get stalledSince() { return this.#picture.stalledSince; }

  /** When the picture on the screen came, in milliseconds since 1970; null where none has. */
  get lastPictureAt() { return this.#picture.lastFrameAt === null ? null : Date.now() - (performance.now() - this.#picture.lastFrameAt); }

  /** To be called at each frame on the screen. */
  frameShown() {
    const now = performance.now();
    this.timings.firstFrame ??= now;
    if (this.#picture.frameShown(now)) this.#changed(this);
  }

  /** To be called ten times a second. */
  check() {
    const now = performance.now();
    if (!this.timings.connected && now - this.timings.clicked > CONNECT_PATIENCE) this.#giveUp(this.timings.answered ? 'no-path' : 'kiosk-silent');
    else if (this.#picture.check(now)) this.#changed(this);
  }

  get isMeasurable() { return !this.ended && this.pc.connectionState !== 'new'; }

  /** Whether something is wrong that figures explain or end. */
  get isInTrouble() { return this.stalledSince !== null || this.faults.size > 0 || this.phase === 'interrupted'; }

  /** Takes a reading into `figures`; the caller announces it. */
  async measure() {
    const report = await this.pc.getStats();
    if (this.ended) return;
    const before = this.figures;
    this.figures = readFigures(report, before);
    if (before) this.#judge(before, this.figures);
  }

  #judge(before, now) {
    const decoded = now.framesDecoded - before.framesDecoded;
    this.#picture.decoded(decoded, before.at, { tellsOfFrames: 'requestVideoFrameCallback' in HTMLVideoElement.prototype });
    // A camera that works again says so with pictures, a microphone with sound: such as came after it had failed.
    const isOver = (code) => before.at >= this.#faultedAt.get(code);
    if (decoded > 0) for (const code of ['camera-missing', 'camera-busy', 'camera-failed']) if (isOver(code)) this.faults.delete(code);
    const sounds = (now.audioPackets - before.audioPackets) / ((now.at - before.at) / 1000);
    if (sounds >= SOUND_PACKETS && isOver('microphone-failed')) this.faults.delete('microphone-failed');
  }

  #enter(phase) {
    if (this.ended) return;
    this.phase = phase;
    this.#changed(this);
  }
}
