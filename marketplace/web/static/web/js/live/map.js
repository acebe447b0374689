/**
 * The live feeder: the reports' drawing at the newest slot, with zoom, drag, and a way through its buses by keyboard.
 */

import { Drawing } from "../../../trading/report/drawing.js";

/** @typedef {{id: string, name: string, x: number, y: number, source: boolean, connections: number[]}} FeederNode */
/** @typedef {{id: string, kind: "line"|"transformer", source: string, target: string, closed: boolean}} FeederEdge */
/** @typedef {{index: number, name: string, bus: string, pv_kw: number, battery_kwh: number, wind_kw: number, ev_kw: number, heat_pump_kw: number}} Connection */
/** @typedef {import("../../../trading/report/data.js").Limits} Limits */
/** @typedef {{nodes: FeederNode[], edges: FeederEdge[], connections: Connection[], limits: Limits}} Feeder */

const CLOSEST = 6;
const STEPS = new Map([["ArrowRight", 1], ["ArrowDown", 1], ["ArrowLeft", -1], ["ArrowUp", -1]]);

/**
 * @param {Feeder} feeder
 * @returns {import("../../../trading/report/data.js").FeederDrawing}
 */
function drawingOf({ nodes, edges, connections }) {
  const place = new Map(nodes.map((node, i) => [node.id, i]));
  const solar = new Set(connections.filter((c) => c.pv_kw > 0).map((c) => c.bus));
  /** @type {Record<string, number>} */
  const counted = { line: 0, transformer: 0 };
  return {
    nodes: nodes.map(({ id, name, x, y, source, connections: homes }) => ({ name, x, y, homes, source, solar: solar.has(id) })),
    edges: edges.map(({ kind, source, target, closed }) => {
      const index = counted[kind] ?? 0;
      counted[kind] = index + 1;
      return [kind, index, place.get(source) ?? 0, place.get(target) ?? 0, closed];
    }),
    lines: [],
    transformers: [],
  };
}

/** The map in its container. */
export class FeederMap extends Drawing {
  /**
   * @param {HTMLElement} container
   * @param {Feeder} feeder
   * @param {(node: FeederNode, vmPu: number|undefined) => void} onSelect
   */
  constructor(container, feeder, onSelect) {
    super(container, drawingOf(feeder), feeder.limits, (bus) => {
      const node = feeder.nodes[bus];
      if (node) onSelect(node, this.slot?.vm_pu[bus]);
    });
    this.feeder = feeder;
    /** @type {import("./source.js").LiveSlot|null} */
    this.slot = null;
    /** @type {Map<string, string>} */
    this.busOf = new Map(feeder.connections.map((c) => [c.name, c.bus]));
    /** @type {Set<string|undefined>} */
    this.trading = new Set();
    this.closeness = 1;
    /** @type {[number, number]} the middle of what is seen, as a share of the whole */
    this.middle = [0.5, 0.5];
    this.draw();
    this.listen(container);
  }

  /** The drawing fills its box. @override */
  heightFor() {
    return this.host.clientHeight;
  }

  /** @override */
  frame() {
    const { slot } = this;
    return { vm: slot?.vm_pu ?? [], lines: slot?.line_loading_percent ?? [], transformers: slot?.trafo_loading_percent ?? [] };
  }

  /** @param {import("./source.js").LiveSlot} slot */
  show(slot) {
    this.slot = slot;
    this.trading = new Set(slot.trades.flatMap((t) => [this.busOf.get(t.seller), this.busOf.get(t.buyer)]));
    this.paint();
  }

  /** @override */
  paint() {
    super.paint();
    this.spots.forEach((spot, i) => spot.classList.toggle("bus--trading", this.trading?.has(this.feeder.nodes[i]?.id)));
  }

  /** @override */
  draw() {
    super.draw();
    this.look();
  }

  fit() {
    this.closeness = 1;
    this.middle = [0.5, 0.5];
    this.look();
  }

  /** @param {number} factor */
  zoom(factor) {
    this.closeness = Math.min(Math.max(this.closeness * factor, 1), CLOSEST);
    this.look();
  }

  /** Show the part of the picture that was chosen, never what lies outside it. */
  look() {
    const half = 0.5 / this.closeness;
    const [x, y] = this.middle.map((share) => Math.min(Math.max(share, half), 1 - half) - half);
    this.middle = [Number(x) + half, Number(y) + half];
    const box = [Number(x) * this.width, Number(y) * this.height, this.width / this.closeness, this.height / this.closeness];
    this.picture?.setAttribute("viewBox", box.map((n) => n.toFixed(1)).join(" "));
  }

  /** @param {HTMLElement} container */
  listen(container) {
    container.addEventListener("keydown", (event) => {
      const step = STEPS.get(event.key);
      if (step === undefined) return;
      event.preventDefault();
      this.select(this.bus + step);
    });
    container.addEventListener("pointermove", (event) => {
      if (this.closeness === 1 || !(event.buttons & 1)) return;
      this.middle = [
        this.middle[0] - event.movementX / this.width / this.closeness,
        this.middle[1] - event.movementY / this.height / this.closeness,
      ];
      this.look();
    });
  }
}
