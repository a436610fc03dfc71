// What can be done to a live call now, with the same by command line beside each.

import { post } from "./api.js";
import { idOf } from "./calls.js";
import { html } from "./html.js";
import { draw, may, refresh } from "./state.js";
import { named, quoted, reason } from "./words.js";

const VOICE = "AWS.Polly.Joanna-Neural";
const said = { call: "", busy: "", text: "", isBad: false };
let form = null;

export function Actions({ shown }) {
  const { call, running } = shown;
  const id = idOf(call);
  if (said.call !== id) {
    Object.assign(said, { call: id, busy: "", text: "", isBad: false });
    form = null;
  }
  if (call.status === "ended") return null;
  const isOff = !may("steer");
  const now = [
    running.recording === "on" && { action: "record_pause", words: "Pause the recording" },
    running.recording === "paused" && { action: "record_resume", words: "Resume the recording" },
    call.status === "answered" && { action: "speak", words: "Speak …", fields: [["payload", "The words"], ["voice", "Voice", VOICE]] },
    call.status === "answered" && {
      action: "transfer",
      words: "Transfer …",
      fields: [["to", "Number or SIP URI"]],
      warning: "The call leaves the flow of this line.",
    },
    { action: "hangup", words: "Hang up …", fields: [], warning: "The call ends for everybody on it." },
  ].filter(Boolean);
  return html`<section aria-labelledby="actions"><h2 id="actions">Now</h2>
    ${isOff && html`<p class="dim">Your token may not steer calls: it lacks the scope steer.</p>`}
    <ul class="actions">
      ${now.map((one) => html`<li key=${one.action}>
        <button disabled=${isOff || said.busy !== ""} aria-expanded=${one.fields ? form === one.action : null} onClick=${() => choose(id, one)}>
          ${said.busy === one.action ? "…" : one.words}</button>
        <code>hookline send ${id} ${one.action}${(one.fields || []).map(([name]) => ` --param ${name}=…`)}</code>
        ${form === one.action && html`<${Form} id=${id} one=${one} />`}
      </li>`)}
    </ul>
    <p role="status" class=${said.isBad ? "bad" : ""}>${said.text}</p>
  </section>`;
}

function choose(id, one) {
  if (!one.fields) {
    send(id, one.action, {});
    return;
  }
  form = form === one.action ? null : one.action;
  draw();
  if (form) document.querySelector(".actions form input, .actions form button").focus();
}

function Form({ id, one }) {
  function submit(event) {
    event.preventDefault();
    send(id, one.action, Object.fromEntries(new FormData(event.target)));
  }
  return html`<form onSubmit=${submit}>
    ${one.fields.map(([name, words, value]) => html`<label>${words} <input name=${name} required value=${value || ""} /></label>`)}
    ${one.warning && html`<p class="warn">⚠ ${one.warning} This cannot be undone.</p>`}
    <button class="primary" disabled=${said.busy !== ""}>${named(one.action)}</button>
    <button type="button" onClick=${() => { form = null; draw(); }}>Leave it</button>
  </form>`;
}

async function send(id, action, body) {
  Object.assign(said, { busy: action, text: "", isBad: false });
  draw();
  try {
    const answer = await post(`/calls/${encodeURIComponent(id)}/actions/${action}`, body);
    const words = { queued: "waits in the command queue", already_done: "was done already", accepted: "accepted" };
    said.text = `${named(action)}: ${words[answer.result] || answer.result}.`;
    form = null;
  } catch (error) {
    said.text = `${named(action)}: ${reason(error)}`;
    said.isBad = true;
  }
  said.busy = "";
  draw();
  refresh();
}

// The command line of a command. values: its parameters.
export function commandLine(start, values) {
  const given = Object.entries(values).filter(([, value]) => value);
  return [start, ...given.map(([name, value]) => `${name} ${quoted(value)}`)].join(" ");
}
