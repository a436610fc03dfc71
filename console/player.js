// A recording: the browser's own player, its peaks as a picture, and what was said and pressed as marks on it.

import { get, Problem } from "./api.js";
import { html } from "./html.js";
import { draw, may } from "./state.js";
import { bytes, clock, length, reason } from "./words.js";

const WIDTH = 600;
const HEIGHT = 64;
const MOST_MARKS = 200;

const players = new Map(); // by recording

export function Player({ recording, segments, entries }) {
  const player = playerOf(recording.id);
  const seconds = recording.duration_seconds;
  const marks = marksOf(recording, segments, entries);
  const jump = (at) => open(recording, player, at);
  return html`<figure class="player">
    <figcaption>${clock(recording.started_at || recording.created_at)} · ${length(seconds)} · ${recording.format} ${recording.channels || ""} · ${bytes(recording.size)}
      ${recording.paused_seconds > 0 ? ` · paused for ${length(recording.paused_seconds)}` : ""}
      ${recording.remarks.map((remark) => html`<div class="warn">⚠ ${remark}</div>`)}</figcaption>
    ${!may("listen") && html`<p class="dim">Your token may not listen: it lacks the scope listen.</p>`}
    ${may("listen") && !player.url && html`<p><button onClick=${() => jump(0)}>▶ Play</button>
      <small class="dim">The link lives for 5 minutes; who listens is journalled.</small></p>`}
    ${player.url && html`
      <canvas width=${WIDTH} height=${HEIGHT} aria-hidden="true" ref=${(node) => paint(node, player, marks, seconds)}
        onClick=${(event) => jump((event.offsetX / event.target.clientWidth) * seconds)}></canvas>
      <audio controls src=${player.url} ref=${(node) => attach(node, player)} onTimeUpdate=${() => progress(player)} onError=${() => lose(recording, player)}></audio>
      <a href=${player.url} download>Download</a>`}
    <p role="alert" class="bad">${player.error}</p>
    ${may("listen") && marks.length > 0 && html`<details><summary>Jump to</summary><ul class="marks">
      ${marks.map((mark) => html`<li><button class="link" onClick=${() => jump(mark.at)}>${length(mark.at)} ${mark.sign} <bdi>${mark.text}</bdi></button></li>`)}
    </ul></details>`}
    <p class="dim">By command line: <code>hookline recordings get ${recording.id}</code></p>
  </figure>`;
}

function playerOf(id) {
  if (!players.has(id)) players.set(id, { url: "", peaks: null, error: "", start: 0, isPaused: false, isHeard: false, audio: null, canvas: null });
  return players.get(id);
}

export function leavePlayers() {
  players.clear();
}

// Make a link where there is none, and play from a time on, in seconds.
async function open(recording, player, at) {
  if (player.url) {
    player.audio.currentTime = at;
    player.audio.play().catch(() => {}); // the browser plays nothing before its user has touched the page
    return;
  }
  player.isPaused = false;
  await link(recording, player, at);
}

async function link(recording, player, at) {
  const path = `/recordings/${encodeURIComponent(recording.id)}`;
  try {
    player.error = "";
    player.peaks = await peaksOf(path);
    player.start = at;
    player.url = (await get(`${path}/audio`)).url;
  } catch (error) {
    Object.assign(player, { url: "", audio: null, error: reason(error) });
  }
  draw();
}

async function peaksOf(path) {
  try {
    return await get(`${path}/peaks`);
  } catch (error) {
    if (error instanceof Problem && error.status === 404) return null;
    throw error;
  }
}

function attach(node, player) {
  if (!node || player.audio === node) return;
  player.audio = node;
  node.addEventListener("loadedmetadata", () => {
    node.currentTime = player.start;
    if (!player.isPaused) node.play().catch(() => {});
  });
}

function progress(player) {
  if (player.audio && player.audio.currentTime > player.start) player.isHeard = true;
  repaint(player);
}

// A link dies after five minutes: a new one takes its place, at the same second. One of which nothing was heard is not replaced.
function lose(recording, player) {
  const { audio, isHeard } = player;
  player.isHeard = false;
  if (audio && isHeard) {
    player.isPaused = audio.paused;
    link(recording, player, audio.currentTime);
    return;
  }
  Object.assign(player, { url: "", audio: null, error: "The browser cannot play this, or the link has died. Play again for a new one." });
  draw();
}

function paint(node, player, marks, seconds) {
  player.canvas = node;
  Object.assign(player, { marks, seconds });
  repaint(player);
}

function repaint({ canvas, peaks, marks, seconds, audio }) {
  if (!canvas) return;
  const pen = canvas.getContext("2d");
  const ink = getComputedStyle(canvas);
  pen.clearRect(0, 0, WIDTH, HEIGHT);
  const channels = peaks ? peaks.channels : [];
  const height = HEIGHT / Math.max(1, channels.length);
  pen.fillStyle = ink.getPropertyValue("--accent");
  channels.forEach((channel, number) => {
    const middle = height * (number + 0.5);
    for (let x = 0; x < WIDTH; x += 2) {
      const from = Math.floor((x / WIDTH) * channel.length);
      const to = Math.max(from + 1, Math.floor(((x + 2) / WIDTH) * channel.length));
      const peak = (Math.max(0, ...channel.slice(from, to)) / peaks.full_scale) * (height / 2 - 1);
      pen.fillRect(x, middle - peak, 1, Math.max(1, peak * 2));
    }
  });
  pen.fillStyle = ink.getPropertyValue("--mark");
  for (const mark of marks) pen.fillRect((mark.at / seconds) * WIDTH, mark.isKey ? 0 : HEIGHT - 8, 2, 8);
  pen.fillStyle = ink.color;
  if (audio && seconds) pen.fillRect((audio.currentTime / seconds) * WIDTH, 0, 2, HEIGHT);
}

// What was said and pressed, at its time in the sound: pauses of the recording are not in it.
function marksOf(recording, segments, entries) {
  const began = new Date(recording.started_at).getTime();
  if (Number.isNaN(began) || !recording.duration_seconds) return [];
  const pauses = pausesOf(entries);
  const found = [
    ...segments.filter((one) => one.final).map((one) => ({ time: one.at, sign: "“", text: one.text, isKey: false })),
    ...entries
      .filter((entry) => entry.event_type === "call.dtmf.received" && (entry.payload || {}).digit)
      .map((entry) => ({ time: entry.occurred_at, sign: "⌨", text: `key ${entry.payload.digit}`, isKey: true })),
  ];
  return found
    .map((mark) => ({ ...mark, at: soundSeconds(new Date(mark.time).getTime(), began, pauses) }))
    .filter((mark) => mark.at >= 0 && mark.at <= recording.duration_seconds)
    .sort((a, b) => a.at - b.at)
    .slice(0, MOST_MARKS);
}

function pausesOf(entries) {
  const found = [];
  for (const entry of entries) {
    const at = new Date(entry.occurred_at).getTime();
    const actions = entry.commands.filter((one) => ["accepted", "already_done"].includes((one.final || one).result)).map((one) => one.action);
    const open = found.length && found.at(-1)[1] === null;
    if (actions.includes("record_pause") && !open) found.push([at, null]);
    if (actions.some((action) => ["record_resume", "record_stop"].includes(action)) && open) found.at(-1)[1] = at;
  }
  return found;
}

function soundSeconds(at, began, pauses) {
  const paused = pauses.map(([from, to]) => Math.max(0, Math.min(at, to === null ? at : to) - Math.max(from, began)));
  return (at - began - paused.reduce((a, b) => a + b, 0)) / 1000;
}
