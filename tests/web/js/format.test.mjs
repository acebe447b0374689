import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

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
