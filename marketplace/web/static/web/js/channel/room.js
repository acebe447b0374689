/**
 * The grid's answer before anything is signed: asked while somebody types, and for each offer that stands.
 */

import { get, list } from "../api.js";
import { h, replace } from "../ui/dom.js";
import { energy, money } from "../ui/format.js";
import { fill, gettext } from "../ui/language.js";
import { RefusedError } from "./socket.js";

/** @typedef {{slot_start: number, quantity_wh: number, fits: boolean, passes_wh: number, room_wh: number, ends: boolean, kind: string, place: string, cost: string}} Room */
/** @typedef {{sells: boolean, quantityWh: bigint, slotStart: number}} Asked */

const TYPING_MS = 250;
const FRESH_MS = 15_000;
const MOST_WH = 100_000n;

/** @param {Room} room */
function fitting({ kind, place, room_wh }) {
  const values = { place, more: energy(room_wh) };
  if (kind === "transformer") return fill(gettext("It fits: the transformer carries %(more)s more in this slot."), values);
  if (kind === "line") return fill(gettext("It fits: the line %(place)s carries %(more)s more in this slot."), values);
  return fill(gettext("It fits: the voltage at %(place)s allows %(more)s more in this slot."), values);
}

/** @param {Room} room */
function tooMuch({ kind, place, room_wh }) {
  const values = { place, more: energy(room_wh) };
  if (!room_wh) return fill(gettext("Nothing more fits between you in this slot: %(place)s is full. Choose another slot."), values);
  if (kind === "transformer") return fill(gettext("Too much: the transformer carries only %(more)s more in this slot."), values);
  if (kind === "line") return fill(gettext("Too much: the line %(place)s carries only %(more)s more in this slot."), values);
  return fill(gettext("Too much: the voltage at %(place)s allows only %(more)s more in this slot."), values);
}

/**
 * @param {Room} room
 * @returns {string}
 */
export function roomInWords(room) {
  if (!room.fits) return tooMuch(room);
  const text = room.ends ? fitting(room) : gettext("It fits: the grid takes this and much more.");
  const cost = BigInt(room.cost);
  return cost ? `${text} ${fill(gettext("Others step back for it; you pay half of %(cost)s."), { cost: money(cost) })}` : text;
}

/**
 * What the grid said to an offer, in the reader's language.
 *
 * @param {string} offer id
 * @returns {Promise<string>} empty where nothing was kept, or it can't be asked
 */
export async function gateWords(offer) {
  const [newest] = await list(`gate-decisions/?trade=${offer}`).catch(() => []);
  return newest?.words ?? "";
}

/**
 * A refusal by the grid with all that it said; any other error as it is.
 *
 * @param {unknown} error
 * @param {string} offer id
 */
export async function withGateWords(error, offer) {
  if (error instanceof RefusedError && error.code === "grid_limit") error.message = (await gateWords(offer)) || error.message;
  return error;
}

/** Asks the gate for one partner, and remembers its answers for some seconds. */
export class RoomAsker {
  /** @param {string} partner slug */
  constructor(partner) {
    this.partner = partner;
    /** @type {Map<string, {at: number, answer: Promise<Room>}>} */
    this.known = new Map();
  }

  /**
   * @param {Asked} asked
   * @returns {Promise<Room>}
   */
  ask({ sells, quantityWh, slotStart }) {
    const wh = quantityWh > MOST_WH ? MOST_WH : quantityWh;
    const query = `partner=${this.partner}&side=${sells ? "sells" : "buys"}&slot_start=${slotStart}&quantity_wh=${wh}`;
    const found = this.known.get(query);
    if (found && Date.now() - found.at < FRESH_MS) return found.answer;
    const answer = get(`market/room/?${query}`);
    this.known.set(query, { at: Date.now(), answer });
    return answer;
  }

  /** What is known may be wrong after a trade. */
  forget() {
    this.known.clear();
  }
}

/** The line under the form that says what the grid takes of what is being typed. */
export class RoomLine {
  /**
   * @param {HTMLElement} place
   * @param {RoomAsker} asker
   * @param {(wh: number) => void} take uses the most that fits
   */
  constructor(place, asker, take) {
    this.place = place;
    this.asker = asker;
    this.take = take;
    this.turn = 0;
    this.timer = 0;
  }

  /** @param {Asked|null} asked null where what is typed is no offer yet */
  show(asked) {
    clearTimeout(this.timer);
    this.turn += 1;
    this.place.dataset.fits = "";
    if (!asked || asked.quantityWh === 0n) return replace(this.place, "");
    if (asked.quantityWh > MOST_WH) return replace(this.place, fill(gettext("No trade of a quarter-hour is larger than %(most)s here."), { most: energy(MOST_WH) }));
    const { turn } = this;
    this.timer = setTimeout(() => void this.look(asked, turn), TYPING_MS);
  }

  /**
   * @param {Asked} asked
   * @param {number} turn what was typed since makes the answer useless
   */
  async look(asked, turn) {
    const room = await this.asker.ask(asked).catch(() => null);
    if (turn !== this.turn) return;
    this.place.dataset.fits = room ? String(room.fits) : "";
    if (!room) return replace(this.place, gettext("The grid can’t be asked now. It is asked again when you sign."));
    const some = !room.fits && room.room_wh > 0;
    const button = h("button", { type: "button", class: "button button--small", onclick: () => this.take(room.room_wh) }, fill(gettext("Take %(most)s"), { most: energy(room.room_wh) }));
    replace(this.place, h("span", {}, roomInWords(room)), some ? " " : null, some ? button : null);
  }
}
