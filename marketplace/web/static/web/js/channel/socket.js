/**
 * One websocket to the relay: sequence numbers, acknowledgements, resending, reconnecting (docs/messages.md).
 */

import { refusalInWords } from "./refusals.js";

const ACK_EVERY = 32;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;
/** A socket that says nothing for so long, though asked, is dead. */
const ANSWER_MS = 6000;
const SILENT = 1006;

/** @typedef {Record<string, any> & {kind: string}} Frame */
/** @typedef {{frame: Frame, resolve: (frame: Frame) => void, reject: (error: Error) => void}} Pending */

/** The relay refused a message: nothing changed. Its text is for people; the frame's own is for programs. */
export class RefusedError extends Error {
  /** @param {{code: string, message: string}} frame */
  constructor(frame) {
    super(refusalInWords(frame));
    this.code = frame.code;
  }
}

/**
 * @fires RelaySocket#hello RelaySocket#message RelaySocket#state RelaySocket#channels RelaySocket#link
 */
export class RelaySocket extends EventTarget {
  /**
   * @param {string} path
   * @param {typeof WebSocket} [Socket] for tests
   */
  constructor(path = "/ws/channels/", Socket = WebSocket) {
    super();
    this.path = path;
    this.Socket = Socket;
    /** @type {Map<string, Pending>} */
    this.pending = new Map();
    /** @type {Map<string, number>} */
    this.seen = new Map();
    /** @type {WebSocket|null} */
    this.socket = null;
    /** @type {Frame|null} */
    this.hello = null;
    this.received = 0;
    this.waitMs = FIRST_WAIT_MS;
    /** @type {ReturnType<typeof setTimeout>|undefined} */
    this.retry = undefined;
    this.closed = false;
  }

  connect() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new this.Socket(`${scheme}//${location.host}${this.path}`);
    this.socket = socket;
    this.hello = null;
    this.received = 0;
    socket.onmessage = (event) => this.take(JSON.parse(event.data));
    socket.onclose = (event) => {
      if (this.socket === socket) this.lost(event.code);
    };
  }

  /** @param {number} code */
  lost(code) {
    this.socket = null;
    this.hello = null;
    this.tell("link", { up: false, code });
    if (this.closed || code === 4401 || code === 4403) return;
    this.retry = setTimeout(() => this.connect(), this.waitMs * (0.7 + Math.random() * 0.6));
    this.waitMs = Math.min(this.waitMs * 2, LONGEST_WAIT_MS);
  }

  /**
   * After sleep, or when the network is back: a socket that was lost is opened at once, one that only looks open is asked.
   */
  wake() {
    if (this.closed) return;
    if (!this.socket) {
      clearTimeout(this.retry);
      return this.connect();
    }
    if (this.socket.readyState !== this.Socket.OPEN) return;
    const before = this.received;
    const { socket } = this;
    this.list();
    setTimeout(() => {
      if (this.socket !== socket || this.received !== before) return;
      socket.close();
      this.lost(SILENT);
    }, ANSWER_MS);
  }

  close() {
    this.closed = true;
    clearTimeout(this.retry);
    this.socket?.close();
  }

  /** After `close`: goes on from where it was. */
  reopen() {
    this.closed = false;
    if (!this.socket) this.connect();
  }

  /**
   * @param {string} name
   * @param {object} detail
   */
  tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  /** @param {Frame} frame */
  take(frame) {
    this.received += 1;
    if (this.received % ACK_EVERY === 0) this.raw({ kind: "ack", received: this.received });
    if (frame.kind === "hello") this.greeted(frame);
    else if (frame.kind === "accepted") this.answered(frame, true);
    else if (frame.kind === "refused") this.answered(frame, false);
    else if (frame.kind === "message") this.logged(frame);
    else this.tell(frame.kind, frame);
  }

  /** @param {Frame} frame */
  greeted(frame) {
    this.hello = frame;
    this.waitMs = FIRST_WAIT_MS;
    for (const [channel, seq] of this.seen) this.raw({ kind: "resume", channel, afterSeq: seq, states: true });
    for (const { frame: sent } of this.pending.values()) this.raw(sent);
    this.tell("link", { up: true });
    this.tell("hello", frame);
  }

  /** @param {Frame} frame */
  logged(frame) {
    const last = this.seen.get(frame.channel) ?? 0;
    if (frame.seq <= last) return;
    this.seen.set(frame.channel, frame.seq);
    this.tell("message", frame);
  }

  /**
   * @param {Frame} frame
   * @param {boolean} good
   */
  answered(frame, good) {
    const waiting = this.pending.get(frame.id);
    if (good) this.seen.set(frame.channel, Math.max(frame.seq, this.seen.get(frame.channel) ?? 0));
    if (!waiting) return this.tell("refused", frame);
    this.pending.delete(frame.id);
    if (!good) return waiting.reject(new RefusedError(/** @type {any} */ (frame)));
    this.tell("message", { ...waiting.frame, ...frame, kind: "message", sender: "me" });
    waiting.resolve(frame);
  }

  /** @param {Frame} frame */
  raw(frame) {
    if (this.socket?.readyState === this.Socket.OPEN) this.socket.send(JSON.stringify(frame));
  }

  /**
   * Sends a message and waits until it is durable. Survives a lost connection: the same id is sent again.
   *
   * @param {string} channel
   * @param {string} type
   * @param {object} body
   * @returns {Promise<Frame>}
   */
  send(channel, type, body) {
    const frame = { kind: "send", id: crypto.randomUUID(), channel, type, body };
    return new Promise((resolve, reject) => {
      this.pending.set(frame.id, { frame, resolve, reject });
      if (this.hello) this.raw(frame);
    });
  }

  /**
   * Follow a channel from its beginning: its log and its state.
   *
   * @param {string} channel
   * @param {number} [afterSeq]
   */
  follow(channel, afterSeq = 0) {
    this.seen.set(channel, afterSeq);
    if (this.hello) this.raw({ kind: "resume", channel, afterSeq, states: true });
  }

  list() {
    this.raw({ kind: "list" });
  }
}
