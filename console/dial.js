// Place a call.

import { post, query } from "./api.js";
import { commandLine } from "./actions.js";
import { html } from "./html.js";
import { draw, go, may } from "./state.js";
import { quoted, reason } from "./words.js";

const FIELDS = [
  ["to", "Number or SIP URI to call", "+12025550177", true],
  ["from", "Number that is shown", "+12025550123", true],
  ["connection_id", "Application at Telnyx (connection id)", "1494404757140276705", true],
  ["flow", "Flow that decides on the call", "reception", false],
];
const values = { to: "", from: "", connection_id: "", flow: "" };
const state = { busy: false, error: "" };

export function page() {
  return { load: async () => false, view };
}

function view() {
  const isOff = !may("dial");
  const options = { "--from": values.from || "NUMBER", "--connection": values.connection_id || "ID", "--flow": values.flow };
  return html`<h1>Place a call</h1>
    <p class="dim">It is sent once, whatever happens. <code>DialAllow</code> says who may be called.</p>
    ${isOff && html`<p class="note warn">Your token may not place calls: it lacks the scope dial.</p>`}
    <form class="stack" onSubmit=${submit}>
      ${FIELDS.map(([name, words, example, isNeeded]) => html`<label>${words}
        <input name=${name} value=${values[name]} placeholder=${example} required=${isNeeded} onInput=${keep} autocomplete="off" /></label>`)}
      <button class="primary" disabled=${isOff || state.busy}>${state.busy ? "Calling …" : "Call"}</button>
    </form>
    <p role="alert" class="bad">${state.error}</p>
    <p class="dim">By command line: <code>${commandLine(`hookline dial ${quoted(values.to || "NUMBER")}`, options)}</code></p>`;
}

function keep(event) {
  values[event.target.name] = event.target.value.trim();
  draw();
}

async function submit(event) {
  event.preventDefault();
  Object.assign(state, { busy: true, error: "" });
  draw();
  const body = Object.fromEntries(Object.entries(values).filter(([, value]) => value));
  try {
    const placed = await post("/calls", body);
    go(placed.call_leg_id ? `/calls/${encodeURIComponent(placed.call_leg_id)}` : `/calls${query({ number: values.to })}`);
  } catch (error) {
    state.error = reason(error);
  }
  state.busy = false;
  draw();
}
