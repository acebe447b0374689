/**
 * What was typed and not sent, kept in this browser for each partner: it survives a reload, another conversation and a
 * crash. Nothing secret is in it, and nothing of it is signed.
 */

/** @typedef {{side: string, quantity: string, price: string, imbalance: string, valid: string, slot: number, answers: string, at: number}} Draft */

const PREFIX = "wattnote.draft.";
const LASTS_MS = 24 * 3600 * 1000;

/** @param {string} me @param {string} partner owners */
const keyOf = (me, partner) => `${PREFIX}${me}.${partner}`;

/**
 * @param {string} me
 * @param {string} partner
 * @param {Omit<Draft, "at">} draft
 */
export function keepDraft(me, partner, draft) {
  localStorage.setItem(keyOf(me, partner), JSON.stringify({ ...draft, at: Date.now() }));
}

/** @param {string} me @param {string} partner */
export function dropDraft(me, partner) {
  localStorage.removeItem(keyOf(me, partner));
}

/**
 * @param {string} me
 * @param {string} partner
 * @returns {Draft|null} null where there is none, or it is older than a day
 */
export function draftOf(me, partner) {
  const text = localStorage.getItem(keyOf(me, partner));
  /** @type {Draft|null} */
  const draft = text ? JSON.parse(text) : null;
  if (draft && Date.now() - draft.at < LASTS_MS) return draft;
  dropDraft(me, partner);
  return null;
}
