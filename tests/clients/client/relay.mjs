// The websocket (docs/messages.md): every frame of both directions is held against the published schema.

import { Ajv } from "ajv";
import { randomUUID } from "node:crypto";
import WebSocket from "ws";

const ACK_EVERY = 64;
const PATIENCE_MS = 60_000;

/** The relay refused a message: nothing changed. */
export class Refused extends Error {
  constructor(type, { code, message }) {
    super(`${type} was refused: ${code}: ${message}`);
    this.code = code;
  }
}

export class Relay {
  /** @param schema the file messages.json @param site signed in */
  static async open(site, schema) {
    const relay = new Relay(site, schema);
    relay.hello = await relay.wait("hello", (frame) => frame.kind === "hello");
    return relay;
  }

  constructor(site, schema) {
    const ajv = new Ajv({ strict: true, strictTuples: false, allErrors: true });
    ajv.addSchema(schema, "messages");
    this.checks = Object.fromEntries(["ClientFrame", "RelayFrame"].map((name) => [name, ajv.getSchema(`messages#/definitions/${name}`)]));
    this.byName = (name) => ajv.getSchema(`messages#/definitions/${name}`);
    this.received = 0;
    this.frames = [];
    this.logs = new Map();
    this.waiting = new Set();
    this.kinds = new Set();
    this.failure = null;
    this.socket = new WebSocket(`${site.url.replace("http", "ws")}/ws/channels/`, { headers: { cookie: site.cookie, origin: site.url } });
    this.socket.on("message", (text) => this.take(JSON.parse(text.toString())));
    this.socket.on("error", (error) => this.fail(error));
    this.socket.on("close", (code) => this.fail(new Error(`The relay closed the socket with ${code}`)));
  }

  fail(error) {
    this.failure ??= error;
    for (const look of this.waiting) look();
  }

  take(frame) {
    const name = { message: `message.${frame.type}` }[frame.kind] ?? frame.kind;
    if (!this.checks.RelayFrame(frame)) {
      const why = this.byName(name);
      why?.(frame);
      return this.fail(new Error(`The relay sent what its schema refuses: ${JSON.stringify(why?.errors)} in ${JSON.stringify(frame)}`));
    }
    this.kinds.add(name);
    this.received += 1;
    if (this.received % ACK_EVERY === 0) this.raw({ kind: "ack", received: this.received });
    if (["message", "accepted"].includes(frame.kind) && this.isOld(frame)) return;
    this.frames.push(frame);
    for (const look of this.waiting) look();
  }

  /** Entries come in order; after `resume` some come again. */
  isOld({ kind, channel, seq }) {
    const last = this.logs.get(channel) ?? 0;
    this.logs.set(channel, Math.max(last, seq));
    return kind === "message" && seq <= last;
  }

  raw(frame) {
    if (!this.checks.ClientFrame(frame)) throw new Error(`The schema refuses what this client sends: ${JSON.stringify(frame)}`);
    this.socket.send(JSON.stringify(frame));
  }

  /** The first frame that fits and was not taken before. */
  wait(what, fits) {
    return new Promise((resolve, reject) => {
      const done = (finish) => {
        clearTimeout(timer);
        this.waiting.delete(look);
        finish();
      };
      const look = () => {
        const at = this.frames.findIndex(fits);
        if (at >= 0) done(() => resolve(this.frames.splice(at, 1)[0]));
        else if (this.failure) done(() => reject(this.failure));
      };
      const timer = setTimeout(() => {
        const seen = this.frames.slice(-8).map((frame) => `${frame.kind} ${frame.type ?? ""}`);
        done(() => reject(new Error(`${what} did not come within ${PATIENCE_MS / 1000} s; not taken yet: ${seen.join(", ") || "nothing"}`)));
      }, PATIENCE_MS);
      this.waiting.add(look);
      look();
    });
  }

  /** The next entry of a log of one of these types; a type that says no is an error. */
  entry(channel, ...types) {
    return this.wait(`${types.join(" or ")} in ${channel.slice(0, 10)}`, (frame) => frame.kind === "message" && frame.channel === channel && types.includes(frame.type));
  }

  /** Sends a message; it is durable afterwards. */
  async say(channel, type, body) {
    const id = randomUUID();
    this.raw({ kind: "send", id, channel, type, body });
    const answer = await this.wait(`an answer to ${type}`, (frame) => frame.id === id && ["accepted", "refused"].includes(frame.kind));
    if (answer.kind === "refused") throw new Refused(type, answer);
    return answer;
  }

  state(channel) {
    this.raw({ kind: "state", channel });
    return this.wait("a state", (frame) => frame.kind === "state" && frame.channel === channel);
  }

  /** What came before this socket was opened: it delivers by itself only what comes from now on. */
  async catchUp() {
    this.raw({ kind: "list" });
    const { channels, contracts } = await this.wait("the list", (frame) => frame.kind === "channels");
    for (const channel of [...channels.map((line) => line.channel), ...contracts.map((line) => line.conversation)]) {
      if (!this.logs.has(channel)) this.raw({ kind: "resume", channel, afterSeq: 0 });
    }
  }

  close() {
    this.socket.removeAllListeners("close");
    this.socket.close();
  }
}
