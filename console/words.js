// What the pages say: times, events, commands, results and reasons in words.

const LATE_SECONDS = 2;

export function clock(text) {
  const at = new Date(text);
  return Number.isNaN(at.getTime()) ? "" : at.toLocaleTimeString([], { hour12: false });
}

export function day(text) {
  const at = new Date(text);
  return Number.isNaN(at.getTime()) ? "" : at.toLocaleDateString([], { dateStyle: "medium" });
}

// Seconds as minutes and seconds: 3:07.
export function length(seconds) {
  if (seconds === null || seconds === undefined) return "";
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

export function bytes(size) {
  return size >= 1e6 ? `${(size / 1e6).toFixed(1)} MB` : `${Math.ceil(size / 1000)} kB`;
}

const NAMES = {
  "call.dtmf.received": "Key pressed",
  "call.transcription": "Said",
  "call.hangup": "Ended",
  "call.machine.detection.ended": "Machine detection ended",
  "hookline.action": "From outside",
  record_start: "Start recording",
  record_stop: "Stop recording",
  record_pause: "Pause recording",
  record_resume: "Resume recording",
  transcription_start: "Start transcription",
  transcription_stop: "Stop transcription",
  hangup: "Hang up",
};

// `record_pause` and `call.speak.ended` in words.
export function named(name) {
  if (Object.hasOwn(NAMES, name)) return NAMES[name];
  const text = name.replace(/^(call|hookline)\./, "").replace(/[._]/g, " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export function late(entry) {
  const seconds = (new Date(entry.received_at) - new Date(entry.occurred_at)) / 1000;
  return seconds >= LATE_SECONDS ? `came ${seconds < 90 ? `${Math.round(seconds)} s` : length(seconds)} late` : "";
}

const RESULTS = {
  accepted: "accepted",
  already_done: "was done already",
  queued: "waits in the command queue",
  refused: "refused",
  call_ended: "not done: the call had ended",
  superseded: "not sent: a newer command came first",
  expired: "not sent: it had waited too long",
  retry_later: "no answer yet",
};

// What became of a command of an entry. Its `final` was recorded later: by the queue's sender, or for an action at once.
export function outcome(command, entry) {
  const result = command.final || command;
  const words = (Object.hasOwn(RESULTS, result.result) ? RESULTS[result.result] : String(result.result));
  const code = result.code ? `, Telnyx's code ${result.code}` : "";
  const time = result.milliseconds ? `, ${Math.round(result.milliseconds)} ms` : "";
  const queued = command.final && result.result === "accepted" && entry.event_type !== "hookline.action" ? ", out of the queue" : "";
  return words + code + time + queued;
}

// What a command says, plays or calls.
export function subject(command) {
  const { payload, audio_url: url, to } = command.params || {};
  return payload ? `“${payload}”` : url || to || "";
}

export function isBad(command) {
  return ["refused", "expired"].includes((command.final || command).result);
}

const DETAILS = [
  ["digit", (value) => `key ${value}`],
  ["digits", (value) => `keys ${value}`],
  ["hangup_cause", (value) => named(value).toLowerCase()],
  ["result", (value) => String(value)],
  ["status", (value) => String(value)],
  ["failure_reason", (value) => String(value)],
];

// What tells one event from another of its type, in a few words.
export function detail(entry) {
  const payload = entry.payload || {};
  if (entry.event_type === "hookline.action") return `${named(payload.action || "")}, by ${payload.caller || "?"}`;
  if (entry.event_type === "call.transcription") return `“${(payload.transcription_data || {}).transcript || ""}”`;
  if (entry.event_type === "call.initiated") return `${payload.from || "?"} to ${payload.to || "?"}`;
  return DETAILS.filter(([key]) => typeof payload[key] === "string" && payload[key])
    .map(([key, words]) => words(payload[key]))
    .join(", ");
}

const TROUBLES = {
  command_refused: "Telnyx refused a command",
  dial_refused: "A call was not allowed",
  api_key_refused: "Telnyx refused the API key",
  flow_failed: "The flow has failed",
};

export function trouble(code) {
  return Object.hasOwn(TROUBLES, code) ? TROUBLES[code] : named(code);
}

// Of API Gateway, which answers without a problem document.
const REFUSALS = {
  401: "Your sign-in has ended.",
  403: "Your token may not do this: it lacks the scope.",
  429: "Too many requests at once. Wait a second.",
};

// A problem of the API, or an error of ours, as one sentence or two.
export function reason(error) {
  const document = error.document;
  if (!document) return error.message;
  const errors = (document.errors || []).map((one) => `${one.pointer.replace(/^[/?]/, "")} ${one.detail}`);
  const code = document.telnyx_code ? `Telnyx's code is ${document.telnyx_code}.` : "";
  if (!document.title && Object.hasOwn(REFUSALS, error.status)) return REFUSALS[error.status];
  return [`${document.title || error.message}.`, errors.join("; "), document.detail || "", code, document.advice || ""]
    .filter(Boolean)
    .join(" ");
}

// An argument of a shell's command line.
export function quoted(text) {
  return /^[A-Za-z0-9_+./:@=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
