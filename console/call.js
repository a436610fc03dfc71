// One call: its state and what can be done now, its transcript, its recordings, and everything that happened.

import { get } from "./api.js";
import { Actions } from "./actions.js";
import { Status } from "./calls.js";
import { html } from "./html.js";
import { Player, leavePlayers } from "./player.js";
import { clock, day, detail, isBad, late, length, named, outcome, subject } from "./words.js";

const ENTRIES = 200;
const SEGMENTS = 1000;
const ALL_EVERY = 10;

export function page(route, before) {
  if (before) return before;
  const base = `/calls/${encodeURIComponent(route.id)}`;
  const state = { shown: null, pages: [], segments: [], recordings: [], rounds: 0, opened: new Set() };

  async function load() {
    const [shown, recordings] = await Promise.all([get(base), get(`${base}/recordings`), timeline(), transcript()]);
    Object.assign(state, { shown, recordings: recordings.recordings });
    return shown.call.status !== "ended" || shown.waiting.length > 0;
  }

  // The last page of the timeline, and what is behind it. Now and then all of them: an event may come late.
  async function timeline() {
    const fromStart = state.rounds++ % ALL_EVERY === 0 || !state.pages.length;
    let number = fromStart ? 0 : state.pages.length - 1;
    for (let isMore = true; isMore; number += 1) {
      const after = number ? `&after=${state.pages[number - 1].cursor}` : "";
      const found = await get(`${base}/timeline?limit=${ENTRIES}${after}`);
      state.pages[number] = found;
      isMore = found.more;
    }
    state.pages.length = number;
  }

  async function transcript() {
    const found = [];
    for (let after = ""; after !== null; ) {
      const part = await get(`${base}/transcript?limit=${SEGMENTS}${after && `&after=${after}`}`);
      found.push(...part.segments);
      after = part.next;
    }
    state.segments = found;
  }

  function view() {
    if (!state.shown) return html`<h1>Call</h1><p>Loading …</p>`;
    const { call } = state.shown;
    const entries = state.pages.flatMap((one) => one.entries);
    return html`
      <p><a href="#/calls">← Calls</a></p>
      <h1><bdi>${call.from || "?"}</bdi> <span aria-label="to">→</span> <bdi>${call.to || "?"}</bdi></h1>
      <${Facts} shown=${state.shown} />
      <${Trouble} shown=${state.shown} />
      <${Actions} shown=${state.shown} />
      <div class="columns">
        <div>
          <${Transcript} segments=${state.segments} isLive=${call.status !== "ended"} />
          <${Recordings} recordings=${state.recordings} segments=${state.segments} entries=${entries} />
        </div>
        <${Timeline} entries=${entries} opened=${state.opened} />
      </div>`;
  }

  return { load, view, leave: leavePlayers };
}

function Facts({ shown }) {
  const { call } = shown;
  const step = call.client_state && typeof call.client_state === "object" ? call.client_state.step : null;
  const ids = [call.call_leg_id, ...shown.legs.filter((leg) => leg !== call.call_leg_id)].filter(Boolean);
  const rows = [
    ["State", html`<${Status} call=${call} />`],
    ["Began", `${day(call.started_at)} ${clock(call.started_at)}`],
    ["Length", length(call.duration_seconds)],
    ["Ended by", call.hangup_cause ? `${named(call.hangup_cause)}${call.hangup_source ? `, ${call.hangup_source}` : ""}` : ""],
    ["Flow", `${shown.flow || "none"}${step ? `, at the step ${step}` : ""}`],
    ["Runs now", runs(shown.running)],
    ["Waits in the queue", shown.waiting.map((one) => named(one.action).toLowerCase()).join(", ")],
    ["Legs", ids.map((leg) => html`<a class="id" href=${`#/calls/${encodeURIComponent(leg)}`}>${leg}</a> `)],
  ];
  return html`<dl class="facts">
    ${rows.filter(([, value]) => value && value.length !== 0).map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}
  </dl>`;
}

function runs(running) {
  const words = [
    running.recording === "on" && "recording",
    running.recording === "paused" && "recording, paused",
    running.transcription && "transcription",
    running.audio && named(running.audio).toLowerCase(),
    running.gathering && "gathering keys",
    running.streaming && "streaming",
    running.forking && "forking",
  ];
  return words.filter(Boolean).join(", ");
}

function Trouble({ shown }) {
  if (!shown.trouble.length) return null;
  return html`<section aria-labelledby="what-went-wrong"><h2 id="what-went-wrong">What went wrong</h2><ul>
    ${shown.trouble.map((one) => html`<li><span class="bad">⚠</span> ${clock(one.occurred_at)}
      ${one.error && ` The flow has failed: ${one.error}.`}
      ${one.refused.map((command) => ` ${named(command.action)} was refused${command.code ? `, Telnyx's code ${command.code}` : ""}.`)}</li>`)}
  </ul></section>`;
}

const SPEAKERS = { inbound: "caller", outbound: "line" };

function Transcript({ segments, isLive }) {
  return html`<section aria-labelledby="transcript"><h2 id="transcript">Transcript</h2>
    ${!segments.length && html`<p class="dim">${isLive ? "Nothing has been said yet." : "None."}</p>`}
    <ol class="transcript" aria-live=${isLive ? "polite" : null}>
      ${segments.map((one) => html`<li key=${one.event_id} class=${one.final ? "" : "interim"}>
        <small>${clock(one.at)} ${SPEAKERS[one.track] || one.track || ""}</small> <bdi>${one.text}</bdi></li>`)}
    </ol></section>`;
}

function Recordings({ recordings, segments, entries }) {
  return html`<section aria-labelledby="recordings"><h2 id="recordings">Recordings</h2>
    ${!recordings.length && html`<p class="dim">None yet.</p>`}
    ${recordings.map((one) => (one.id
      ? html`<${Player} key=${one.id} recording=${one} segments=${segments} entries=${entries} />`
      : html`<p class="bad">⚠ ${one.name}: ${one.failure ? `not archived: ${one.failure.reason || one.failure.code || one.failure}` : "no file here"}</p>`))}
  </section>`;
}

function Timeline({ entries, opened }) {
  return html`<section aria-labelledby="timeline"><h2 id="timeline">What happened</h2>
    <ol class="timeline">${entries.map((entry) => html`<${Entry} key=${entry.id} entry=${entry} opened=${opened} />`)}</ol>
  </section>`;
}

function Entry({ entry, opened }) {
  const toggle = (event) => (event.target.open ? opened.add(entry.id) : opened.delete(entry.id));
  const marks = [late(entry), entry.stale && "refused: its signature was too old"].filter(Boolean);
  return html`<li>
    <div><time>${clock(entry.occurred_at)}</time> <strong>${named(entry.event_type)}</strong> <bdi>${detail(entry)}</bdi>
      ${marks.map((mark) => html` <span class="warn">◷ ${mark}</span>`)}</div>
    ${entry.error && html`<div class="bad">⚠ The flow has failed: ${entry.error}</div>`}
    ${entry.commands.map((command) => html`<div class=${isBad(command) ? "command bad" : "command"}>
      ${isBad(command) ? "⚠" : "↳"} ${named(command.action)} <bdi>${subject(command)}</bdi> <span class="dim">${outcome(command, entry)}</span></div>`)}
    <details open=${opened.has(entry.id)} onToggle=${toggle}><summary>raw</summary>
      ${opened.has(entry.id) && html`<pre tabindex="0">${JSON.stringify(entry, null, 1)}</pre>`}</details>
  </li>`;
}
