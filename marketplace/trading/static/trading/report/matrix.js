/**
 * Who traded with whom: sellers down, buyers across, both in the order of their volume; a darker cell is more energy.
 */

import { figure, fill, gettext, html, svg } from "./data.js";

/** @typedef {[number, number, number, number, number]} Pair seller, buyer, Wh delivered, micro-units paid, trades */

const NAMES = 12;
const MOST_CELL = 14;
const LEAST_CELL = 4;

/**
 * @param {Pair[]} pairs
 * @param {0|1} end
 */
function ranked(pairs, end) {
  /** @type {Map<number, number>} */
  const sums = new Map();
  for (const pair of pairs) sums.set(pair[end], (sums.get(pair[end]) ?? 0) + pair[2]);
  return [...sums].sort(([a, one], [b, other]) => other - one || a - b);
}

/** The matrix in its host, with the chosen pair in words below. */
export class TradeMatrix {
  /**
   * @param {HTMLElement} host
   * @param {Pair[]} pairs the largest first
   * @param {string[]} names of the connections
   */
  constructor(host, pairs, names) {
    this.host = host;
    this.pairs = pairs;
    this.names = names;
    this.sellers = ranked(pairs, 0);
    this.buyers = ranked(pairs, 1);
    this.chosen = 0;
    this.stage = html("div", { class: "matrix", tabindex: "0", role: "slider", "aria-label": gettext("Pairs, the largest first"), "aria-valuemin": "1" });
    this.stage.setAttribute("aria-valuemax", String(pairs.length));
    this.said = html("p", { class: "said" });
    host.replaceChildren(this.stage, this.said);
    this.stage.addEventListener("keydown", (event) => {
      /** @type {Record<string, number>} */
      const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -pairs.length, End: pairs.length };
      const step = steps[event.key];
      if (step === undefined) return;
      event.preventDefault();
      this.select(this.chosen + step);
    });
    this.draw(host.clientWidth);
    new ResizeObserver(() => {
      if (host.clientWidth && host.clientWidth !== this.width) this.draw(host.clientWidth);
    }).observe(host);
  }

  /** @param {number} width */
  draw(width) {
    this.width = width;
    const left = width < 620 ? 84 : 150;
    const bars = 56;
    const cell = Math.max(LEAST_CELL, Math.min(MOST_CELL, (width - left - bars - 8) / this.buyers.length));
    this.cell = cell;
    const top = bars + 6;
    const row = new Map(this.sellers.map(([home], i) => [home, i]));
    const column = new Map(this.buyers.map(([home], i) => [home, i]));
    const full = left + cell * this.buyers.length + bars + 8;
    const height = top + cell * this.sellers.length + 8;
    const most = this.pairs[0]?.[2] ?? 1;
    /** @type {(pair: Pair) => [number, number]} */
    const place = ([seller, buyer]) => [left + (column.get(buyer) ?? 0) * cell, top + (row.get(seller) ?? 0) * cell];
    this.place = place;
    const cells = this.pairs.map((pair, i) => {
      const [x, y] = place(pair);
      const shade = (0.14 + 0.86 * Math.sqrt(pair[2] / most)).toFixed(3);
      const rect = svg("rect", { class: "cell", x, y, width: cell - 0.6, height: cell - 0.6, "fill-opacity": shade });
      rect.addEventListener("pointerenter", () => this.select(i));
      rect.addEventListener("click", () => this.select(i));
      return rect;
    });
    this.ring = svg("rect", { class: "cell-ring", width: cell + 3, height: cell + 3 });
    const picture = svg("svg", { width: full, height, viewBox: `0 0 ${full} ${height}`, "aria-hidden": "true" });
    const field = svg("rect", { class: "field", x: left, y: top, width: cell * this.buyers.length, height: cell * this.sellers.length });
    picture.append(field, ...this.margins(left, top, cell, bars), ...cells, this.ring);
    this.stage.replaceChildren(picture);
    this.select(this.chosen);
  }

  /**
   * The sums of rows and columns as bars, and as many names as there is room for.
   *
   * @param {number} left
   * @param {number} top
   * @param {number} cell
   * @param {number} bars
   */
  margins(left, top, cell, bars) {
    const right = left + cell * this.buyers.length + 4;
    const [most, mostBought] = [this.sellers[0]?.[1] || 1, this.buyers[0]?.[1] || 1];
    const every = Math.ceil(NAMES / cell);
    return [
      svg("text", { class: "tick", x: left, y: 10 }, fill(gettext("%(count)s buyers, the largest left"), { count: this.buyers.length })),
      svg("text", { class: "tick tick--y", x: left - 6, y: top - 6 }, fill(gettext("%(count)s sellers"), { count: this.sellers.length })),
      ...this.sellers.map(([, wh], i) => svg("rect", { class: "bar bar--sold", x: right, y: top + i * cell, height: cell - 0.6, width: (wh / most) * bars })),
      ...this.buyers.map(([, wh], i) => {
        const size = (wh / mostBought) * (bars - 16);
        return svg("rect", { class: "bar bar--bought", x: left + i * cell, y: top - 4 - size, width: cell - 0.6, height: size });
      }),
      ...this.sellers.flatMap(([home], i) =>
        i % every ? [] : [svg("text", { class: "tick tick--y", x: left - 6, y: top + i * cell + Math.min(cell, NAMES) * 0.5 + 4 }, short(this.names[home] ?? "", left < 100 ? 11 : 22))],
      ),
    ];
  }

  /** @param {number} index */
  select(index) {
    this.chosen = Math.min(Math.max(index, 0), this.pairs.length - 1);
    const pair = this.pairs[this.chosen];
    if (!pair) return;
    const [x, y] = this.place?.(pair) ?? [0, 0];
    this.ring?.setAttribute("x", String(x - 1.8));
    this.ring?.setAttribute("y", String(y - 1.8));
    const [seller, buyer, wh, paid, trades] = pair;
    const price = wh ? `, ${fill(gettext("%(price)s on average"), { price: `${figure(paid / wh / 10, 2)} ct/kWh` })}` : "";
    const text = `${this.names[seller]} → ${this.names[buyer]}: ${fill(gettext("%(energy)s in %(trades)s trades"), { energy: `${figure(wh / 1000, 2)} kWh`, trades })}${price}`;
    this.said.textContent = text;
    this.stage.setAttribute("aria-valuenow", String(this.chosen + 1));
    this.stage.setAttribute("aria-valuetext", text);
  }
}

/** @param {string} name @param {number} room */
const short = (name, room) => (name.length > room ? `…${name.slice(1 - room)}` : name);
