/**
 * Tables that sort by a click on a column's head and filter by words, and the bars of what each household saved.
 */

import { euros, fill, gettext, html, svg } from "./data.js";

const MOST_BARS = 1200;

/** @param {HTMLTableElement} table */
export function sortable(table) {
  const body = table.tBodies[0];
  if (!body) return;
  table.querySelectorAll("thead th").forEach((head, column) => {
    const button = html("button", { type: "button", class: "sort" }, ...head.childNodes);
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const falling = head.getAttribute("aria-sort") !== "descending";
      for (const other of table.querySelectorAll("thead th")) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", falling ? "descending" : "ascending");
      const rows = [...body.rows].sort((one, other) => order(one, other, column));
      body.append(...(falling ? rows.reverse() : rows));
    });
  });
}

/**
 * @param {HTMLTableRowElement} one
 * @param {HTMLTableRowElement} other
 * @param {number} column
 */
function order(one, other, column) {
  const [a, b] = [one, other].map((row) => row.cells[column]?.dataset.value ?? row.cells[column]?.textContent ?? "");
  const [x, y] = [Number(a), Number(b)];
  return Number.isFinite(x) && Number.isFinite(y) ? x - y : String(a).localeCompare(String(b), "en", { numeric: true });
}

/**
 * @param {HTMLInputElement} input
 * @param {HTMLTableElement} table
 * @param {HTMLElement} count
 */
export function filtered(input, table, count) {
  input.addEventListener("input", () => {
    const wanted = input.value.trim().toLowerCase();
    let shown = 0;
    for (const row of table.tBodies[0]?.rows ?? []) {
      row.hidden = !row.textContent?.toLowerCase().includes(wanted);
      shown += row.hidden ? 0 : 1;
    }
    count.textContent = fill(gettext("%(count)s shown"), { count: shown });
  });
}

/**
 * @param {HTMLElement} host
 * @param {{name: string, saved: number}[]} households
 */
export function savings(host, households) {
  const all = [...households].sort((a, b) => b.saved - a.saved);
  const every = Math.ceil(all.length / MOST_BARS);
  const rows = all.filter((_, i) => i % every === 0 || i === all.length - 1);
  const said = html("p", { class: "said" });
  const stage = html("div", { class: "stage stage--still", role: "img", "aria-label": gettext("What each household saved, the most first") });
  host.replaceChildren(stage, said);
  const tell = (/** @type {number} */ i) => {
    const row = rows[i];
    if (row) said.textContent = `${fill(gettext("%(rank)s of %(count)s"), { rank: all.indexOf(row) + 1, count: all.length })}: ${row.name}, ${euros(row.saved)}`;
  };
  const draw = () => {
    const width = Math.max(host.clientWidth, 240);
    const height = 160;
    const most = Math.max(...rows.map((row) => row.saved), 0);
    const least = Math.min(...rows.map((row) => row.saved), 0);
    const y = (/** @type {number} */ v) => 8 + ((most - v) / (most - least || 1)) * (height - 16);
    const step = (width - 52) / Math.max(1, rows.length);
    const bars = rows.map(({ saved }, i) => {
      const [top, base] = [y(Math.max(saved, 0)), y(Math.min(saved, 0))];
      return svg("rect", { class: saved < 0 ? "bar bar--lost" : "bar bar--saved", x: 52 + i * step, y: top, width: Math.max(step - 0.7, 0.6), height: Math.max(base - top, 0.8) });
    });
    const ticks = [most, 0, least].filter((v, i, all) => all.indexOf(v) === i && (i < 2 || y(v) - y(0) > 12)).map((v) => svg("text", { class: "tick tick--y", x: 46, y: Math.max(y(v) + 4, 10) }, euros(v)));
    const zero = svg("line", { class: "rule rule--day", x1: 52, x2: width, y1: y(0), y2: y(0) });
    const picture = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}` });
    picture.append(zero, ...bars, ...ticks);
    picture.addEventListener("pointermove", (event) => tell(Math.floor((/** @type {PointerEvent} */ (event).offsetX - 52) / step)));
    stage.replaceChildren(picture);
  };
  draw();
  tell(0);
  let drawn = host.clientWidth;
  new ResizeObserver(() => {
    if (host.clientWidth && host.clientWidth !== drawn) {
      drawn = host.clientWidth;
      draw();
    }
  }).observe(host);
}
