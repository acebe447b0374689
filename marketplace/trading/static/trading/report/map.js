/**
 * A report's map: the drawing of the feeder at a slot of a run. Colour never stands alone: the chosen bus is told in words.
 */

import { figure, fill, gettext, ngettext, unpack } from "./data.js";
import { Drawing } from "./drawing.js";

/** @typedef {import("./data.js").FeederDrawing} FeederDrawing */
/** @typedef {import("./data.js").Run} Run */
/** @typedef {import("./data.js").Limits} Limits */

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
export class FeederPicture extends Drawing {
  /**
   * @param {HTMLElement} host
   * @param {FeederDrawing} drawing
   * @param {Limits} limits
   * @param {Record<string, Run>} runs by name, such as "market"
   * @param {number} every a frame stands for so many slots
   * @param {(bus: number) => void} choose
   */
  constructor(host, drawing, limits, runs, every, choose) {
    super(host, drawing, limits, choose);
    this.every = every;
    this.runs = new Map(Object.entries(runs).map(([name, run]) => [name, framesOf(run)]));
    this.run = "market";
    this.slot = 0;
    this.draw();
  }

  /** @param {number} slot @param {string} [run] */
  show(slot, run = this.run) {
    this.slot = slot;
    this.run = run;
    this.paint();
  }

  /** @override @returns {{vm: Float64Array, lines: Float64Array, transformers: Float64Array}} of the slot shown */
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

  /** Choose the bus whose voltage is farthest from 1 pu now. */
  strained() {
    const far = Array.from(this.frame().vm).map((pu, i) => (this.drawing.nodes[i]?.source || Number.isNaN(pu) ? 0 : Math.abs(pu - 1)));
    this.select(far.indexOf(Math.max(...far)));
  }

  /** The chosen bus in words. */
  words() {
    const node = this.drawing.nodes[this.bus];
    if (!node) return "";
    const pu = this.frame().vm[this.bus] ?? NaN;
    const homes = node.homes.length ? `, ${fill(ngettext("%(count)s connection", "%(count)s connections", node.homes.length), { count: node.homes.length })}` : "";
    const volts = Number.isNaN(pu) ? gettext("no supply") : `${figure(pu, 4)} pu`;
    return `${node.name}: ${volts}${node.solar ? `, ${gettext("with PV")}` : ""}${homes}`;
  }
}
