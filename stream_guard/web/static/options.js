// The form of a job's settings, and the one on the page that new files get.

import { read, toldOf, withSettings } from "./api.js";
import { button, byId, figures, make, notice, settled } from "./dom.js";
import { choiceOf, flag, inputFor, nameOf, slider } from "./fields.js";
import { fieldsOf } from "./schema.js";
import { styleCards } from "./styles.js";
import { summaryOf } from "./summary.js";

const MARGINS = ["redact.margin_side", "redact.margin_above", "redact.margin_below"];
const FIRST = ["detect.preset", "detect.confidence"];
const FLAGS = ["output.audio", "redact.draw_boxes"];
const EXAMPLE_MS = 300;
let fields = null;

export class Options {
  constructor(fields, { settings = {}, verify = false } = {}) {
    this.fields = new Map(fields.map((field) => [field.path, field]));
    this.inputs = new Map();
    this.element = make("div", { class: "options" });
    this.styles = styleCards(this.fields.get("redact.style"));
    this.strength = slider(["strength"], "strength.help", { min: 0.5, max: 3, step: 0.1 }, shareWord);
    this.proof = flag({ path: "verify" }, [true, false], ["set.verify"]);
    this.#lay();
    this.write(settings, verify);
    this.element.addEventListener("input", settled(() => this.#showExamples(), EXAMPLE_MS));
  }

  chosen() {
    const settings = {};
    for (const [path, input] of this.inputs) this.#note(settings, path, input.read());
    const strength = this.strength.read();
    if (strength !== 1) MARGINS.forEach((path) => this.#note(settings, path, this.#margin(path, strength)));
    return { settings, verify: this.proof.read() };
  }

  // Tells what does not fit to whoever filled it in, if anything does not.
  valid() {
    const wrong = [...this.element.querySelectorAll("input")].find((input) => !input.validity.valid);
    for (let at = wrong?.closest("details"); at; at = at.parentElement.closest("details")) at.open = true;
    wrong?.reportValidity();
    return !wrong;
  }

  write(settings, verify) {
    for (const [path, input] of this.inputs) input.write(this.#valueIn(settings, path));
    const side = this.fields.get(MARGINS[0]).initial;
    this.strength.write(this.#valueIn(settings, MARGINS[0]) / side || 1);
    this.proof.write(verify);
    this.#showExamples();
  }

  #valueIn(settings, path) {
    const { section, name, initial } = this.fields.get(path);
    return settings[section]?.[name] ?? initial;
  }

  #margin(path, strength) {
    const { initial, most = 2 } = this.fields.get(path);
    return Math.min(Number((initial * strength).toFixed(4)), most);
  }

  #note(settings, path, value) {
    const { section, name, initial } = this.fields.get(path);
    if (JSON.stringify(value) === JSON.stringify(initial)) return; // lists are new ones whenever they are read
    settings[section] = { ...settings[section], [name]: value };
  }

  #input(path) {
    const field = this.fields.get(path);
    this.inputs.set(path, this.#make(field));
    return this.inputs.get(path).element;
  }

  #make(field) {
    if (field.path === "output.audio") return flag(field, ["keep", "drop"], choiceOf(field, "keep"));
    if (field.path !== "detect.confidence") return inputFor(field);
    const range = { min: field.least, max: field.most, step: 0.05 };
    return slider(nameOf(field), "set.detect.confidence.help", range, (n) => ["as_sent", { text: n }]);
  }

  #lay() {
    this.inputs.set("redact.style", this.styles);
    const here = (path) => this.fields.has(path);
    const first = make("div", { class: "grid" }, this.strength.element, ...FIRST.filter(here).map((p) => this.#input(p)));
    const flags = make("div", { class: "grid" }, ...FLAGS.filter(here).map((p) => this.#input(p)), this.proof.element);
    const rest = [...this.fields.keys()].filter((path) => !this.inputs.has(path) && !MARGINS.includes(path));
    const more = make(
      "details", {}, make("summary", { word: "options.more" }),
      make("div", { class: "grid" }, ...rest.map((path) => this.#input(path))),
    );
    const reset = button("options.reset", () => {
      this.write({}, false);
      this.element.dispatchEvent(new Event("input"));
    }, "plain");
    this.element.append(this.styles.element, first, flags, more, make("div", { class: "bar" }, reset));
  }

  #showExamples() {
    const { redact = {} } = this.chosen().settings;
    this.styles.show((style, weak) => {
      const settings = { redact: { ...redact, style, ...(weak ? { allow_weak: true } : {}) } };
      return withSettings("/api/settings/example.jpg", settings);
    }, redact.allow_weak ?? false);
  }
}

function shareWord(share) {
  return ["strength.value", { share: { share } }];
}

async function load() {
  fields ??= fieldsOf(await read("/api/settings/schema"));
}

export async function newOptions(given) {
  await load();
  return new Options(fields, given);
}

export function summary(job) {
  return summaryOf(job, fields ?? []);
}

// Without a schema, files get the server's own settings.
export async function startOptions(form) {
  try {
    const options = await newOptions({});
    form.append(options.element);
    const tell = () => figures(byId("chosen"), summary(options.chosen()));
    options.element.addEventListener("input", tell);
    tell();
    return options;
  } catch (error) {
    const [word, values] = toldOf(error);
    notice(byId("notice"), ["options.broken", { why: { word, values } }]);
    return { chosen: () => ({ settings: {}, verify: false }), valid: () => true };
  }
}
