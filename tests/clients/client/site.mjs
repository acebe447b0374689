// The site's JSON API (docs/api.md, /api/v1/schema/): a session, its cookies, and problems as errors.

import { readFile } from "node:fs/promises";
import { basename } from "node:path";

const PATIENCE_MS = 60_000;
const LOOK_MS = 400;

/** The site refused a request; `code` is its stable name. */
export class Problem extends Error {
  constructor(method, path, { status, code, detail, errors }) {
    super(`${method} ${path}: ${status} ${code}: ${detail} ${JSON.stringify(errors ?? {})}`);
    this.code = code;
  }
}

export class Site {
  constructor(url) {
    this.url = url;
    this.cookies = new Map();
  }

  get cookie() {
    return [...this.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
  }

  async fetch(method, path, { headers = {}, ...rest } = {}) {
    const csrf = this.cookies.get("csrftoken");
    const answer = await fetch(this.url + path, {
      method,
      redirect: "manual",
      headers: { cookie: this.cookie, ...(csrf && method !== "GET" ? { "x-csrftoken": csrf } : {}), ...headers },
      ...rest,
    });
    for (const line of answer.headers.getSetCookie()) {
      const [name, value] = line.split(";")[0].split(/=(.*)/s);
      this.cookies.set(name, value);
    }
    return answer;
  }

  /** A new account; the session follows by cookie. */
  async signUp(email, password) {
    await this.fetch("GET", "/accounts/signup/");
    const body = new URLSearchParams({ email, password1: password, password2: password });
    const answer = await this.fetch("POST", "/accounts/signup/", { body });
    if (answer.status !== 302) throw new Error(`The site makes no account for ${email}: ${answer.status}`);
  }

  async call(method, path, body) {
    const json = body !== undefined && !(body instanceof FormData);
    const options = { body: json ? JSON.stringify(body) : body, headers: json ? { "content-type": "application/json" } : {} };
    const answer = await this.fetch(method, `/api/v1/${path}`, body === undefined ? {} : options);
    const text = await answer.text();
    const isJson = (answer.headers.get("content-type") ?? "").includes("json");
    if (!answer.ok) throw new Problem(method, path, isJson ? JSON.parse(text) : { status: answer.status, code: "?", detail: text.slice(0, 200) });
    return text ? JSON.parse(text) : null;
  }

  get = (path) => this.call("GET", path);
  post = (path, body = {}) => this.call("POST", path, body);
  patch = (path, body) => this.call("PATCH", path, body);

  async upload(kind, path) {
    const form = new FormData();
    form.set("kind", kind);
    form.set("file", new Blob([await readFile(path)]), basename(path));
    return this.post("documents/", form);
  }

  /** Asks until `wanted` says yes; a 404 counts as not yet. */
  async until(path, wanted, what) {
    const end = Date.now() + PATIENCE_MS;
    while (Date.now() < end) {
      const found = await this.get(path).catch((error) => {
        if (error instanceof Problem && error.message.includes(": 404 ")) return null;
        throw error;
      });
      if (found && wanted(found)) return found;
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
    throw new Error(`${what} did not come within ${PATIENCE_MS / 1000} s`);
  }
}
