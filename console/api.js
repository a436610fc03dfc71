// Requests to the calls API: the token, the ETag of what is known already, and problems.

export class Problem extends Error {
  // document: an RFC 9457 problem of the API, or what stands for one.
  constructor(status, document) {
    super(document.title || `HTTP ${status}`);
    this.status = status;
    this.document = document;
  }
}

export class Unreachable extends Error {}

const known = new Map();
const MOST_KNOWN = 300;
let token = null;
let expired = () => {};

// callback: for an answer that the token is not valid any longer, whatever was asked.
export function whenExpired(callback) {
  expired = callback;
}

export function useToken(value) {
  token = value;
  known.clear();
}

// The JSON of a GET. What has not changed is the same object again, so that a caller can tell by `===`.
export async function get(path) {
  const before = known.get(path);
  const headers = before ? { "if-none-match": before.tag } : {};
  const response = await send(path, { headers });
  if (response.status === 304 && before) return before.value;
  const value = await accepted(response);
  const tag = response.headers.get("etag");
  if (tag) {
    if (known.size >= MOST_KNOWN) known.delete(known.keys().next().value);
    known.set(path, { tag, value });
  }
  return value;
}

// The JSON of a POST. It is sent once more, under the same key, when no answer comes: it has one effect.
export async function post(path, body) {
  const headers = { "content-type": "application/json", "idempotency-key": crypto.randomUUID() };
  const request = { method: "POST", headers, body: JSON.stringify(body) };
  try {
    return await accepted(await send(path, request));
  } catch (error) {
    if (!(error instanceof Unreachable)) throw error;
    return accepted(await send(path, request));
  }
}

async function send(path, options) {
  const headers = { accept: "application/json", ...options.headers };
  if (token) headers.authorization = `Bearer ${token}`;
  try {
    return await fetch(path, { ...options, headers, cache: "no-store", credentials: "omit" });
  } catch {
    throw new Unreachable("The API does not answer.");
  }
}

async function accepted(response) {
  const document = await response.json().catch(() => ({}));
  if (response.status === 401) expired();
  if (!response.ok) throw new Problem(response.status, document);
  return document;
}

// The query of a path, without what is empty.
export function query(parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value);
  return given.length ? `?${new URLSearchParams(given)}` : "";
}
