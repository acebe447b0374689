/**
 * The feeder as a map: buses coloured by voltage, lines by loading.
 */

import cytoscape from "../../vendor/cytoscape/cytoscape.esm.min.js";
import { color, voltageScale } from "../ui/colors.js";

/** @typedef {{id: string|number, label: string, x: number, y: number, kind: string}} FeederNode */
/** @typedef {{id: string|number, source: string|number, target: string|number, kind: string}} FeederEdge */
/** @typedef {{nodes: FeederNode[], edges: FeederEdge[]}} Feeder */

const WIDTH = 1000;
const HEIGHT = 620;
const HEAVY_PERCENT = 80;

/**
 * Coordinates of any unit fitted to one drawing, north up; an odd aspect is kept.
 *
 * @param {FeederNode[]} nodes
 * @returns {(node: FeederNode) => {x: number, y: number}}
 */
function projection(nodes) {
  const xs = nodes.map((n) => n.x);
  const ys = nodes.map((n) => n.y);
  const [west, south] = [Math.min(...xs), Math.min(...ys)];
  const [wide, high] = [Math.max(...xs) - west || 1, Math.max(...ys) - south || 1];
  const turned = high / wide > 1.15 && matchMedia("(min-width: 40rem)").matches;
  const scale = turned ? Math.min(WIDTH / high, HEIGHT / wide) : Math.min(WIDTH / wide, HEIGHT / high);
  return ({ x, y }) => {
    const [east, north] = [(x - west) * scale, (y - south) * scale];
    return turned ? { x: north, y: east } : { x: east, y: HEIGHT - north };
  };
}

/** @returns {any[]} */
function styles() {
  return [
    {
      selector: "node",
      style: { width: 13, height: 13, "background-color": "data(color)", "border-width": 1.5, "border-color": color("--surface") },
    },
    { selector: "node[kind = 'household']", style: { shape: "round-rectangle", width: 15, height: 15 } },
    { selector: "node[kind = 'substation']", style: { shape: "diamond", width: 30, height: 30, "border-width": 3, "border-color": color("--ink") } },
    { selector: "node.trading", style: { "border-width": 4, "border-color": color("--energy") } },
    { selector: "node:selected", style: { "border-width": 5, "border-color": color("--focus") } },
    {
      selector: "edge",
      style: { width: 2, "line-color": color("--line-strong", 0.75), "curve-style": "straight", "line-cap": "round" },
    },
    { selector: "edge.loaded", style: { width: "data(width)", "line-color": "data(color)" } },
    { selector: "edge[kind = 'trafo']", style: { width: 2, "line-style": "dashed", "line-color": color("--ink") } },
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
    this.cy = cytoscape({
      container,
      elements: [
        ...feeder.nodes.map((n) => ({ data: { ...n, id: `n${n.id}`, color: idle }, position: place(n) })),
        ...feeder.edges.map((e) => ({ data: { kind: e.kind, id: `e${e.id}`, source: `n${e.source}`, target: `n${e.target}`, color: idle, width: 2 } })),
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
      const index = feeder.nodes.findIndex((n) => `n${n.id}` === event.target.id());
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
    const parties = new Set(slot.trades.flatMap((t) => [t.seller, t.buyer]));
    this.cy.batch(() => {
      this.feeder.nodes.forEach((node, i) => {
        const element = this.cy.getElementById(`n${node.id}`);
        const vmPu = slot.vm_pu[i];
        if (vmPu !== undefined) element.data("color", scale(vmPu));
        element.toggleClass("trading", parties.has(node.label));
      });
      this.paintLines(slot.line_loading_percent);
    });
  }

  /** @param {number[]} loadings in percent, in the order of the lines */
  paintLines(loadings) {
    const lines = this.feeder.edges.filter((e) => e.kind === "line");
    lines.forEach((edge, i) => {
      const percent = loadings[i] ?? 0;
      const element = this.cy.getElementById(`e${edge.id}`);
      const heavy = percent >= HEAVY_PERCENT;
      element.data({ width: 1.5 + Math.min(percent, 120) / 22, color: heavy ? color("--danger") : color("--line-strong", 0.8) });
      element.addClass("loaded");
    });
  }
}
