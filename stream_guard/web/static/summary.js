// Settings of a job in a few words: its style and preset, and what else differs from the server's own.

import { choiceOf } from "./fields.js";

const ALWAYS = ["redact.style", "detect.preset"];

// Returns what to put, word by word; `verify` as the job has it, `fields` as the schema tells.
export function summaryOf(settings, verify, fields) {
  const chosen = (field) => settings[field.section]?.[field.name];
  const always = ALWAYS.flatMap((path) => fields.filter((field) => field.path === path));
  const told = always.map((field) => choiceOf(field, chosen(field) ?? field.initial));
  const changed = fields.filter((field) => !always.includes(field) && chosen(field) !== undefined);
  if (changed.length) told.push(["row.settings", { n: changed.length }]);
  if (verify) told.push(["choice.verify"]);
  return told;
}
