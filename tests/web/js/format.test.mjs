import assert from "node:assert/strict";
import { test } from "node:test";

import { duration, energy, money, parseDecimal, price } from "../../../marketplace/web/static/web/js/ui/format.js";

test("money, prices and energy are exact", () => {
  assert.equal(money("1234567890123"), "1\u202f234\u202f567.89\u00a0€");
  assert.equal(money(-5_999), "\u22120.0059\u00a0€");
  assert.equal(money(1_005_999), "1.00\u00a0€");
  assert.equal(money(36_000n, { exact: true }), "0.036\u00a0€");
  assert.equal(money(5_000_000n, { exact: true }), "5.00\u00a0€");
  assert.equal(money(-1n, { exact: true }), "\u22120.000001\u00a0€");
  assert.equal(price(234_300), "23.43\u00a0ct/kWh");
  assert.equal(energy(48), "0.048\u00a0kWh");
  assert.equal(energy("9007199254740993"), "9\u202f007\u202f199\u202f254\u202f740.993\u00a0kWh");
});

test("typed numbers become integers without rounding", () => {
  assert.equal(parseDecimal("0,25", 3), 250n);
  assert.equal(parseDecimal("1 234.5", 6), 1_234_500_000n);
  for (const bad of ["", "-1", "1e3", "0x10", "1.2345", "NaN", "١"]) assert.throws(() => parseDecimal(bad, 3), RangeError);
});

test("time left is said in the largest unit that says enough", () => {
  assert.deepEqual([5, 300, 7200, 259_200].map(duration), ["5 s", "5 min", "2 h", "3 days"]);
});
