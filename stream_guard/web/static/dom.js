// Elements, without a line of HTML made from data.

import { put } from "./words.js";

export const byId = (id) => document.getElementById(id);

// `class`, `word`, `label` and `data` are special; all else are properties of the element.
export function make(tag, given = {}, ...children) {
  const { class: classes, word, values, label, data, ...properties } = given;
  const element = Object.assign(document.createElement(tag), properties);
  if (classes) element.className = classes;
  if (data) Object.assign(element.dataset, data);
  if (word) put(element, word, values);
  if (label) put(element, label, values, "label");
  element.append(...children);
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

export function makeSvg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  Object.entries(attributes).forEach(([name, value]) => element.setAttribute(name, value));
  element.append(...children);
  return element;
}

export function icon(name) {
  const use = makeSvg("use", { href: `/static/icons.svg#${name}` });
  return makeSvg("svg", { class: "icon", "aria-hidden": "true" }, use);
}

export function button(word, onclick, classes = "", values = undefined) {
  return make("button", { type: "button", word, values, onclick, class: classes });
}

export const pause = (ms) => new Promise((done) => setTimeout(done, ms));

// Calls once things have been quiet for a while.
export function settled(call, ms) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(call, ms);
  };
}

// Words that say something, or nothing and then no room is taken.
export function notice(element, told) {
  element.hidden = !told;
  if (told) put(element, ...told);
}

// Puts figures side by side; elements that are there already are used again.
export function figures(parent, told) {
  while (parent.children.length > told.length) parent.lastChild.remove();
  told.forEach((words, i) => {
    const span = parent.children[i] ?? parent.appendChild(make("span"));
    put(span, ...words);
  });
  parent.hidden = !told.length;
}
