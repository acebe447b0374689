import { h, need } from "./dom.js";
import { gettext } from "./language.js";

const SHOWN_MS = 7000;

/**
 * A short message at the page's edge. Bad ones stay until they are dismissed.
 *
 * @param {string} text
 * @param {"good"|"bad"} [kind]
 * @param {...(Node|undefined)} more behind the text
 */
export function toast(text, kind = "good", ...more) {
  const box = h("div", { class: `toast toast--${kind}`, role: kind === "bad" ? "alert" : undefined }, text, ...more.flatMap((node) => (node ? [" ", node] : [])));
  box.append(h("button", { type: "button", "aria-label": gettext("Dismiss"), onclick: () => box.remove() }, "×"));
  need("#toasts").append(box);
  if (kind === "good") setTimeout(() => box.remove(), SHOWN_MS);
}

/**
 * Says what went wrong and keeps the details in the console.
 *
 * @param {unknown} error
 */
export function toastError(error) {
  const text = error instanceof Error ? error.message : String(error);
  toast(text || gettext("Something failed; reload the page and try again."), "bad");
}
