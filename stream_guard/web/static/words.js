// Every text of the pages, in the language of who reads them.
//
// An element remembers which words it shows, so that another language can be put in at any time.

import { shown } from "./format.js";
import en from "./words/en.js";
import zh from "./words/zh.js";

const WORDS = { en, zh };
const TAGS = { en: "en", zh: "zh-Hans" };
const PLACES = { word: "", label: "aria-label", alt: "alt", valuetext: "aria-valuetext" };
const STORED = "language";

let language = stored() ?? preferred();

function stored() {
  try {
    const code = localStorage.getItem(STORED);
    return code in WORDS ? code : undefined;
  } catch {
    return undefined; // a browser that keeps nothing
  }
}

function preferred() {
  const codes = navigator.languages.map((tag) => tag.slice(0, 2).toLowerCase());
  return codes.find((code) => code in WORDS) ?? "en";
}

export function spoken() {
  return language;
}

export function speak(code) {
  language = code;
  try {
    localStorage.setItem(STORED, code);
  } catch {
    // it lasts as long as the page, then
  }
  translate();
}

export function knows(key) {
  return key in WORDS[language];
}

// Words are a text with {names} in it, or such texts for one and for others, by `n`.
export function say(key, values = {}) {
  const word = WORDS[language][key];
  if (word === undefined) throw new Error(`There are no words for "${key}".`);
  const text = typeof word === "string" ? word : values.n === 1 ? word.one : word.other;
  return text.replace(/\{(\w+)\}/g, (_, name) => shownHere(values[name]));
}

function shownHere(value) {
  return value?.word ? say(value.word, value.values) : shown(value, TAGS[language]);
}

// Changed only where it differs: a screen reader speaks each change.
export function put(element, key, values, place = "word") {
  element.dataset[place] = key;
  if (values) element.dataset[`${place}Values`] = JSON.stringify(values);
  else delete element.dataset[`${place}Values`];
  fill(element, place);
  return element;
}

function fill(element, place) {
  const text = say(element.dataset[place], JSON.parse(element.dataset[`${place}Values`] ?? "{}"));
  const attribute = PLACES[place];
  if (attribute) element.setAttribute(attribute, text);
  else if (element.textContent !== text) element.textContent = text;
}

export function translate() {
  document.documentElement.lang = TAGS[language];
  for (const place of Object.keys(PLACES)) {
    document.querySelectorAll(`[data-${place}]`).forEach((element) => fill(element, place));
  }
}
