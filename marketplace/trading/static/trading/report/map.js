/**
 * The feeder as a tree: buses coloured by voltage and marked where they leave the band, lines drawn wider the more
 * they carry. Colour never stands alone: the chosen bus is told in words.
 */

import { figure, svg, unpack } from "./data.js";

/** @typedef {import("./data.js").FeederDrawing} FeederDrawing */
/** @typedef {import("./data.js").Run} Run */
/** @typedef {import("./data.js").Limits} Limits */

export const VOLTAGE_CLASSES = 9;
const HEAVY = 0.8;
const PAD = 16;

/**
 * The class of a voltage: 0 at the lower limit, the middle at 1 pu, the last at the upper limit.
 *
 * @param {number} pu
 * @param {Limits} limits
 */
export function voltageClass(pu, { vm_min_pu: low, vm_max_pu: high }) {
  const half = (VOLTAGE_CLASSES - 1) / 2;
  const place = pu < 1 ? half * (1 - (1 - pu) / (1 - low)) : half * (1 + (pu - 1) / (high - 1));
  return Math.min(Math.max(Math.round(place), 0), VOLTAGE_CLASSES - 1);
}

/** @param {Run} run */
function framesOf(run) {
  const { vm, lines, transformers } = run.frames;
  return {
    vm: unpack(vm),
    lines: unpack(lines),
    transformers: unpack(transformers),
    buses: vm.shape[1],
    lineCount: lines.shape[1],
    transformerCount: transformers.shape[1],
    rows: vm.shape[0],
  };
}

/** The map in its host. */
export class FeederPicture {
  /**
   * @param {HTMLElement} host
   * @param {FeederDrawing} drawing
   * @param {Limits} limits
   * @param {Record<string, Run>} runs by name, such as "market"
   * @param {number} every a frame stands for so many slots
   * @param {(bus: number) => void} choose
   */
  constructor(host, drawing, limits, runs, every, choose) {
    this.host = host;
    this.drawing = drawing;
    this.limits = limits;
    this.every = every;
    this.choose = choose;
    this.runs = new Map(Object.entries(runs).map(([name, run]) => [name, framesOf(run)]));
    this.run = "market";
    this.slot = 0;
    this.bus = drawing.nodes.findIndex((node) => node.source);
    this.draw(host.clientWidth);
    new ResizeObserver(() => {
      if (host.clientWidth && host.clientWidth !== this.width) this.draw(host.clientWidth);
    }).observe(host);
  }

  /** @param {number} width */
  draw(width) {
    this.width = width;
    const lying = width >= 620;
    const { nodes } = this.drawing;
    const across = Math.max(...nodes.map((n) => n.x), 1);
    const deep = Math.max(...nodes.map((n) => n.y), 1);
    const height = lying ? Math.min(Math.max(440, across * 9), 680) : Math.min(Math.max(320, deep * 26), 620);
    const [w, h] = [width - 2 * PAD, height - 2 * PAD];
    /** @type {(index: number) => [number, number]} */
    const place = (index) => {
      const node = nodes[index];
      if (!node) return [0, 0];
      return lying ? [PAD + (node.y / deep) * w, PAD + (node.x / across) * h] : [PAD + (node.x / across) * w, PAD + (node.y / deep) * h];
    };
    const size = Math.max(2.2, Math.min(5, (lying ? h : w) / across / 2.2));
    this.edges = this.drawing.edges.map(([kind, , from, to, closed]) => {
      const [[x1, y1], [x2, y2]] = [place(from), place(to)];
      return svg("line", { x1, y1, x2, y2, class: `edge edge--${kind}${closed ? "" : " edge--open"}` });
    });
    this.spots = nodes.map((node, index) => this.spot(node, index, place(index), size));
    this.ring = svg("circle", { class: "ring", r: size + 4 });
    this.place = place;
    const picture = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
    picture.append(svg("g", {}, ...this.edges), this.ring, svg("g", {}, ...this.spots));
    this.host.replaceChildren(picture);
    this.paint();
  }

  /**
   * @param {import("./data.js").MapNode} node
   * @param {number} index
   * @param {[number, number]} place
   * @param {number} size
   */
  spot(node, index, [x, y], size) {
    const r = node.source ? size * 1.8 : node.homes.length ? size : size * 0.6;
    const square = node.source || node.solar;
    const shape = square
      ? svg("rect", { x: x - r, y: y - r, width: 2 * r, height: 2 * r, rx: r / 3 })
      : svg("circle", { cx: x, cy: y, r });
    shape.append(svg("title", {}, node.name));
    shape.addEventListener("click", () => this.select(index));
    shape.addEventListener("pointerenter", () => this.select(index));
    return shape;
  }

  /** @param {number} index */
  select(index) {
    this.bus = (index + this.drawing.nodes.length) % this.drawing.nodes.length;
    this.paint();
    this.choose(this.bus);
  }

  /** @param {number} slot @param {string} [run] */
  show(slot, run = this.run) {
    this.slot = slot;
    this.run = run;
    this.paint();
  }

  /** @returns {{vm: Float64Array, lines: Float64Array, transformers: Float64Array}} of the slot shown */
  frame() {
    const frames = /** @type {ReturnType<typeof framesOf>} */ (this.runs.get(this.run));
    const row = Math.min(Math.floor(this.slot / this.every), frames.rows - 1);
    /** @type {(values: Float64Array, size: number) => Float64Array} */
    const cut = (values, size) => values.subarray(row * size, (row + 1) * size);
    return {
      vm: cut(frames.vm, frames.buses),
      lines: cut(frames.lines, frames.lineCount),
      transformers: cut(frames.transformers, frames.transformerCount),
    };
  }

  paint() {
    const { vm, lines, transformers } = this.frame();
    const { limits } = this;
    this.spots?.forEach((spot, i) => {
      const pu = vm[i] ?? NaN;
      if (Number.isNaN(pu)) {
        spot.setAttribute("class", "bus bus--dead");
        return;
      }
      const out = pu > limits.vm_max_pu + 1.1e-5 || pu < limits.vm_min_pu - 1.1e-5;
      spot.setAttribute("class", `bus v${voltageClass(pu, limits)}${out ? " bus--out" : ""}`);
    });
    this.drawing.edges.forEach(([kind, index], i) => {
      const percent = (kind === "line" ? lines[index] : transformers[index]) ?? 0;
      const limit = kind === "line" ? limits.line_percent : limits.transformer_percent;
      const edge = this.edges?.[i];
      edge?.setAttribute("stroke-width", (1.2 + Math.min(percent / limit, 1.3) * 9).toFixed(2));
      edge?.classList.toggle("edge--heavy", percent >= HEAVY * limit);
      edge?.classList.toggle("edge--over", percent > limit);
    });
    const [x, y] = this.place?.(this.bus) ?? [0, 0];
    this.ring?.setAttribute("cx", String(x));
    this.ring?.setAttribute("cy", String(y));
  }

  /** Choose the bus whose voltage is farthest from 1 pu now. */
  strained() {
    const far = [...this.frame().vm].map((pu, i) => (this.drawing.nodes[i]?.source || Number.isNaN(pu) ? 0 : Math.abs(pu - 1)));
    this.select(far.indexOf(Math.max(...far)));
  }

  /** The chosen bus in words. */
  words() {
    const node = this.drawing.nodes[this.bus];
    if (!node) return "";
    const pu = this.frame().vm[this.bus] ?? NaN;
    const homes = node.homes.length ? `, ${node.homes.length} connection${node.homes.length > 1 ? "s" : ""}` : "";
    const volts = Number.isNaN(pu) ? "no supply" : `${figure(pu, 4)} pu`;
    return `${node.name}: ${volts}${node.solar ? ", with PV" : ""}${homes}`;
  }
}
