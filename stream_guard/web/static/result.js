// A finished file in a window: what came out, what was covered, and what to look at before it is released.

import { jobPath, read, toldOf } from "./api.js";
import { comparison } from "./compare.js";
import { newDialog } from "./dialog.js";
import { button, figures, make, notice } from "./dom.js";
import { findings } from "./findings.js";
import { summary } from "./options.js";
import { timeline } from "./timeline.js";
import { put } from "./words.js";

// Resolves to what is wanted next, "again" or "delete", else to the empty text.
export async function openResult(job) {
  const dialog = newDialog(job, "as_sent", { text: job.name });
  const content = dialog.lastChild;
  const video = job.outcome.result_type.startsWith("video/") ? playerOf(job) : null;
  const [line, told] = [make("div"), make("div")];
  content.append(video?.element ?? pictureOf(job), line, actions(job, dialog), told, facts(job));
  tell(job, video, line, told);
  await dialog.shown();
  return dialog.returnValue;
}

// A job that is done again has another result at the same address, which browsers must not take for the old one.
const resultOf = (job) => jobPath(job.id, `/result?finished=${job.finished_at}`);

function pictureOf(job) {
  return comparison(resultOf(job), jobPath(job.id, "/original"));
}

function playerOf(job) {
  const video = make("video", { controls: true, preload: "metadata", playsInline: true });
  put(video, "result.video", undefined, "label");
  const trouble = make("p", { class: "notice", hidden: true });
  const broken = () => {
    video.hidden = true;
    notice(trouble, ["result.no_video"]);
  };
  video.onerror = broken;
  video.src = resultOf(job);
  const seek = (time_s) => {
    video.currentTime = time_s;
    video.scrollIntoView({ block: "nearest" });
  };
  return { element: make("div", { class: "film" }, video, trouble), video, seek };
}

function actions(job, dialog) {
  const link = (word, path) =>
    make("a", { word, class: "button", download: "", href: jobPath(job.id, `${path}?download=1`) });
  const save = link("result.download", "/result");
  save.classList.add("main");
  const again = button("result.again", () => dialog.close("again"));
  const remove = button("do.delete", () => dialog.close("delete"), "danger");
  return make("div", { class: "bar" }, save, link("result.report", "/report"), again, remove);
}

function facts(job) {
  const { outcome } = job;
  const { verified } = outcome;
  const rows = [["facts.faces", ["as_sent", { text: outcome.faces }]]];
  if (job.kind === "video") rows.push(["facts.frames", ["as_sent", { text: outcome.frames }]]);
  if (outcome.frames_whole) rows.push(["facts.whole", ["row.whole_frames", { n: outcome.frames_whole }]]);
  rows.push(
    ["facts.verified", [`facts.verified.${verified}`, { n: outcome.findings }]],
    ["facts.size", ["row.size", { size: { bytes: outcome.bytes_out } }]],
    ["facts.took", ["facts.took.value", { took: { seconds: job.finished_at - job.started_at } }]],
  );
  const list = rows.map(([term, words]) => make("div", {}, make("dt", { word: term }), put(make("dd"), ...words)));
  const settings = make("dd", { class: "figures" });
  figures(settings, summary(job));
  list.push(make("div", { class: "wide" }, make("dt", { word: "facts.settings" }), settings));
  const kept = make("p", { class: "quiet small", word: "result.kept", values: { moment: { moment: job.expires_at } } });
  return make("div", {}, make("dl", { class: "facts" }, ...list), kept);
}

async function tell(job, video, line, told) {
  try {
    const report = await read(jobPath(job.id, "/report"));
    const seek = video?.seek ?? null;
    told.append(...findings(report, seek));
    if (video && report.tracks.length) line.append(faces(report, video));
  } catch (error) {
    const [word, values] = toldOf(error);
    told.append(make("p", { class: "notice", word: "result.no_report", values: { why: { word, values } } }));
  }
}

function faces(report, { video, seek }) {
  const length_s = Math.max(report.frames.last_s ?? 0, report.input.duration_s ?? 0, 0.04);
  const line = timeline(report, length_s, seek);
  video.addEventListener("timeupdate", () => line.follow(video.currentTime));
  return make("section", { class: "part" }, make("h3", { word: "part.timeline" }), line.element);
}
