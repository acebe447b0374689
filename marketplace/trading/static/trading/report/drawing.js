/**
 * The feeder as a tree: buses coloured by voltage and marked where they leave the band, lines drawn wider the more
 * they carry. Reports and the live map draw the same.
 */

import { svg } from "./data.js";

/** @typedef {import("./data.js").FeederDrawing} FeederDrawing */
/** @typedef {import("./data.js").Limits} Limits */
/** @typedef {{vm: ArrayLike<number>, lines: ArrayLike<number>, transformers: ArrayLike<number>}} Frame */

export const VOLTAGE_CLASSES = 9;
const HEAVY = 0.8;
const PAD = 16;
const LYING_FROM = 620;

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

/** The drawing in its host, drawn anew for each width. */
export class Drawing {
  /**
   * @param {HTMLElement} host
   * @param {FeederDrawing} drawing
   * @param {Limits} limits
   * @param {(bus: number) => void} choose
   */
  constructor(host, drawing, limits, choose) {
    this.host = host;
    this.drawing = drawing;
    this.limits = limits;
    this.choose = choose;
    this.bus = drawing.nodes.findIndex((node) => node.source);
    /** @type {SVGElement[]} */
    this.edges = [];
    /** @type {SVGElement[]} */
    this.spots = [];
    this.width = 0;
    this.height = 0;
    new ResizeObserver(() => {
      if (host.clientWidth && (host.clientWidth !== this.width || this.heightFor(host.clientWidth) !== this.height)) this.draw();
    }).observe(host);
  }

  /** @returns {Frame} what is to be shown now */
  frame() {
    return { vm: [], lines: [], transformers: [] };
  }

  /** @param {number} width */
  heightFor(width) {
    const { nodes } = this.drawing;
    const across = Math.max(...nodes.map((n) => n.x), 1);
    const deep = Math.max(...nodes.map((n) => n.y), 1);
    return width >= LYING_FROM ? Math.min(Math.max(440, across * 9), 680) : Math.min(Math.max(320, deep * 26), 620);
  }

  draw() {
    const width = this.host.clientWidth;
    const height = this.heightFor(width);
    [this.width, this.height] = [width, height];
    const lying = width >= LYING_FROM;
    const { nodes } = this.drawing;
    const across = Math.max(...nodes.map((n) => n.x), 1);
    const deep = Math.max(...nodes.map((n) => n.y), 1);
    const [w, h] = [width - 2 * PAD, height - 2 * PAD];
    /** @type {(index: number) => [number, number]} */
    this.place = (index) => {
      const node = nodes[index];
      if (!node) return [0, 0];
      return lying ? [PAD + (node.y / deep) * w, PAD + (node.x / across) * h] : [PAD + (node.x / across) * w, PAD + (node.y / deep) * h];
    };
    const place = this.place;
    const size = Math.max(2.2, Math.min(5, (lying ? h : w) / across / 2.2));
    this.edges = this.drawing.edges.map(([kind, , from, to, closed]) => {
      const [[x1, y1], [x2, y2]] = [place(from), place(to)];
      return svg("line", { x1, y1, x2, y2, class: `edge edge--${kind}${closed ? "" : " edge--open"}` });
    });
    this.spots = nodes.map((node, index) => this.spot(node, index, place(index), size));
    this.ring = svg("circle", { class: "ring", r: size + 4 });
    this.picture = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
    this.picture.append(svg("g", {}, ...this.edges), this.ring, svg("g", {}, ...this.spots));
    this.host.replaceChildren(this.picture);
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

  paint() {
    const { vm, lines, transformers } = this.frame();
    this.spots.forEach((spot, i) => spot.setAttribute("class", this.lookOf(vm[i] ?? NaN)));
    this.drawing.edges.forEach(([kind, index], i) => {
      const percent = (kind === "line" ? lines[index] : transformers[index]) ?? 0;
      const limit = kind === "line" ? this.limits.line_percent : this.limits.transformer_percent;
      const edge = this.edges[i];
      edge?.setAttribute("stroke-width", (1.2 + Math.min(percent / limit, 1.3) * 9).toFixed(2));
      edge?.classList.toggle("edge--heavy", percent >= HEAVY * limit);
      edge?.classList.toggle("edge--over", percent > limit);
    });
    const [x, y] = this.place?.(this.bus) ?? [0, 0];
    this.ring?.setAttribute("cx", String(x));
    this.ring?.setAttribute("cy", String(y));
  }

  /** @param {number} pu */
  lookOf(pu) {
    if (Number.isNaN(pu)) return "bus bus--dead";
    const out = pu > this.limits.vm_max_pu + 1.1e-5 || pu < this.limits.vm_min_pu - 1.1e-5;
    return `bus v${voltageClass(pu, this.limits)}${out ? " bus--out" : ""}`;
  }
}
