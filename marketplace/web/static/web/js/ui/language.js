/**
 * Words in the page's language. The catalogue (`web:words`, a script before all modules) puts Django's functions on the
 * window; without it, as in English and in Node's tests, the English text stands for itself. Call them by these names
 * with literal text: `manage.py words` finds them by name.
 */

/** @typedef {{gettext: (text: string) => string, ngettext: (one: string, many: string, n: number) => string, pgettext: (context: string, text: string) => string}} Catalogue */

/** @returns {Partial<Catalogue>} */
function catalogue() {
  return /** @type {any} */ (globalThis).django ?? {};
}

/** @returns {string} the page's language, such as "de" */
export function language() {
  return globalThis.document?.documentElement?.lang || "en";
}

/** @param {string} text */
export function gettext(text) {
  return catalogue().gettext?.(text) ?? text;
}

/**
 * @param {string} one
 * @param {string} many
 * @param {number} n
 */
export function ngettext(one, many, n) {
  return catalogue().ngettext?.(one, many, n) ?? (n === 1 ? one : many);
}

/**
 * @param {string} context
 * @param {string} text
 */
export function pgettext(context, text) {
  return catalogue().pgettext?.(context, text) ?? text;
}

/**
 * Put values for `%(name)s` in a translated text.
 *
 * @param {string} text
 * @param {Record<string, string|number>} values
 * @throws {RangeError} the text names a value that is not given
 */
export function fill(text, values) {
  return text.replace(/%\((\w+)\)s/g, (_, /** @type {string} */ name) => {
    if (!(name in values)) throw new RangeError(`No value for "${name}" in "${text}"`);
    return String(values[name]);
  });
}
