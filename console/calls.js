// The list of calls: those in trouble first, then all, newest first; its filters stand in the URL.

import { get, query } from "./api.js";
import { html } from "./html.js";
import { draw, go, refresh } from "./state.js";
import { clock, day, length, named, trouble } from "./words.js";

const FILTERS = ["day", "number", "direction", "status", "flow"];
const ROWS = 30;

export function page(route, before) {
  const filters = Object.fromEntries(FILTERS.map((name) => [name, route.parameters[name] || ""]));
  const isSame = before && FILTERS.every((name) => before.filters[name] === filters[name]);
  const state = isSame ? before.state : { newest: null, older: [], next: null, troubled: null };

  async function load() {
    const [newest, troubled] = await Promise.all([
      get(`/calls${query({ ...filters, limit: ROWS })}`),
      get(`/calls${query({ trouble: "true", day: filters.day, limit: 10 })}`),
    ]);
    if (!state.older.length) state.next = newest.next;
    Object.assign(state, { newest, troubled });
    return newest.calls.some((call) => call.status !== "ended");
  }

  async function more() {
    const found = await get(`/calls${query({ ...filters, limit: ROWS, cursor: state.next })}`);
    state.older.push(...found.calls);
    state.next = found.next;
    draw();
  }

  function view() {
    const rows = state.newest ? unique([...state.newest.calls, ...state.older]) : null;
    return html`
      <h1>Calls</h1>
      <${Filters} filters=${filters} />
      ${state.troubled && state.troubled.calls.length > 0 && html`
        <section aria-labelledby="trouble">
          <h2 id="trouble">In trouble</h2>
          <${Rows} rows=${unique(state.troubled.calls)} />
        </section>
        <h2>All</h2>`}
      ${rows === null && html`<p>Loading …</p>`}
      ${rows && rows.length > 0 && html`<${Rows} rows=${rows} />`}
      ${rows && !rows.length && html`<p>No calls${FILTERS.some((name) => filters[name]) ? " like this" : " today"}.
        <code>hookline call</code> makes one on a laptop.</p>`}
      ${state.next && html`<p><button onClick=${() => more().catch(refresh)}>Older calls</button></p>`}`;
  }

  return { load, view, filters, state };
}

function unique(calls) {
  return [...new Map(calls.map((call) => [idOf(call), call])).values()];
}

export function idOf(call) {
  return call.call_leg_id || call.call_control_id || call.call_session_id || "";
}

function Filters({ filters }) {
  function change(event) {
    go(`/calls${query({ ...filters, [event.target.name]: event.target.value.trim() })}`);
  }
  const choice = (name, words) => html`<label>${named(name)}
    <select name=${name} value=${filters[name]} onChange=${change}>
      <option value="">any</option>${words.map((word) => html`<option value=${word}>${word}</option>`)}
    </select></label>`;
  return html`<form class="filters" onSubmit=${(event) => event.preventDefault()}>
    <label>Day (UTC) <input type="date" name="day" value=${filters.day} onChange=${change} /></label>
    <label>Number <input name="number" inputmode="tel" placeholder="+12025550123" value=${filters.number} onChange=${change} /></label>
    ${choice("direction", ["incoming", "outgoing"])}
    ${choice("status", ["ringing", "answered", "ended"])}
    <label>Flow <input name="flow" value=${filters.flow} onChange=${change} /></label>
  </form>`;
}

function Rows({ rows }) {
  return html`<ul class="rows">
    ${rows.map((call) => html`<li key=${idOf(call)}>
      <a class="row" href=${`#/calls/${encodeURIComponent(idOf(call))}`}>
        <span class="when">${clock(call.started_at)} <small>${day(call.started_at)}</small></span>
        <span class="who"><bdi>${call.from || "?"}</bdi> <span aria-label="to">→</span> <bdi>${call.to || "?"}</bdi></span>
        <span><${Status} call=${call} /></span>
        <span class="dim">${call.flow || "no flow"}${call.duration_seconds ? ` · ${length(call.duration_seconds)}` : ""}</span>
        ${call.trouble && html`<span class="bad">⚠ ${trouble(call.trouble)}</span>`}
      </a></li>`)}
  </ul>`;
}

const SIGNS = { ringing: "◔", answered: "●", ended: "○", unknown: "?" };

export function Status({ call }) {
  const status = call.status || "unknown";
  return html`<span class=${`status ${status}`}><span aria-hidden="true">${SIGNS[status] || "?"}</span> ${status === "answered" ? "live" : status}</span>`;
}
