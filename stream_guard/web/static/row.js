// One file in the list: what it is, how it fares, and what can be done with it.

import { jobPath, tellError } from "./api.js";
import { button, figures, icon, make, notice } from "./dom.js";
import { summary } from "./options.js";
import { put } from "./words.js";

const MOODS = {
  done: "good", look: "warn", leak: "bad", failed: "bad", refused: "bad", retrying: "warn", waiting: "warn",
};
const ACTIONS = {
  pending: ["cancel"], sending: ["cancel"], finishing: [], retrying: ["cancel"], refused: ["retry", "remove"],
  waiting: ["look", "start", "delete"], queued: ["cancel"], running: ["cancel"],
  done: ["open", "download", "delete"], failed: ["retry", "look", "delete"],
  cancelled: ["retry", "look", "delete"],
};
const FIRST = new Set(["open", "look"]);
const MOVING = new Set(["sending", "finishing", "running"]);
ACTIONS.look = ACTIONS.leak = ACTIONS.done;

// Done is not always well: the list must not say so where somebody has to look.
export function stateOf(job) {
  const { state, outcome } = job;
  if (state !== "done" || !outcome) return state;
  if (outcome.findings > 0) return "leak";
  return outcome.frames_whole > 0 || outcome.places > 0 || outcome.warnings.length > 0 ? "look" : "done";
}

export class Row {
  // `act(action, row)` hears of what is pressed.
  constructor(name, act) {
    Object.assign(this, { name, act, job: null, upload: null, kind: "" });
    this.icon = make("span", { class: "kind" }, icon("file"));
    this.state = make("span", { class: "state" });
    this.facts = make("p", { class: "quiet figures" });
    this.progress = make("progress", { max: 1 });
    this.figures = make("p", { class: "figures" });
    this.why = make("p", { class: "why", hidden: true });
    this.actions = make("div", { class: "bar actions" });
    const title = make("div", { class: "title" }, make("h3", { textContent: name, dir: "auto" }), this.state);
    const body = make("div", { class: "body" }, title, this.facts, this.progress, this.figures, this.why);
    this.element = make("li", { class: "job" }, this.icon, body, this.actions);
    put(this.progress, "row.progress", { name }, "label");
  }

  showUpload(upload) {
    this.upload = upload;
    const { state, file, sent, failure } = upload;
    this.#state(state === "failed" ? "refused" : state);
    figures(this.facts, [["row.size", { size: { bytes: file.size } }]]);
    const moving = state === "sending" && sent > 0;
    this.#progress(state === "sending" ? upload.share : state === "finishing" ? 1 : null);
    figures(this.figures, moving ? [["row.sent", { sent: { bytes: sent }, size: { bytes: file.size } }]] : []);
    notice(this.why, failure && ["failed", "retrying"].includes(state) ? tellOf(upload) : null);
  }

  showJob(job) {
    Object.assign(this, { job, upload: null });
    this.#kind(job.kind);
    this.#state(stateOf(job));
    figures(this.facts, factsOf(job));
    this.#progress(isBeingProven(job) ? null : (job.progress?.share ?? null));
    figures(this.figures, job.state === "running" ? progressOf(job) : outcomeOf(job));
    notice(this.why, job.state === "failed" ? tellError(job.code, job.message) : null);
  }

  #kind(kind) {
    if (!kind || kind === this.kind) return;
    this.kind = kind;
    this.icon.replaceChildren(icon(kind));
  }

  #state(state) {
    this.element.dataset.state = state;
    put(this.state, `state.${state}`);
    this.state.dataset.mood = MOODS[state] ?? "";
    this.progress.hidden = !MOVING.has(state);
    this.#offer(ACTIONS[state] ?? []);
  }

  #progress(share) {
    if (share === null) this.progress.removeAttribute("value");
    else this.progress.value = share;
  }

  // Buttons stay while they mean the same, and whoever was at one of them is not thrown out of the row.
  #offer(actions) {
    if (this.actions.dataset.offered === actions.join()) return;
    const here = this.actions.contains(document.activeElement);
    this.actions.dataset.offered = actions.join();
    this.actions.replaceChildren(...actions.map((action) => this.#button(action)));
    if (here) this.focus();
  }

  #button(action) {
    const word = `do.${action}`;
    const made = action === "download" ? this.#download(word) : this.#pressed(action, word);
    made.dataset.action = action;
    return put(made, "do.for", { what: { word }, name: this.name }, "label");
  }

  #pressed(action, word) {
    return button(word, () => this.act(action, this), FIRST.has(action) ? "strong" : "");
  }

  #download(word) {
    return make("a", { word, class: "button", download: "", href: jobPath(this.job.id, "/result?download=1") });
  }

  focus() {
    this.element.tabIndex = -1;
    (this.actions.firstElementChild ?? this.element).focus();
  }
}

function tellOf({ state, failure, retryAt }) {
  const told = tellError(failure.code, failure.message, failure.status);
  if (state !== "retrying") return told;
  return ["row.why_again", { why: { word: told[0], values: told[1] }, moment: { moment: retryAt } }];
}

function factsOf(job) {
  const told = job.kind ? [[`kind.${job.kind}`]] : [];
  told.push(["row.size", { size: { bytes: job.bytes_in } }], ...summary(job));
  const over = ["done", "failed", "cancelled"].includes(job.state);
  if (over) told.push(["row.kept", { moment: { moment: job.expires_at } }]);
  return told;
}

// All frames are written; how long the proof takes is not known.
const isBeingProven = ({ state, verify, progress }) => state === "running" && verify && progress?.share === 1;

function progressOf(job) {
  const { kind, progress } = job;
  if (!progress) return [];
  if (isBeingProven(job)) return [["row.proving"], ["row.faces", { n: progress.faces }]];
  const told = progress.share === null ? [["row.frames", { n: progress.frames }]] : [share(progress)];
  if (kind !== "picture") {
    told.push(["row.fps", { fps: { decimal: progress.fps } }]);
    told.push(["row.speed", { speed: { decimal: progress.times_real_time } }]);
    if (progress.left_s !== null) told.push(["row.left", { left: { seconds: progress.left_s } }]);
  }
  return [...told, ["row.faces", { n: progress.faces }]];
}

const share = (progress) => ["row.share", { share: { share: progress.share } }];

function outcomeOf({ outcome }) {
  if (!outcome) return [];
  const told = [outcome.faces ? ["row.faces", { n: outcome.faces }] : ["row.no_faces"]];
  if (outcome.findings) told.push(["row.findings", { n: outcome.findings }]);
  if (outcome.frames_whole) told.push(["row.whole", { n: outcome.frames_whole }]);
  if (outcome.warnings.length) told.push(["row.warnings", { n: outcome.warnings.length }]);
  if (outcome.places) told.push(["row.places", { n: outcome.places }]);
  return told;
}
