// Line health: what the journal knows of today and the days before it, in numbers that the API has counted.

import { get, query } from "./api.js";
import { html } from "./html.js";
import { clock, length, named, trouble } from "./words.js";

const DAYS = 7;
const NEWEST = 50;
const DAY_MS = 86_400_000;

export function page(route, before) {
  const state = before ? before.state : { today: null, past: [], newest: [] };

  async function load() {
    const [today, newest] = await Promise.all([get(`/days/${dayBefore(0)}`), get(`/calls${query({ limit: NEWEST })}`)]);
    // What is over does not change: the days before are asked for once.
    const isPast = state.today && state.today.day === today.day;
    const past = isPast ? state.past : await pastDays();
    Object.assign(state, { today, past, newest: newest.calls });
    return false;
  }

  function view() {
    const { today, past, newest } = state;
    if (!today) return html`<h1>Line health</h1><p>Loading …</p>`;
    return html`<h1>Line health</h1>
      <p class="dim">${today.since ? `The newest events of today (UTC), since ${clock(today.since)}: there are too many for one count.` : "All calls of today (UTC)."}
        ${" "}Latency, errors and queues are on the CloudWatch dashboard; what waits: <code>hookline queues</code>.</p>
      <ul class="figures">${figuresOf(today).map(([name, value, isBad]) => html`<li class=${isBad ? "bad" : ""}><b>${isBad ? "⚠ " : ""}${value}</b> ${name}</li>`)}</ul>
      <${Counts} title="Why calls were in trouble" counts=${sorted(today.trouble, trouble)} />
      <${Counts} title="Flows" counts=${sorted(today.flows, (name) => name || "no flow")} />
      <${Counts} title=${`How the newest ${newest.length} calls ended`} counts=${sorted(causesOf(newest), named)} />
      <${Days} days=${[today, ...past]} />`;
  }

  return { load, view, state };
}

function dayBefore(number) {
  return new Date(Date.now() - number * DAY_MS).toISOString().slice(0, 10);
}

function pastDays() {
  return Promise.all(Array.from({ length: DAYS - 1 }, (_, number) => get(`/days/${dayBefore(number + 1)}`)));
}

function answeredOf(day) {
  return day.calls ? `${Math.round((100 * day.answered) / day.calls)} %` : "–";
}

function figuresOf(day) {
  return [
    ["calls", day.calls, false],
    ["not ended yet", day.calls - day.ended, false],
    ["answered", answeredOf(day), false],
    ["mean length", day.mean_seconds === null ? "–" : length(day.mean_seconds), false],
    ["recorded", day.recorded, false],
    ["in trouble", day.in_trouble, day.in_trouble > 0],
  ];
}

function causesOf(calls) {
  const found = {};
  for (const { hangup_cause: cause } of calls) if (cause) found[cause] = (found[cause] || 0) + 1;
  return found;
}

function sorted(counts, words) {
  return Object.entries(counts).map(([name, number]) => [words(name), number]).sort((a, b) => b[1] - a[1]);
}

function Counts({ title, counts }) {
  if (!counts.length) return null;
  const most = counts[0][1];
  return html`<section><h2>${title}</h2><table>
    ${counts.map(([name, number]) => html`<tr><th scope="row">${name}</th><td>${number}</td>
      <td aria-hidden="true"><meter min="0" max=${most} value=${number}></meter></td></tr>`)}
  </table></section>`;
}

function Days({ days }) {
  return html`<section><h2>The last ${DAYS} days</h2><table class="days">
    <tr>${["Day", "Calls", "Answered", "In trouble"].map((name) => html`<th scope="col">${name}</th>`)}</tr>
    ${days.map((day) => html`<tr><th scope="row"><a href=${`#/calls?day=${day.day}`}>${day.day}</a></th>
      <td>${day.calls}${day.since ? " or more" : ""}</td><td>${answeredOf(day)}</td>
      <td class=${day.in_trouble ? "bad" : ""}>${day.in_trouble ? `⚠ ${day.in_trouble}` : 0}</td></tr>`)}
  </table></section>`;
}
