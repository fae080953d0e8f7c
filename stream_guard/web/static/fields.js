// An input for each kind of setting; all can be read and written alike.

import { make } from "./dom.js";
import { LISTS } from "./schema.js";
import { knows, put, say } from "./words.js";

// Words of our own if there are any, else what the schema says.
export function nameOf(field) {
  return knows(`set.${field.path}`) ? [`set.${field.path}`] : ["as_sent", { text: field.title }];
}

export function choiceOf(field, value) {
  const key = field.path === "redact.style" ? `style.${value}` : `choice.${field.path}.${value}`;
  return knows(key) ? [key] : ["as_sent", { text: value }];
}

let helps = 0;

// What a setting is called is its label; what it is good for is told after that, and not as a part of it.
function described(classes, input, label, key) {
  if (!key) return make("div", { class: classes }, label);
  helps += 1;
  const help = make("small", { id: `help-${helps}`, class: "quiet", word: key });
  input.setAttribute("aria-describedby", help.id);
  return make("div", { class: classes }, label, help);
}

function helpOf(field) {
  const key = `set.${field.path}.help`;
  return knows(key) ? key : null;
}

function labelled(field, input) {
  const name = put(make("span", { class: "name" }), ...nameOf(field));
  return described("field", input, make("label", {}, name, input), helpOf(field));
}

export function flag(field, of = [true, false], words = nameOf(field)) {
  const input = make("input", { type: "checkbox" });
  const label = make("label", {}, input, put(make("span"), ...words));
  return {
    element: described("flag", input, label, helpOf(field)),
    read: () => (input.checked ? of[0] : of[1]),
    write: (value) => {
      input.checked = value === of[0];
    },
  };
}

function choice(field) {
  const options = field.choices.map((value) => put(make("option", { value }), ...choiceOf(field, value)));
  const input = make("select", {}, ...options);
  return { element: labelled(field, input), read: () => input.value, write: (value) => (input.value = value) };
}

function number(field) {
  const input = make("input", {
    type: "number", min: field.least ?? "", max: field.most ?? "", step: field.whole ? 1 : "any", required: true,
  });
  const read = () => (input.value === "" ? field.initial : Number(input.value)); // nothing is no 0
  return { element: labelled(field, input), read, write: (value) => (input.value = value) };
}

function text(field) {
  const input = make("input", { type: field.kind === "colour" ? "color" : "text", spellcheck: false });
  return { element: labelled(field, input), read: () => input.value, write: (value) => (input.value = value ?? "") };
}

function list(field) {
  const { written, parsed, fits } = LISTS[field.kind];
  const input = make("input", { type: "text", spellcheck: false });
  const check = () => {
    const fault = fits(parsed(input.value), field) ? "" : say(`field.${field.kind}`, { names: field.choices.join(", ") });
    input.setCustomValidity(fault);
  };
  input.addEventListener("input", check);
  return {
    element: labelled(field, input),
    read: () => (input.validity.valid ? parsed(input.value) : field.initial),
    write: (value) => {
      input.value = written(value);
      check();
    },
  };
}

// `said` turns the value into what is put beside the slider, and read out.
export function slider(name, helped, range, said) {
  const input = make("input", { type: "range", ...range });
  const value = make("span", { class: "value", ariaHidden: "true" });
  const show = () => {
    put(value, ...said(Number(input.value)));
    put(input, ...said(Number(input.value)), "valuetext");
  };
  input.addEventListener("input", show);
  const title = make("span", { class: "name" }, put(make("span"), ...name), value);
  return {
    element: described("field", input, make("label", {}, title, input), helped),
    read: () => Number(input.value),
    write: (given) => {
      input.value = given;
      show();
    },
  };
}

const KINDS = { flag, choice, number, text, list, zones: list, colour: text };

export function inputFor(field) {
  return KINDS[field.kind](field);
}
