// The page of files: takes them in, and keeps the list as the server has it.

import { announce } from "./announce.js";
import { ask, followJobs, jobPath, read, toldOf } from "./api.js";
import { confirmed } from "./confirm.js";
import { closeWindowOf } from "./dialog.js";
import { byId, notice } from "./dom.js";
import { takeFiles } from "./drop.js";
import "./frame.js";
import { lookAt } from "./look.js";
import { startOptions } from "./options.js";
import { openResult } from "./result.js";
import { Row } from "./row.js";
import { placeIsFree, Upload } from "./upload.js";

const rows = new Map(); // by job id
const uploads = new Map(); // row by upload
const early = new Map(); // jobs that may be an upload whose answer is on its way
const options = startOptions(byId("options"));
let largest = Infinity;

// -- files on their way in --------------------------------------------------------------------------

async function add(files) {
  const form = await options;
  if (!form.valid()) return;
  const fresh = files.map((file) => newUpload(file, queryFor(file, form)));
  byId("jobs").prepend(...fresh.map((upload) => uploads.get(upload).element));
  fresh.forEach((upload) => upload.begin());
  showBars();
}

function queryFor(file, form) {
  const { settings, verify } = form.chosen();
  return { name: file.name, start: byId("at-once").checked, verify, settings: JSON.stringify(settings) };
}

function newUpload(file, query) {
  const upload = new Upload(file, query, largest, (changed) => follow(changed, row));
  const row = new Row(file.name, act);
  uploads.set(upload, row);
  announce("files.added", file.name);
  return upload;
}

// Settings that were refused would be so again: the page's own are taken, as they are by now.
async function sendAgain(upload) {
  if (upload.failure.code === "settings") {
    const form = await options;
    if (!form.valid()) return;
    upload.query = queryFor(upload.file, form);
  }
  upload.retry();
}

function follow(upload, row) {
  if (upload.state !== "over") return row.showUpload(upload);
  uploads.delete(upload);
  if (upload.job) {
    rows.set(upload.job.id, row);
    row.showJob(early.get(upload.job.id) ?? upload.job);
    early.delete(upload.job.id);
  } else {
    drop(row);
  }
  takeEarly();
  return showBars();
}

function takeEarly() {
  const jobs = [...early.values()];
  early.clear();
  jobs.forEach(take);
}

// -- the list as the server has it ------------------------------------------------------------------

function take(job) {
  const row = rows.get(job.id);
  if (!row && job.state === "uploading") return; // somebody's, or one of ours that has its row
  if (!row && [...uploads.keys()].some((one) => one.sends(job.bytes_in))) {
    early.set(job.id, job);
    return;
  }
  if (row?.job && row.job.state !== job.state) moved(job);
  (row ?? newRow(job)).showJob(job);
  showBars();
}

function moved(job) {
  if (job.state === "done") announce("files.ended", job.name);
  if (job.state === "failed") announce("files.failed", job.name);
  if (job.state !== "queued") placeIsFree();
}

function newRow(job) {
  const row = new Row(job.name, act);
  rows.set(job.id, row);
  const older = [...rows.values()].filter((one) => one.job?.created_at < job.created_at);
  const next = older.reduce((a, b) => (a && a.job.created_at > b.job.created_at ? a : b), null);
  byId("jobs").insertBefore(row.element, next?.element ?? null);
  return row;
}

function forget(id) {
  early.delete(id);
  closeWindowOf(id);
  const row = rows.get(id);
  rows.delete(id);
  if (row) drop(row);
  showBars();
}

function drop(row) {
  const here = row.element.contains(document.activeElement);
  const beside = row.element.nextElementSibling ?? row.element.previousElementSibling;
  row.element.remove();
  if (here) (beside?.querySelector("button") ?? byId("choose")).focus();
}

// Whatever went while nobody listened is not told again: ask for all, which also tells what is wrong.
async function compare() {
  const before = [...rows.keys()]; // what comes while we ask is not in the answer, and is not gone
  try {
    const { jobs, keep_hours: n, upload_bytes: most } = await read("/api/jobs");
    const there = new Set(jobs.map((job) => job.id));
    before.filter((id) => !there.has(id)).forEach(forget);
    largest = most ?? Infinity;
    notice(byId("limit"), most ? ["files.limit", { size: { bytes: most } }] : null);
    notice(byId("kept"), ["files.kept", { n }]);
    notice(byId("notice"), null);
  } catch (error) {
    notice(byId("notice"), error.code === "no_answer" ? ["files.no_server"] : toldOf(error));
  }
}

// -- what can be done -------------------------------------------------------------------------------

const ACTS = {
  open: (row) => openResult(row.job).then((next) => NEXT[next]?.(row)),
  look: ({ job }) => lookAt(job),
  start: ({ job }) => ask("POST", jobPath(job.id, "/start"), {}),
  retry: ({ job, upload }) => (upload ? sendAgain(upload) : ask("POST", jobPath(job.id, "/start"), {})),
  cancel: ({ job, upload }) => (upload ? upload.cancel() : ask("POST", jobPath(job.id, "/cancel"))),
  remove: ({ upload }) => upload.cancel(),
  delete: (row) => remove(row),
};

const NEXT = { again: (row) => lookAt(row.job), delete: (row) => remove(row) };

// What comes of it is told by the events, in their order: an answer may be older than what is shown.
async function act(action, row) {
  notice(byId("notice"), null);
  try {
    await ACTS[action](row);
  } catch (error) {
    notice(byId("notice"), toldOf(error));
  }
}

async function remove({ job }) {
  if (!(await confirmed("delete.sure", { name: job.name }))) return;
  await ask("DELETE", jobPath(job.id));
  forget(job.id);
}

const inState = (...states) => [...rows.values()].filter((row) => states.includes(row.job?.state));
const over = () => inState("done", "failed", "cancelled");

function showBars() {
  byId("work").hidden = rows.size + uploads.size === 0;
  byId("start-all").hidden = inState("waiting").length < 2;
  byId("zip").hidden = inState("done").length === 0;
  byId("delete-over").hidden = over().length < 2;
}

byId("start-all").onclick = () => inState("waiting").forEach((row) => act("start", row));
byId("delete-over").onclick = async () => {
  const all = over();
  if (!(await confirmed("files.delete_over.sure", { n: all.length }))) return;
  for (const { job } of all) {
    await ask("DELETE", jobPath(job.id)).then(() => forget(job.id), (error) => notice(byId("notice"), toldOf(error)));
  }
};

addEventListener("beforeunload", (event) => {
  if ([...uploads.keys()].some((upload) => upload.running)) event.preventDefault();
});
takeFiles(add);
await options; // rows tell settings by their names
followJobs({ job: take, deleted: forget, back: compare, lost: compare });
