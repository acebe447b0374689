import assert from "node:assert/strict";
import { test } from "node:test";

import { withGateWords } from "../../../marketplace/web/static/web/js/channel/room.js";
import { RefusedError, RelaySocket } from "../../../marketplace/web/static/web/js/channel/socket.js";

globalThis.location = { protocol: "http:", host: "site.example" };

/** The relay's end of a websocket. */
class FakeSocket {
  static OPEN = 1;
  static opened = [];
  constructor(url) {
    Object.assign(this, { url, readyState: 1, sent: [] });
    FakeSocket.opened.push(this);
  }
  send(text) {
    this.sent.push(JSON.parse(text));
  }
  say(frame) {
    this.onmessage({ data: JSON.stringify(frame) });
  }
}

function connected() {
  FakeSocket.opened = [];
  const socket = new RelaySocket("/ws/channels/", FakeSocket);
  socket.connect();
  FakeSocket.opened[0].say({ kind: "hello", domain: {} });
  socket.waitMs = 0;
  return socket;
}

const latest = () => FakeSocket.opened.at(-1);

test("a message waits for its durable answer", async () => {
  const socket = connected();
  const answer = socket.send("0xaa", "withdraw", { offer: "0x01" });
  const [frame] = latest().sent;
  assert.deepEqual([frame.kind, frame.channel, frame.type], ["send", "0xaa", "withdraw"]);
  latest().say({ kind: "accepted", id: frame.id, channel: "0xaa", seq: 4, at: 1 });
  assert.equal((await answer).seq, 4);
});

test("a refusal says why, and changes nothing", async () => {
  const socket = connected();
  const answer = socket.send("0xaa", "withdraw", {});
  latest().say({ kind: "refused", id: latest().sent[0].id, code: "grid_limit", message: "1.1 kWh would pass." });
  await assert.rejects(answer, (error) => error instanceof RefusedError && error.code === "grid_limit" && /no room for all of it/.test(error.message));
});

test("a code that this page does not know is told as it came", async () => {
  const socket = connected();
  const answer = socket.send("0xaa", "withdraw", {});
  latest().say({ kind: "refused", id: latest().sent[0].id, code: "of_tomorrow", message: "Try it tomorrow." });
  await assert.rejects(answer, (error) => error instanceof RefusedError && error.message === "Try it tomorrow.");
});

test("what the grid refused is told with its figures, as the site says them", async () => {
  const asked = [];
  globalThis.fetch = async (path) => {
    asked.push(path);
    return Response.json({ count: 1, results: [{ words: "Vom Netz abgelehnt: 1,100 kWh passen." }] });
  };
  const refused = new RefusedError({ code: "grid_limit", message: "1.1 kWh would pass." });
  assert.equal((await withGateWords(refused, "0x01")).message, "Vom Netz abgelehnt: 1,100 kWh passen.");
  assert.match(asked[0], /gate-decisions\/\?trade=0x01/);
  const other = new RefusedError({ code: "offer_expired", message: "" });
  assert.equal(await withGateWords(other, "0x01"), other);
  assert.equal(asked.length, 1);
});

test("after a lost connection the same id is sent again and the log is resumed", async () => {
  const socket = connected();
  const seen = [];
  socket.addEventListener("message", (event) => seen.push(event.detail.seq));
  socket.follow("0xaa");
  latest().say({ kind: "message", channel: "0xaa", seq: 1, type: "offer", body: {} });
  latest().say({ kind: "message", channel: "0xaa", seq: 2, type: "offer", body: {} });
  const answer = socket.send("0xaa", "withdraw", {});
  const { id } = latest().sent.at(-1);
  latest().onclose({ code: 1006 });
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.equal(FakeSocket.opened.length, 2);
  latest().say({ kind: "hello", domain: {} });
  assert.deepEqual(latest().sent[0], { kind: "resume", channel: "0xaa", afterSeq: 2, states: true });
  assert.equal(latest().sent[1].id, id);
  latest().say({ kind: "message", channel: "0xaa", seq: 2, type: "offer", body: {} });
  latest().say({ kind: "accepted", id, channel: "0xaa", seq: 3, at: 1 });
  await answer;
  assert.deepEqual(seen, [1, 2, 3]);
});

test("received frames are acknowledged", () => {
  connected();
  for (let seq = 1; seq < 40; seq += 1) latest().say({ kind: "message", channel: "0xaa", seq, type: "offer", body: {} });
  assert.deepEqual(latest().sent, [{ kind: "ack", received: 32 }]);
});

test("signed out means no reconnecting", async () => {
  connected();
  latest().onclose({ code: 4401 });
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(FakeSocket.opened.length, 1);
});

test("after sleep a socket that says nothing is given up, and a lost one is opened at once", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const socket = connected();
  latest().close = () => {};
  socket.wake();
  assert.deepEqual(latest().sent, [{ kind: "list" }]);
  latest().say({ kind: "channels", channels: [], contracts: [] });
  t.mock.timers.tick(10_000);
  assert.equal(FakeSocket.opened.length, 1);
  socket.wake();
  t.mock.timers.tick(10_000);
  t.mock.timers.tick(10_000);
  assert.equal(FakeSocket.opened.length, 2);
  latest().say({ kind: "hello", domain: {} });
  socket.waitMs = 15_000;
  latest().onclose({ code: 1006 });
  socket.wake();
  assert.equal(FakeSocket.opened.length, 3);
  t.mock.timers.tick(60_000);
  assert.equal(FakeSocket.opened.length, 3);
});
