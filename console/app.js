// The console: which page is shown, and the frame around it. A page has `load`, asked again and again, and `view`.

import { get, useToken, whenExpired } from "./api.js";
import * as call from "./call.js";
import * as calls from "./calls.js";
import * as dial from "./dial.js";
import * as health from "./health.js";
import { html } from "./html.js";
import * as phone from "./phone.js";
import * as signIn from "./sign_in.js";
import { app, draw, drawFrom, refresh } from "./state.js";
import { reason } from "./words.js";

const PAGES = { calls, call, dial, health, phone };
const TITLES = { calls: "Calls", call: "Call", dial: "Place a call", health: "Line health", phone: "Phone" };

// #/calls?status=ended, #/calls/ID, #/dial, #/health, #/phone
function routeOf(hash) {
  const [path, search] = hash.replace(/^#\/?/, "").split("?");
  const [name, ...rest] = path.split("/");
  const parameters = Object.fromEntries(new URLSearchParams(search || ""));
  if (name === "calls" && rest.length) return { name: "call", id: decodeURIComponent(rest.join("/")), parameters };
  return { name: name in TITLES && name !== "call" ? name : "calls", id: "", parameters };
}

function expire() {
  useToken(null);
  app.signedIn = false;
  app.error = "Your sign-in has ended.";
  draw();
}

function open() {
  const route = routeOf(location.hash);
  const isSame = app.route && app.route.name === route.name && app.route.id === route.id;
  app.route = route;
  if (!isSame && app.page && app.page.leave) app.page.leave();
  app.page = PAGES[route.name].page(route, isSame ? app.page : null);
  app.error = "";
  document.title = `${TITLES[route.name]} · Hookline`;
  draw();
  refresh();
}

function Frame() {
  if (!app.config) return html`<main><p>${app.error || "Loading …"}</p></main>`;
  if (!app.signedIn) return html`<${SignIn} />`;
  const names = Object.keys(TITLES).filter((name) => name !== "call" && (name !== "phone" || app.config.local));
  return html`
    <a class="skip" href="#main" onClick=${skip}>Skip to the content</a>
    <header>
      <strong>Hookline</strong>
      <nav aria-label="Pages">
        ${names.map((name) => html`<a href=${`#/${name}`} aria-current=${isCurrent(name) ? "page" : null}>${TITLES[name]}</a>`)}
      </nav>
    </header>
    <main id="main" tabindex="-1">
      <div role="status">
        ${app.lost && html`<p class="note warn">The connection is lost. What you see may be old; trying again.</p>`}
        ${app.error && html`<p class="note bad">${app.error}</p>`}
      </div>
      ${app.page.view()}
    </main>`;
}

function isCurrent(name) {
  return app.route.name === name || (app.route.name === "call" && name === "calls");
}

function skip(event) {
  event.preventDefault();
  document.getElementById("main").focus();
}

function SignIn() {
  return html`<main class="sign-in">
    <h1>Hookline</h1>
    ${app.error && html`<p class="note warn" role="alert">${app.error}</p>`}
    <button class="primary" onClick=${leaveToSignIn}>Sign in</button>
    <p class="dim">You come back to this page. The token is kept in memory only.</p>
  </main>`;
}

function leaveToSignIn() {
  signIn.begin(app.config).catch((error) => {
    app.error = error.message;
    draw();
  });
}

async function start() {
  let failure = "";
  drawFrom(Frame);
  try {
    app.config = await get("config.json");
    if (app.config.local) {
      app.signedIn = true;
    } else {
      const found = await signIn.complete(app.config);
      if (found) {
        useToken(found.token);
        app.scopes = found.scopes;
        app.signedIn = true;
      }
    }
  } catch (error) {
    failure = reason(error);
  }
  whenExpired(expire);
  addEventListener("hashchange", open);
  document.addEventListener("visibilitychange", refresh);
  addEventListener("online", refresh);
  open();
  if (failure) app.error = failure;
  draw();
}

start();
