/**
 * The feeder as a map: buses coloured by voltage, lines by loading.
 */

import cytoscape from "../../vendor/cytoscape/cytoscape.esm.min.js";
import { color, voltageScale } from "../ui/colors.js";

/** @typedef {{id: string, name: string, x: number, y: number, source: boolean, connections: number[]}} FeederNode */
/** @typedef {{id: string, kind: "line"|"transformer", source: string, target: string, closed: boolean}} FeederEdge */
/** @typedef {{index: number, name: string, bus: string, pv_kw: number, battery_kwh: number, wind_kw: number, ev_kw: number, heat_pump_kw: number}} Connection */
/** @typedef {{nodes: FeederNode[], edges: FeederEdge[], connections: Connection[]}} Feeder */

const WIDTH = 1000;
const HEIGHT = 620;
const HEAVY_PERCENT = 80;

/**
 * The tree's grid steps stretched over one drawing: from left to right where there is room, else from top to bottom.
 *
 * @param {FeederNode[]} nodes
 * @returns {(node: FeederNode) => {x: number, y: number}}
 */
function projection(nodes) {
  const widest = Math.max(...nodes.map((n) => n.x), 1);
  const deepest = Math.max(...nodes.map((n) => n.y), 1);
  const lying = matchMedia("(min-width: 40rem)").matches;
  if (lying) return ({ x, y }) => ({ x: (y / deepest) * WIDTH, y: (x / widest) * HEIGHT });
  return ({ x, y }) => ({ x: (x / widest) * HEIGHT, y: (y / deepest) * WIDTH * 0.8 });
}

/** @param {FeederNode} node */
function kindOf(node) {
  if (node.source) return "source";
  return node.connections.length ? "home" : "joint";
}

/** @returns {any[]} */
function styles() {
  return [
    {
      selector: "node",
      style: { width: 13, height: 13, "background-color": "data(color)", "border-width": 1.5, "border-color": color("--surface") },
    },
    { selector: "node[kind = 'joint']", style: { width: 7, height: 7, "border-width": 0 } },
    { selector: "node[solar]", style: { shape: "round-rectangle", width: 15, height: 15 } },
    { selector: "node[kind = 'source']", style: { shape: "round-rectangle", width: 22, height: 22, "border-width": 3, "border-color": color("--ink") } },
    { selector: "node.trading", style: { "border-width": 4, "border-color": color("--energy") } },
    { selector: "node:selected", style: { "border-width": 5, "border-color": color("--focus") } },
    {
      selector: "edge",
      style: { width: 2, "line-color": color("--line-strong", 0.75), "curve-style": "straight", "line-cap": "round" },
    },
    { selector: "edge[!closed]", style: { "line-style": "dashed", opacity: 0.5 } },
    { selector: "edge.loaded", style: { width: "data(width)", "line-color": "data(color)" } },
    { selector: "edge[kind = 'transformer']", style: { width: 5, "line-color": color("--ink") } },
  ];
}

/** The map in its container. */
export class FeederMap {
  /**
   * @param {HTMLElement} container
   * @param {Feeder} feeder
   * @param {(node: FeederNode, vmPu: number|undefined) => void} onSelect
   */
  constructor(container, feeder, onSelect) {
    this.feeder = feeder;
    /** @type {import("./source.js").LiveSlot|null} */
    this.slot = null;
    const place = projection(feeder.nodes);
    const idle = color("--line-strong");
    const solar = new Set(feeder.connections.filter((c) => c.pv_kw > 0).map((c) => c.bus));
    /** @type {Map<string, string>} */
    this.busOf = new Map(feeder.connections.map((c) => [c.name, c.bus]));
    this.cy = cytoscape({
      container,
      elements: [
        ...feeder.nodes.map((n) => ({ data: { id: n.id, kind: kindOf(n), solar: solar.has(n.id) || undefined, color: idle }, position: place(n) })),
        ...feeder.edges.map(({ id, kind, source, target, closed }) => ({ data: { id, kind, source, target, closed: closed || undefined, color: idle, width: 2 } })),
      ],
      layout: { name: "preset", padding: 18 },
      style: styles(),
      minZoom: 0.25,
      maxZoom: 4,
      autoungrabify: true,
      boxSelectionEnabled: false,
      userZoomingEnabled: false,
    });
    this.cy.on("select", "node", (/** @type {any} */ event) => {
      const index = feeder.nodes.findIndex((n) => n.id === event.target.id());
      onSelect(/** @type {FeederNode} */ (feeder.nodes[index]), this.slot?.vm_pu[index]);
    });
    new ResizeObserver(() => this.fit()).observe(container);
    addEventListener("wattnote:theme", () => this.repaint());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.repaint());
  }

  fit() {
    this.cy.resize();
    this.cy.fit(undefined, 18);
  }

  /** @param {number} factor */
  zoom(factor) {
    const { width, height } = this.cy.container()?.getBoundingClientRect() ?? { width: 0, height: 0 };
    this.cy.zoom({ level: this.cy.zoom() * factor, renderedPosition: { x: width / 2, y: height / 2 } });
  }

  repaint() {
    this.cy.style(styles());
    if (this.slot) this.show(this.slot);
  }

  /** @param {import("./source.js").LiveSlot} slot */
  show(slot) {
    this.slot = slot;
    const scale = voltageScale();
    const trading = new Set(slot.trades.flatMap((t) => [this.busOf.get(t.seller), this.busOf.get(t.buyer)]));
    this.cy.batch(() => {
      this.feeder.nodes.forEach((node, i) => {
        const element = this.cy.getElementById(node.id);
        const vmPu = slot.vm_pu[i];
        if (vmPu !== undefined) element.data("color", scale(vmPu));
        element.toggleClass("trading", trading.has(node.id));
      });
      this.paintLines(slot.line_loading_percent);
    });
  }

  /** @param {number[]} loadings in percent, in the order of the lines */
  paintLines(loadings) {
    const lines = this.feeder.edges.filter((e) => e.kind === "line");
    lines.forEach((edge, i) => {
      const percent = loadings[i] ?? 0;
      const element = this.cy.getElementById(edge.id);
      const heavy = percent >= HEAVY_PERCENT;
      element.data({ width: 1.5 + Math.min(percent, 120) / 22, color: heavy ? color("--danger") : color("--line-strong", 0.8) });
      element.addClass("loaded");
    });
  }
}
