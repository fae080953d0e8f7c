import { pause, read, reasonOf, showNotice, showState } from "./status.js";

const list = document.getElementById("stations");
const notice = document.getElementById("notice");
const cards = new Map();

function link(text, path, name) {
  const a = document.createElement("a");
  a.href = `${path}/${encodeURIComponent(name)}`;
  a.textContent = text;
  a.setAttribute("aria-label", `${text} ${name}`);
  return a;
}

function newCard(station) {
  const item = document.createElement("li");
  const title = document.createElement("div");
  title.className = "title";
  const name = document.createElement("h2");
  name.textContent = station.name;
  const state = document.createElement("span");
  state.className = "state";
  title.append(name, state);
  const facts = document.createElement("p");
  facts.className = "quiet";
  const reason = document.createElement("p");
  const links = document.createElement("p");
  links.className = "links";
  links.append(link("Watch", "/live", station.name));
  if (station.whip) links.append(link("Publish", "/publish", station.name));
  item.append(title, facts, reason, links);
  list.append(item);
  return { state, facts, reason };
}

function show(station) {
  if (!cards.has(station.name)) cards.set(station.name, newCard(station));
  const card = cards.get(station.name);
  showState(card.state, station.state);
  const people = station.viewers === 1 ? "1 viewer" : `${station.viewers} viewers`;
  const faces = station.faces === 1 ? "1 face covered" : `${station.faces} faces covered`;
  card.facts.textContent = `${station.fps.toFixed(1)} frames per second · ${faces} · ${people}`;
  showNotice(card.reason, reasonOf(station));
}

for (;;) {
  try {
    const { streams } = await read("/api/streams");
    streams.forEach(show);
    showNotice(notice, streams.length ? "" : "There is no station yet.");
  } catch {
    showNotice(notice, "The server does not answer; trying again.");
  }
  await pause(document.hidden ? 5000 : 1000);
}
