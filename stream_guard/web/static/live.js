import { read } from "./api.js";
import { byId, make, notice, pause } from "./dom.js";
import "./frame.js";
import { Player } from "./player.js";
import { factsOf, reasonOf, showState, showUnknown, stationInPath, troubleOf } from "./status.js";
import { put } from "./words.js";

const name = stationInPath();
const api = `/api/streams/${encodeURIComponent(name)}`;
let trouble = null;
const hear = (told) => {
  trouble = told;
};
const player = new Player(name, hear, byId("sound"));

function showFacts(station) {
  const facts = byId("facts");
  factsOf(station).forEach(([term, value], i) => {
    const row = facts.children[i] ?? make("div", {}, make("dt", { word: term }), make("dd"));
    if (!row.parentNode) facts.append(row);
    put(row.lastChild, ...value);
  });
}

async function tell() {
  for (;;) {
    try {
      const station = await read(api);
      showState(byId("state"), station);
      showFacts(station);
      notice(byId("notice"), reasonOf(station) ?? trouble);
    } catch (error) {
      showUnknown(byId("state"));
      byId("facts").replaceChildren();
      notice(byId("notice"), troubleOf(error));
    }
    await pause(document.hidden ? 5000 : 1000);
  }
}

put(byId("name"), "as_sent", { text: name });
put(document.querySelector("title"), "live.page", { name });
Object.assign(byId("snapshot"), { href: `${api}/snapshot.jpg`, download: `${name}.jpg` });
byId("full").onclick = () => byId("stage").requestFullscreen?.();
addEventListener("pagehide", () => player.hangUp());
addEventListener("pageshow", (event) => event.persisted && location.reload());
tell();
player.play();
