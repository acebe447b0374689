import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { SeriesChart } from "../../../marketplace/web/static/web/js/live/charts.js";
import * as format from "../../../marketplace/web/static/web/js/ui/format.js";

process.env.TZ = "UTC";
const vectors = JSON.parse(readFileSync(new URL("../../../fixtures/vectors/formats.json", import.meta.url), "utf-8"));

/** @param {(lang: string) => void} body */
function inEach(body) {
  for (const lang of ["en", "de"]) {
    globalThis.document = { documentElement: { lang } };
    try {
      body(lang);
    } finally {
      delete globalThis.document;
    }
  }
}

test("figures look as the server writes them", () => {
  inEach((lang) => {
    for (const { kind, value, signed, exact, ...shown } of vectors.figures) {
      assert.equal(format[kind](value, { signed, exact }), shown[lang]);
    }
    for (const { value, decimals, shown, ...text } of vectors.plain) assert.equal(format.plain(BigInt(value), decimals, shown), text[lang]);
  });
});

test("times and spans look as the server writes them", () => {
  inEach((lang) => {
    for (const { seconds, form, ...shown } of vectors.times) assert.equal(format.when(seconds, form), shown[lang]);
    for (const { seconds, ...shown } of vectors.durations) assert.equal(format.duration(seconds), shown[lang]);
  });
});

test("what is told by a clock is the same on both sides, also where clocks change", () => {
  try {
    inEach((lang) => {
      for (const { zone, seconds, form, ...shown } of vectors.told) {
        process.env.TZ = zone;
        assert.equal(form === "slot" ? format.slot(seconds, seconds + 900) : format.told(seconds), shown[lang]);
      }
    });
  } finally {
    process.env.TZ = "UTC";
  }
});

test("typed numbers become the server's integers, or its refusals", () => {
  /** @param {string} typed @param {number} decimals */
  const read = (typed, decimals) => {
    try {
      return format.parseDecimal(typed, decimals).toString();
    } catch (error) {
      if (error instanceof format.NumberError) return error.code;
      throw error;
    }
  };
  inEach((lang) => {
    for (const { typed, decimals, ...meant } of vectors.typed) assert.equal(read(typed, decimals), meant[lang], `${typed} in ${lang}`);
  });
});

test("a legend has the newest values or all together, and no dash where there is none", () => {
  const { valueTold, slotTold } = SeriesChart.prototype;
  const chart = { unit: "kWh", decimals: 1, times: [900, 1800], summed: false };
  const told = (index, values = [1.5, 2]) => valueTold.call(chart, values, index);
  assert.deepEqual([told(null), told(0), told(null, [1, null]), told(null, [])], ["2.0\u00a0kWh", "1.5\u00a0kWh", "", ""]);
  assert.equal(slotTold.call(chart, null), "1 Jan 1970, 00:30\u2009–\u200900:45 UTC+00:00");
  chart.summed = true;
  assert.deepEqual([told(null), told(0)], ["3.5\u00a0kWh", "1.5\u00a0kWh"]);
  assert.equal(slotTold.call(chart, null), "1 Jan 1970, 00:15\u2009–\u20091 Jan 1970, 00:45");
});
