// Settings of a job in a few words: its style and preset, and what else differs from the server's own.

import { choiceOf } from "./fields.js";

const ALWAYS = ["redact.style", "detect.preset"];

// Returns what to put, word by word, of a job or of what is chosen for one; `fields` as the schema tells.
export function summaryOf({ settings, verify, outcome }, fields) {
  const chosen = (field) => settings[field.section]?.[field.name];
  const always = ALWAYS.flatMap((path) => fields.filter((field) => field.path === path));
  const told = always.map((field) => choiceOf(field, chosen(field) ?? field.initial));
  const changed = fields.filter((field) => !always.includes(field) && chosen(field) !== undefined);
  if (changed.length) told.push(["row.settings", { n: changed.length }]);
  if (verify) told.push([outcome?.verified ? "choice.verified" : "choice.verify"]);
  return told;
}
