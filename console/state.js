// What every page uses: the state of the console, the drawing of it, and the asking for data. It knows no page.

import { Problem, Unreachable } from "./api.js";
import { html, render } from "./html.js";
import { reason } from "./words.js";

const LIVE_MS = 1000;
const QUIET_MS = 5000;

export const app = { config: null, scopes: null, signedIn: false, lost: false, error: "", page: null, route: null };
let frame = null;
let timer = 0;
let round = 0;

// From now on this component is what is drawn.
export function drawFrom(component) {
  frame = component;
  draw();
}

export function draw() {
  render(html`<${frame} />`, document.getElementById("app"));
}

// Whether the token has a scope; on a laptop there are none to have.
export function may(scope) {
  return app.scopes === null || app.scopes.includes(app.config.scope_prefix + scope);
}

export function go(hash) {
  location.hash = hash;
}

// Ask for the page's data now, and then again: each second while something is live, never while nobody looks.
export async function refresh() {
  clearTimeout(timer);
  const mine = ++round;
  if (!app.signedIn || document.hidden) return;
  const { page } = app;
  let isLive = false;
  try {
    isLive = await page.load();
    app.lost = false;
    app.error = "";
  } catch (error) {
    if (!(error instanceof Problem || error instanceof Unreachable)) throw error;
    if (!app.signedIn) return;
    app.lost = error instanceof Unreachable || error.status >= 500;
    app.error = app.lost ? "" : reason(error);
  }
  if (mine !== round) return;
  draw();
  timer = setTimeout(refresh, isLive && !app.lost ? LIVE_MS : QUIET_MS);
}
