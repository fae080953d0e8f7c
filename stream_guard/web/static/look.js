// One moment of a file as it would come out, and the settings for it, before all of it is done.

import { ask, jobPath, read, toldOf, withSettings } from "./api.js";
import { newDialog } from "./dialog.js";
import { button, make, notice, settled } from "./dom.js";
import { slider } from "./fields.js";
import { newOptions } from "./options.js";
import { put } from "./words.js";

const SETTLE_MS = 400;
const UNKNOWN_S = 60;

// Resolves once the job has been started, or the window closed.
export async function lookAt(job) {
  const options = await newOptions(job);
  const dialog = newDialog(job, "look.title", { name: job.name });
  const moment = momentOf(job);
  const preview = new Preview(() => {
    const at = job.kind === "video" ? { time_s: moment.read() } : {};
    return withSettings(jobPath(job.id, "/preview.jpg"), options.chosen().settings, at);
  });
  const changed = settled(() => preview.show(), SETTLE_MS);
  options.element.addEventListener("input", changed);
  moment.element.addEventListener("input", changed);
  const start = button("look.start", () => options.valid() && dialog.close("start"), "main");
  const glance = make("p", { class: "quiet", word: "look.glance", hidden: job.kind !== "video" });
  const left = make("div", { class: "seen" }, preview.element, preview.trouble, moment.element, glance);
  dialog.lastChild.append(make("div", { class: "look" }, left, options.element));
  dialog.append(make("div", { class: "bar end" }, start));
  preview.show();
  await dialog.shown();
  if (dialog.returnValue === "start") await ask("POST", jobPath(job.id, "/start"), options.chosen());
}

function momentOf(job) {
  const range = { min: 0, max: job.duration_s || UNKNOWN_S, step: 0.1 };
  const made = slider(["look.moment"], null, range, (at) => ["look.at", { time: { clock: at } }]);
  made.write((job.duration_s ?? 0) / 3);
  made.element.hidden = job.kind !== "video";
  return made;
}

// Shows the newest picture; why there is none, the server tells to those who ask for it as text.
class Preview {
  constructor(address) {
    this.address = address;
    this.picture = make("img");
    this.busy = make("p", { class: "waiting", word: "look.busy" });
    this.element = make("div", { class: "stage" }, this.picture, this.busy);
    this.trouble = make("p", { class: "notice", role: "status", hidden: true });
    put(this.picture, "look.picture", undefined, "alt");
    this.picture.onload = () => this.#settle(null);
    this.picture.onerror = () => read(this.picture.src).catch((error) => this.#settle(toldOf(error)));
  }

  show() {
    this.element.dataset.busy = "";
    this.busy.hidden = false;
    notice(this.trouble, null);
    this.picture.src = this.address();
  }

  #settle(trouble) {
    delete this.element.dataset.busy;
    this.busy.hidden = true;
    this.picture.hidden = trouble !== null;
    notice(this.trouble, trouble);
  }
}
