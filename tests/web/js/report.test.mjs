import assert from "node:assert/strict";
import { test } from "node:test";

import { rangeOf, ticksBetween } from "../../../marketplace/trading/static/trading/report/charts.js";
import { Times, figure, unpack } from "../../../marketplace/trading/static/trading/report/data.js";
import { voltageClass } from "../../../marketplace/trading/static/trading/report/drawing.js";

const LIMITS = { vm_min_pu: 0.9, vm_max_pu: 1.07, line_percent: 100, transformer_percent: 100 };

test("codes become values, and the last code nothing", () => {
  const data = Buffer.from(new Uint16Array([0, 1, 65534, 65535]).buffer).toString("base64");
  const values = unpack({ shape: [4, 1], offset: -2, step: 0.5, data });
  assert.deepEqual([...values], [-2, -1.5, 32765, NaN]);
});

test("axes have round numbers that cover the values", () => {
  assert.deepEqual(ticksBetween(1.031, 1.071, 4), [1.03, 1.04, 1.05, 1.06, 1.07, 1.08]);
  assert.deepEqual(ticksBetween(0, 41, 4), [0, 20, 40, 60]);
  assert.deepEqual(ticksBetween(5, 5, 2).length >= 1, true);
});

test("a limit near the values is shown, one far away is not", () => {
  const line = { label: "", look: "", values: Float64Array.of(1.03, NaN, 1.06) };
  const drawing = { unit: "pu", decimals: 3, lines: [line], limits: [{ label: "", value: 1.07 }, { label: "", value: 0.9 }] };
  assert.deepEqual(rangeOf(drawing), [1.03, 1.07]);
  assert.deepEqual(rangeOf({ unit: "", decimals: 0, lines: [{ ...line, values: Float64Array.of(NaN) }] }), [0, 1]);
});

test("voltages are coloured from limit to limit, with nominal in the middle", () => {
  assert.deepEqual([0.5, 0.9, 1, 1.07, 1.2].map((pu) => voltageClass(pu, LIMITS)), [0, 0, 4, 8, 8]);
});

test("numbers and times are written as on every page of the report", () => {
  assert.equal(figure(-1234.56, 1), "−1,234.6");
  assert.equal(figure(-0.04, 1), "0.0");
  assert.equal(figure(NaN, 1), "–");
  const times = new Times(1465464600, 4, 7200);
  assert.equal(times.span(0), "Thu 9 Jun, 11:30 – 11:45");
  assert.equal(times.index(times.at(3)), 3);
});
