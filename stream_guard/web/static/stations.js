import { read } from "./api.js";
import { byId, figures, make, notice, pause } from "./dom.js";
import "./frame.js";
import { reasonOf, showState, showUnknown, troubleOf } from "./status.js";
import { put } from "./words.js";

const cards = new Map();

function link(word, path, name) {
  const a = make("a", { word, href: `${path}/${encodeURIComponent(name)}` });
  put(a, "do.for", { what: { word }, name }, "label");
  return a;
}

function newCard(station) {
  const card = {
    element: make("li"),
    state: make("span", { class: "state" }),
    facts: make("p", { class: "quiet figures" }),
    reason: make("p"),
  };
  const title = make("div", { class: "title" }, make("h2", { textContent: station.name }), card.state);
  const links = make("p", { class: "links" }, link("stations.watch", "/live", station.name));
  if (station.whip) links.append(link("stations.publish", "/publish", station.name));
  card.element.append(title, card.facts, card.reason, links);
  byId("stations").append(card.element);
  return card;
}

function pictureOf({ fps, faces }) {
  return [["stations.fps", { fps: { decimal: fps } }], ["stations.faces", { n: faces }]];
}

function show(station) {
  if (!cards.has(station.name)) cards.set(station.name, newCard(station));
  const { state, facts, reason } = cards.get(station.name);
  showState(state, station);
  figures(facts, [...(station.fps ? pictureOf(station) : []), ["stations.viewers", { n: station.viewers }]]);
  notice(reason, reasonOf(station));
}

function dropAllBut(streams) {
  const there = new Set(streams.map((station) => station.name));
  for (const [name, { element }] of cards) {
    if (there.has(name)) continue;
    element.remove();
    cards.delete(name);
  }
}

function showNothing({ state, facts, reason }) {
  showUnknown(state);
  figures(facts, []);
  notice(reason, null);
}

for (;;) {
  try {
    const { streams } = await read("/api/streams");
    dropAllBut(streams);
    streams.forEach(show);
    notice(byId("notice"), streams.length ? null : ["stations.none"]);
  } catch (error) {
    cards.forEach(showNothing);
    notice(byId("notice"), troubleOf(error));
  }
  await pause(document.hidden ? 5000 : 1000);
}
