// A phone for the local stack: ring the line, press its keys, hear it. The browser's own speech says what the line says.

import { Status } from "./calls.js";
import { html } from "./html.js";
import { draw } from "./state.js";
import { named } from "./words.js";

const KEYS = [..."123456789*0#"];
const SPOKEN = ["speak", "gather_using_speak", "gather_using_ai"];
const MOST_LINES = 100;

const state = { from: "+12025550123", to: "+12025550199", leg: null, lines: [], error: "", isMuted: false };
let watching = null;

export function page() {
  return { load, view, leave };
}

async function load() {
  if (!state.leg) return false;
  const found = await ask("GET", `calls/${state.leg.call_leg_id}`);
  const leg = found.legs.find((one) => one.call_leg_id === state.leg.call_leg_id);
  if (leg) state.leg = leg;
  return state.leg.state !== "ended";
}

function view() {
  const { leg } = state;
  const isLive = leg && leg.state !== "ended";
  return html`<h1>Phone</h1>
    <p class="dim">It rings the line of this local stack. By command line: <code>hookline call --keys 12#</code></p>
    <p role="alert" class="bad">${state.error}</p>
    <form class="filters" onSubmit=${ring}>
      <label>From <input value=${state.from} onInput=${(event) => { state.from = event.target.value; }} /></label>
      <label>To <input value=${state.to} onInput=${(event) => { state.to = event.target.value; }} /></label>
      <button class="primary" disabled=${isLive}>Ring</button>
      <button type="button" disabled=${!isLive} onClick=${() => act("hangup", {})}>Hang up</button>
      <label class="check"><input type="checkbox" checked=${!state.isMuted} onChange=${mute} /> say aloud</label>
    </form>
    ${leg && html`<p><${Status} call=${{ status: leg.state === "active" ? "answered" : leg.state }} />
      ${" "}<a href=${`#/calls/${leg.call_leg_id}`}>This call in the console</a></p>`}
    <div class="columns">
      <div class="keypad" role="group" aria-label="Keys">
        ${KEYS.map((key) => html`<button disabled=${!isLive} aria-label=${`Key ${key}`} onClick=${() => act("press", { digits: key })}>${key}</button>`)}
      </div>
      <div>
        <form onSubmit=${say}><label>Say <input name="text" disabled=${!isLive} placeholder="It will be transcribed." /></label></form>
        <ol class="transcript" aria-live="polite">${state.lines.map((line) => html`<li><small>${line.who}</small> ${line.text}</li>`)}</ol>
      </div>
    </div>`;
}

function mute(event) {
  state.isMuted = !event.target.checked;
  if (state.isMuted) speechSynthesis.cancel();
}

async function ring(event) {
  event.preventDefault();
  Object.assign(state, { lines: [], error: "", leg: null });
  if (!watching) watch();
  await attempt(async () => {
    state.leg = await ask("POST", "calls", { from: state.from, to: state.to, steps: [] });
  });
}

async function say(event) {
  event.preventDefault();
  const { text } = event.target.elements;
  await act("speak", { text: text.value });
  text.value = "";
}

async function act(action, body) {
  await attempt(() => ask("POST", `calls/${state.leg.call_leg_id}/${action}`, body));
  if (body.digits) add("you", `key ${body.digits}`);
  if (body.text) add("you", body.text);
}

async function attempt(work) {
  try {
    state.error = "";
    await work();
  } catch (error) {
    state.error = error.message;
  }
  draw();
}

async function ask(method, path, body) {
  const options = { method, headers: { "content-type": "application/json" }, body: body && JSON.stringify(body) };
  const response = await fetch(`/_phone/${path}`, options).catch(() => null);
  if (!response) throw new Error("The local stack does not answer.");
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.error || "There is no simulator of Telnyx beside this stack.");
  return answer;
}

// Follow what the simulator is told: the line's own words among it.
async function watch() {
  watching = new AbortController();
  try {
    const response = await fetch("/_phone/observe", { signal: watching.signal });
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      const lines = (rest + part.value).split("\n");
      rest = lines.pop();
      lines.filter((line) => line.trim()).forEach((line) => heard(JSON.parse(line)));
    }
  } catch (error) {
    if (error.name !== "AbortError") state.error = "The local stack has stopped.";
  }
  watching = null;
  draw();
}

function heard(one) {
  if (!state.leg || one.kind !== "command" || one.call_control_id !== state.leg.call_control_id || one.repeated) return;
  if (one.status === null || one.status >= 400) {
    add("line", `${named(one.action)} was refused${one.code ? `, code ${one.code}` : ""}`);
  } else if (SPOKEN.includes(one.action)) {
    add("line", one.params.payload || one.params.greeting || "");
    if (!state.isMuted) speechSynthesis.speak(new SpeechSynthesisUtterance(one.params.payload || one.params.greeting || ""));
  } else {
    if (/^(playback_stop|hangup)$/.test(one.action)) speechSynthesis.cancel();
    add("line", `(${named(one.action).toLowerCase()})`);
  }
}

function add(who, text) {
  state.lines.push({ who, text });
  if (state.lines.length > MOST_LINES) state.lines.shift();
  draw();
}

function leave() {
  if (watching) watching.abort();
  speechSynthesis.cancel();
}
