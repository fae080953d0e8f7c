// What a person should know of a result before it is released, in words, the worst first.

import { make } from "./dom.js";
import { told } from "./reasons.js";
import { put } from "./words.js";

const MOST = 50;

// Returns sections; those that have nothing to say are left out.
export function findings(report, seek) {
  const leaks = report.verification?.findings ?? [];
  const warnings = [...report.warnings.map(told), ...report.notes.map(told), ...droppedWords(report)];
  const places = report.review.filter((place) => place.reason !== "whole");
  return [
    section("part.leaks", "bad", leaks, (one) => [when(one, seek), says(leakWord(one))]),
    section("part.whole", "warn", report.covered_whole, (one) => [when(one, seek), says(told(one.reason))]),
    section("part.places", "warn", places, (one) => [when(one, seek), says([`place.${one.reason}`])]),
    section("part.warnings", "", warnings, (words) => [says(words)]),
  ].filter(Boolean);
}

function leakWord({ kind, what }) {
  return [`finding.${kind}`, { what }];
}

function droppedWords({ dropped }) {
  return dropped.length ? [["warning.dropped", { text: dropped.join(", ") }]] : [];
}

function says(words) {
  return put(make("span"), ...words);
}

function section(key, mood, all, parts) {
  if (!all.length) return null;
  const items = all.slice(0, MOST).map((one) => make("li", {}, ...parts(one)));
  if (all.length > MOST) items.push(make("li", { word: "more.places", values: { n: all.length - MOST } }));
  const heading = make("h3", { word: key });
  return make("section", { class: "part", data: { mood } }, heading, make("ul", {}, ...items));
}

// A time is a button where there is a video that can be moved there, and left out where there is no time.
function when({ first_s, last_s, time_s }, seek) {
  if (first_s === null || last_s === null || first_s === undefined) return "";
  if (!seek) return "";
  const values = { from: { clock: first_s }, to: { clock: last_s } };
  const go = make("button", { type: "button", class: "time", onclick: () => seek(time_s ?? first_s) });
  put(go, "time.go", { time: { clock: time_s ?? first_s } }, "label");
  return put(go, first_s === last_s ? "time.at" : "time.span", { ...values, time: values.from });
}
