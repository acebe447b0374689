// A channel between two participants that run different clients (docs/api.md, "Between two people").

import { Desk } from "./desk.mjs";

const DEPOSIT = "15000000";
const NOTE = "10000000";
const SLOT_S = 900;
const DAY_S = 24 * 3600;
const GREEDY = 2_000_000;

/** Side a: pays by deposit, buys, asks for settlement and closing; gives what brings the money back. */
export async function buyFrom(person, partner, tell) {
  const { site } = person;
  const desk = new Desk(person, (step, found) => tell(`pair: ${step}`, found));
  const [{ owner }] = (await site.until(`prosumers/?search=${encodeURIComponent(partner)}`, (page) => page.results.length, `participant ${partner}`)).results;
  const terms = await desk.proposeTerms(owner);
  const theirs = await site.get(`contracts/${terms.nonce}/funding/`);
  const scid = await desk.confirmTerms(terms);
  await desk.requestOpening(terms, scid, person.promise("deposit", DEPOSIT), theirs, Math.floor(Date.now() / 1000) + DAY_S);

  await desk.reject(await desk.offered("offer"), "too expensive");
  let done = false;
  while (!done) done = await desk.accept(await desk.offered("offer"));
  const { tariff } = await site.get("market/");
  const low = { sells: false, quantityWh: 70, pricePerKwh: 90_001, imbalancePerKwh: tariff.imbalance_per_kwh };
  for (done = false; !done; ) {
    const offer = await desk.offer({ ...low, slotStart: await soon(site) });
    const { offer: counter } = await desk.answerTo(offer);
    done = await desk.accept(counter);
  }
  await desk.compare();
  tell("pair: traded", { state: desk.book.current });
  await desk.settle();
  await desk.compare();
  await desk.close();
  return () => bringBack(desk);
}

async function bringBack(desk) {
  const { person } = desk;
  const key = person.session(desk.nonce);
  const [address, mine] = [person.wallet.addressOf(key), desk.book.current.balanceA];
  const [atKey, before] = await Promise.all([desk.held(address), desk.held(person.address)]);
  if (atKey !== BigInt(mine)) throw new Error(`The ledger holds ${atKey} for the session key, the final state says ${mine}`);
  await person.transfer(key, address, person.address, mine);
  const after = await desk.held(person.address);
  if (after - before !== atKey) throw new Error(`The wallet grew by ${after - before}, brought back were ${atKey}`);
  return { channel: desk.channel, final: desk.book.current, trades: desk.book.all.length, broughtBack: String(atKey) };
}

/** Side b: brings a credit note, sells, countersigns; gives what withdraws its earnings. */
export async function sellTo(person, tell) {
  const { site, relay } = person;
  const desk = new Desk(person, (step, found) => tell(`pair: ${step}`, found));
  const promise = person.promise("note", NOTE);
  const terms = await desk.acceptTerms(await relay.wait("esc.propose", (frame) => frame.type === "esc.propose"), promise);
  await desk.confirmOpening(terms, promise);

  const { tariff } = await site.get("market/");
  const high = { sells: true, quantityWh: 80, pricePerKwh: GREEDY, imbalancePerKwh: tariff.imbalance_per_kwh };
  const refused = await desk.answerTo(await desk.offer({ ...high, slotStart: await soon(site) }));
  if (refused.reason !== "too expensive") throw new Error(`A greedy offer was answered with ${JSON.stringify(refused)}`);
  await until(desk, () => ({ ...high, pricePerKwh: 150_003 }));
  const countered = { ...high, quantityWh: 70, pricePerKwh: 120_007 };
  for (let answer = ""; answer !== "accepted"; ) {
    const asked = await desk.offered("offer");
    ({ answer } = await desk.answerTo(await desk.counter(asked, { ...countered, slotStart: Number(asked.slotStart) })));
  }
  await desk.compare();
  await desk.awaitSettlement();
  await desk.compare();
  await desk.awaitClosing();
  return () => earn(desk, promise);
}

async function until(desk, wish) {
  for (let answer = ""; answer !== "accepted"; ) {
    ({ answer } = await desk.answerTo(await desk.offer({ ...wish(), slotStart: await soon(desk.site) })));
  }
}

async function earn(desk, promise) {
  const { person } = desk;
  const earned = BigInt(desk.book.current.balanceB) - BigInt(promise.amount);
  if (earned === 0n) return { channel: desk.channel, final: desk.book.current, trades: desk.book.all.length, earned: "0" };
  const before = await desk.held(person.address);
  const amount = await person.withdrawEarnings(desk.nonce);
  const grown = (await desk.held(person.address)) - before;
  if (BigInt(amount) !== earned || grown !== earned) throw new Error(`Earned ${earned}, withdrew ${amount}, the wallet grew by ${grown}`);
  return { channel: desk.channel, final: desk.book.current, trades: desk.book.all.length, earned: String(earned) };
}

async function soon(site) {
  const { open } = await site.get("market/");
  return open[0] + 2 * SLOT_S;
}
