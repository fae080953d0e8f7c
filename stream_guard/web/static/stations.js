import { read } from "./api.js";
import { byId, figures, make, notice, pause } from "./dom.js";
import "./frame.js";
import { reasonOf, showState } from "./status.js";
import { put } from "./words.js";

const cards = new Map();

function link(word, path, name) {
  const a = make("a", { word, href: `${path}/${encodeURIComponent(name)}` });
  put(a, "do.for", { what: { word }, name }, "label");
  return a;
}

function newCard(station) {
  const card = {
    state: make("span", { class: "state" }),
    facts: make("p", { class: "quiet figures" }),
    reason: make("p"),
  };
  const title = make("div", { class: "title" }, make("h2", { textContent: station.name }), card.state);
  const links = make("p", { class: "links" }, link("stations.watch", "/live", station.name));
  if (station.whip) links.append(link("stations.publish", "/publish", station.name));
  byId("stations").append(make("li", {}, title, card.facts, card.reason, links));
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

for (;;) {
  try {
    const { streams } = await read("/api/streams");
    streams.forEach(show);
    notice(byId("notice"), streams.length ? null : ["stations.none"]);
  } catch {
    notice(byId("notice"), ["stations.no_server"]);
  }
  await pause(document.hidden ? 5000 : 1000);
}
