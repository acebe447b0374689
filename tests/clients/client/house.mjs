// A channel with a household, whose agent answers: one offer that it takes, one that it counters.

import { Desk } from "./desk.mjs";

const FUNDING = "5000000";
const QUANTITY_WH = 60;
const SLOT_S = 900;
const TRIES = 6;

export async function liveWithAHouse(person, kind, tell) {
  const { site } = person;
  const houses = await surplus(site);
  for (const house of houses.slice(0, TRIES)) {
    const desk = new Desk(person, (step, found) => tell(`house: ${step}`, found));
    const openBy = Math.floor(Date.now() / 1000) + 600;
    const terms = await desk.proposeTerms(house.owner);
    const scid = await desk.confirmTerms(terms);
    const theirs = await site.get(`prosumers/${house.slug}/funding/?scid=${scid}&index=0`);
    const mine = person.promise(kind, FUNDING);
    await desk.requestOpening(terms, scid, mine, { ...theirs, amount: String(Math.min(Number(theirs.amount), 3_000_000)) }, openBy);
    const answers = await trade(desk, site);
    if (answers) return finish(desk, kind, mine, answers);
    tell("house: nothing to sell", { house: house.display_name });
    await desk.close();
  }
  throw new Error(`None of ${TRIES} households sold anything`);
}

/** Households that sell soon, those with the most first. */
async function surplus(site) {
  const { results } = await site.get("listings/?side=sells&page_size=200");
  const best = new Map();
  for (const { prosumer, quantity_wh } of results.filter((row) => row.prosumer.is_agent)) best.set(prosumer.slug, { ...prosumer, quantity: Math.max(quantity_wh, best.get(prosumer.slug)?.quantity ?? 0) });
  return [...best.values()].sort((one, two) => two.quantity - one.quantity);
}

async function trade(desk, site) {
  const { tariff } = await site.get("market/");
  const generous = await bargain(desk, site, Number(tariff.retail_per_kwh), tariff);
  if (!desk.book.all.length) return null;
  const stingy = await bargain(desk, site, Number(tariff.feed_in_per_kwh) + 2000, tariff);
  await desk.compare();
  desk.tell("traded", { answers: [generous, stingy], state: desk.book.current });
  return [generous, stingy];
}

/** Offers to buy, and takes the counter-offer where there is one. */
async function bargain(desk, site, pricePerKwh, tariff) {
  const { open } = await site.get("market/");
  const slotStart = open[0] + 2 * SLOT_S;
  const offer = await desk.offer({ sells: false, quantityWh: QUANTITY_WH, pricePerKwh, imbalancePerKwh: tariff.imbalance_per_kwh, slotStart });
  const { answer, offer: counter } = await desk.answerTo(offer);
  if (answer === "countered" && !(await desk.accept(counter))) return "refused";
  return answer;
}

async function finish(desk, kind, mine, answers) {
  const { person } = desk;
  await desk.awaitSettlement();
  await desk.compare();
  await desk.close();
  const balance = BigInt(desk.book.current.balanceA);
  const atKey = await desk.held(person.wallet.addressOf(person.session(desk.nonce)));
  const expected = kind === "deposit" ? balance : 0n;
  if (atKey !== expected) throw new Error(`The ledger holds ${atKey} for the session key, expected ${expected}`);
  return { channel: desk.channel, kind, funding: mine.amount, answers, final: desk.book.current, atKey: String(atKey) };
}
