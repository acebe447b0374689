/**
 * The live feeder: on its own page, and small on the front page.
 */

import { get } from "../api.js";
import { SeriesChart, energyLines, priceLines } from "../live/charts.js";
import { FeederMap } from "../live/map.js";
import { LiveSource } from "../live/source.js";
import { h, need, notice, replace } from "../ui/dom.js";
import { energy, measured, money, price, slot } from "../ui/format.js";
import { fill, gettext } from "../ui/language.js";

/** @typedef {import("../live/source.js").LiveSlot} LiveSlot */

const STATUS = new Map([
  ["running", [gettext("Live"), "good chip--live"]],
  ["paused", [gettext("Paused"), "warn"]],
  ["finished", [gettext("Finished"), "plain"]],
  ["done", [gettext("Finished"), "plain"]],
  ["failed", [gettext("Stopped by an error"), "bad"]],
]);

/**
 * @param {string} name
 * @param {string} text
 */
function figure(name, text) {
  for (const element of document.querySelectorAll(`[data-live="${name}"]`)) element.textContent = text;
}

/** @param {LiveSlot} live */
function showStatus(live) {
  const status = live.run?.status === "running" && live.run.paused ? "paused" : (live.run?.status ?? "");
  const [known, kind] = STATUS.get(status) ?? [status, "plain"];
  const speed = live.run?.speed ?? 1;
  const word = status === "running" && speed !== 1 ? fill(gettext("%(state)s, %(speed)s times"), { state: known ?? "", speed }) : known;
  for (const element of document.querySelectorAll("[data-live='status']")) {
    element.textContent = word ?? "";
    element.className = `chip chip--${kind}`;
  }
  const bar = document.querySelector("[data-live='progress']");
  if (bar instanceof HTMLProgressElement) {
    bar.max = live.slots_total;
    bar.value = live.slot_index + 1;
  }
}

/** @param {LiveSlot} live */
function showFigures(live) {
  const low = Math.min(...live.vm_pu);
  const high = Math.max(...live.vm_pu);
  figure("scenario", live.run?.scenario ?? "");
  figure("slot", slot(live.slot_start, live.slot_start + 900));
  figure("place", fill(gettext("Slot %(slot)s of %(slots)s"), { slot: live.slot_index + 1, slots: live.slots_total }));
  figure("traded", energy(live.traded_wh));
  figure("price", live.price_mean === null || live.trades.length === 0 ? "–" : price(Math.round(Number(live.price_mean))));
  figure("count", String(live.trades.length));
  figure("refused", String(live.refused));
  figure("vmin", `${measured(low, 3)} pu`);
  figure("vmax", `${measured(high, 3)} pu`);
  figure("trafo", `${measured(Math.max(0, ...live.trafo_loading_percent), 1)} %`);
  figure("line", `${measured(Math.max(0, ...live.line_loading_percent), 1)} %`);
}

/** @param {import("../live/map.js").Limits} limits */
function showLimits(limits) {
  figure("volt-low", measured(limits.vm_min_pu, 2));
  figure("volt-high", `${measured(limits.vm_max_pu, 2)} pu`);
  figure("vmin-limit", fill(gettext("at least %(limit)s"), { limit: measured(limits.vm_min_pu, 3) }));
  figure("vmax-limit", fill(gettext("at most %(limit)s"), { limit: measured(limits.vm_max_pu, 3) }));
  figure("trafo-limit", fill(gettext("at most %(limit)s"), { limit: `${limits.transformer_percent} %` }));
  figure("line-limit", fill(gettext("at most %(limit)s"), { limit: `${limits.line_percent} %` }));
}

/**
 * A connection's name without its feeder's.
 *
 * @param {string} name
 */
const short = (name) => name.replace(/^\S+ (?=\S+ \d+$)/, "");

/** @param {LiveSlot} live */
function showTrades(live) {
  const list = document.querySelector("#live-trades");
  if (!list) return;
  const rows = live.trades.slice(0, 12).map((t) =>
    h(
      "li",
      { class: "trade-line" },
      h("span", { class: "trade-line__parties" }, h("b", {}, short(t.seller)), " → ", h("b", {}, short(t.buyer))),
      h("span", { class: "num" }, energy(t.quantity_wh)),
      h("span", { class: "num faint" }, price(t.price_per_kwh)),
      h("span", { class: "num ink-money" }, money(t.amount)),
    ),
  );
  if (rows.length) replace(list, ...rows);
  else replace(list, h("li", { class: "trade-line muted" }, gettext("No trade in this slot: nobody has a surplus that a neighbour needs.")));
}

/** @param {Element} holder */
function teachIdle(holder) {
  replace(
    holder,
    h("div", { class: "map-idle" }, notice("", gettext("No replay is running yet. It starts with the site; this page picks it up by itself."))),
  );
}

async function main() {
  const holder = need("#feeder-map");
  const source = new LiveSource();
  /** @type {FeederMap|null} */
  let map = null;
  const charts = [
    { id: "#chart-energy", lines: energyLines, options: { unit: "kWh" } },
    { id: "#chart-price", lines: priceLines, options: { unit: "ct/kWh" } },
  ].flatMap(({ id, lines, options }) => {
    const element = document.querySelector(id);
    return element instanceof HTMLElement ? [{ chart: new SeriesChart(element, options), lines }] : [];
  });
  const describe = document.querySelector("#node-detail");

  source.addEventListener("slot", (event) => {
    const live = /** @type {CustomEvent<LiveSlot>} */ (event).detail;
    if (map) map.show(live);
    else void drawMap().then(() => map?.show(live), () => teachIdle(holder));
    showStatus(live);
    showFigures(live);
    showTrades(live);
    for (const { chart, lines } of charts) chart.show(live.series.slot_start, lines(live.series));
  });
  source.addEventListener("idle", () => {
    if (!map) teachIdle(holder);
  });

  async function drawMap() {
    const { feeder } = await get("feeder/");
    showLimits(feeder.limits);
    map = new FeederMap(holder, feeder, (node, vmPu) => {
      const homes = feeder.connections.filter((/** @type {any} */ c) => c.bus === node.id).map((/** @type {any} */ c) => short(c.name));
      const volts = vmPu === undefined ? gettext("no voltage yet") : `${measured(vmPu, 4)} pu`;
      if (describe) describe.textContent = [node.name, volts, homes.join(", ")].filter(Boolean).join(" · ");
    });
  }

  for (const button of document.querySelectorAll("[data-zoom]")) {
    button.addEventListener("click", () => map?.zoom(Number(/** @type {HTMLElement} */ (button).dataset.zoom)));
  }
  document.querySelector("[data-fit]")?.addEventListener("click", () => map?.fit());
  await drawMap().catch(() => teachIdle(holder));
  source.start();
}

void main();
