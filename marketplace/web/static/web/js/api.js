/**
 * The JSON API (docs/api.md) from the browser.
 */

import { fill, gettext, language } from "./ui/language.js";

const ROOT = "/api/v1/";

/**
 * @param {number} status
 * @param {{code?: string, detail?: string}} problem
 */
function inWords(status, { code, detail }) {
  if (code === "not_authenticated") return gettext("You are signed out. Sign in again in another tab, then try once more: what you typed stays here.");
  return detail ?? fill(gettext("The server answered %(status)s. Try again in a moment."), { status });
}

/** A refusal of the API, with what it says to do. */
export class ApiError extends Error {
  /**
   * @param {number} status
   * @param {{code?: string, detail?: string, errors?: Record<string, string[]>}} problem
   */
  constructor(status, problem) {
    super(inWords(status, problem));
    this.status = status;
    this.code = problem.code ?? "";
    this.errors = problem.errors ?? {};
  }
}

/** @returns {string} */
function csrfToken() {
  return /(?:^|; )csrftoken=([^;]+)/.exec(document.cookie)?.[1] ?? "";
}

/**
 * A browser's own words for a lost connection ("Failed to fetch") help nobody.
 *
 * @param {string} path
 * @param {RequestInit} options
 */
async function reach(path, options) {
  try {
    return await fetch(ROOT + path, options);
  } catch (cause) {
    throw new Error(gettext("The site can’t be reached. Look at your connection and try again."), { cause });
  }
}

/**
 * @param {string} method
 * @param {string} path below /api/v1/
 * @param {object|FormData} [body]
 * @returns {Promise<any>} parsed JSON, null for an empty answer
 * @throws {ApiError}
 */
async function request(method, path, body) {
  /** @type {Record<string, string>} */
  const headers = { Accept: "application/json", "Accept-Language": language() };
  if (method !== "GET") headers["X-CSRFToken"] = csrfToken();
  const isForm = body instanceof FormData;
  if (body && !isForm) headers["Content-Type"] = "application/json";
  const payload = isForm ? body : body ? JSON.stringify(body) : undefined;
  const response = await reach(path, { method, headers, body: payload, credentials: "same-origin" });
  const text = await response.text();
  const isJson = (response.headers.get("content-type") ?? "").includes("json");
  const answer = isJson && text ? JSON.parse(text) : null;
  if (!response.ok) throw new ApiError(response.status, answer ?? {});
  return answer;
}

/** @param {string} path */
export const get = (path) => request("GET", path);

/**
 * @param {string} path
 * @param {object|FormData} [body]
 */
export const post = (path, body) => request("POST", path, body ?? {});

/**
 * @param {string} path
 * @param {object} body
 */
export const patch = (path, body) => request("PATCH", path, body);

/** @param {string} path */
export const remove = (path) => request("DELETE", path);

/**
 * All pages of a list, up to a limit that a page can show.
 *
 * @param {string} path
 * @returns {Promise<any[]>}
 */
export async function list(path) {
  const answer = await get(path + (path.includes("?") ? "&" : "?") + "page_size=200");
  return Array.isArray(answer) ? answer : answer.results;
}
