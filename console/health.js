// Line health: what the journal knows of the newest calls of today.

import { get, query } from "./api.js";
import { html } from "./html.js";
import { length, named, trouble } from "./words.js";

const MOST_PAGES = 4;

export function page(route, before) {
  const state = before ? before.state : { calls: null, isCut: false };

  async function load() {
    const calls = [];
    let cursor = "";
    for (let number = 0; number < MOST_PAGES && cursor !== null; number += 1) {
      const found = await get(`/calls${query({ limit: 50, cursor })}`);
      calls.push(...found.calls);
      cursor = found.next;
    }
    Object.assign(state, { calls, isCut: cursor !== null });
    return false;
  }

  function view() {
    if (!state.calls) return html`<h1>Line health</h1><p>Loading …</p>`;
    const figures = figuresOf(state.calls);
    return html`<h1>Line health</h1>
      <p class="dim">${state.isCut ? `The newest ${state.calls.length} calls of today (UTC).` : `All ${state.calls.length} calls of today (UTC).`}
        ${" "}Latency, errors and queues are on the CloudWatch dashboard; what waits: <code>hookline queues</code>.</p>
      <ul class="figures">${figures.map(([name, value, isBad]) => html`<li class=${isBad ? "bad" : ""}><b>${isBad ? "⚠ " : ""}${value}</b> ${name}</li>`)}</ul>
      <${Counts} title="Why calls were in trouble" counts=${count(state.calls, (call) => call.trouble && trouble(call.trouble))} />
      <${Counts} title="How calls ended" counts=${count(state.calls, (call) => call.hangup_cause && named(call.hangup_cause))} />
      <${Counts} title="Flows" counts=${count(state.calls, (call) => call.flow || "no flow")} />`;
  }

  return { load, view, state };
}

function figuresOf(calls) {
  const ended = calls.filter((call) => call.status === "ended");
  const answered = calls.filter((call) => call.answered_at);
  const lengths = ended.filter((call) => call.answered_at).map((call) => call.duration_seconds || 0);
  const mean = lengths.length ? lengths.reduce((a, b) => a + b, 0) / lengths.length : null;
  const troubled = calls.filter((call) => call.trouble).length;
  return [
    ["calls", calls.length, false],
    ["live now", calls.filter((call) => call.status === "answered" || call.status === "ringing").length, false],
    ["answered", calls.length ? `${Math.round((100 * answered.length) / calls.length)} %` : "–", false],
    ["mean length", mean === null ? "–" : length(mean), false],
    ["in trouble", troubled, troubled > 0],
  ];
}

function count(calls, key) {
  const found = new Map();
  for (const name of calls.map(key).filter(Boolean)) found.set(name, (found.get(name) || 0) + 1);
  return [...found].sort((a, b) => b[1] - a[1]);
}

function Counts({ title, counts }) {
  if (!counts.length) return null;
  const most = counts[0][1];
  return html`<section><h2>${title}</h2><table>
    ${counts.map(([name, number]) => html`<tr><th scope="row">${name}</th><td>${number}</td>
      <td aria-hidden="true"><meter min="0" max=${most} value=${number}></meter></td></tr>`)}
  </table></section>`;
}
